/* The few I2C calls that the client programs share, on linux/i2c-dev.h. Each returns an errno, 0 for success. */
#ifndef BUS_H
#define BUS_H

#include "expect.h"

#include <fcntl.h>
#include <linux/i2c-dev.h>
#include <linux/i2c.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* What the programs talk to unless told otherwise: OUTLIVE_CLIENT_DEVICE and OUTLIVE_CLIENT_ADDRESS change it. The chip
 * is a 24c02: 256 bytes, pages of 8. */
static inline const char *device_path(void)
{
	const char *path = getenv("OUTLIVE_CLIENT_DEVICE");
	return path ? path : "/dev/i2c-7";
}

static inline unsigned short chip_address(void)
{
	const char *address = getenv("OUTLIVE_CLIENT_ADDRESS");
	return address ? argument_number(address) : 0x50;
}

static inline int open_device(int flags)
{
	int fd = open(device_path(), flags);
	if (fd < 0)
		give_up("cannot open %s: %s. Is this running under 'outlive run --device i2c:24c02@0x50,bus=7'?",
			device_path(), strerror(errno));
	return fd;
}

static inline int select_chip(int fd, unsigned long address)
{
	return failed_with(ioctl(fd, I2C_SLAVE, address));
}

static inline int functionality(int fd, unsigned long *functions)
{
	return failed_with(ioctl(fd, I2C_FUNCS, functions));
}

static inline int smbus(int fd, uint8_t direction, uint8_t command, uint32_t size, union i2c_smbus_data *data)
{
	struct i2c_smbus_ioctl_data request = {.read_write = direction, .command = command, .size = size, .data = data};
	return failed_with(ioctl(fd, I2C_SMBUS, &request));
}

static inline int read_register(int fd, uint8_t reg, uint8_t *value)
{
	union i2c_smbus_data data = {0};
	int error = smbus(fd, I2C_SMBUS_READ, reg, I2C_SMBUS_BYTE_DATA, &data);
	*value = data.byte;
	return error;
}

static inline int write_register(int fd, uint8_t reg, uint8_t value)
{
	union i2c_smbus_data data = {.byte = value};
	return smbus(fd, I2C_SMBUS_WRITE, reg, I2C_SMBUS_BYTE_DATA, &data);
}

static inline int transfer(int fd, struct i2c_msg *messages, uint32_t count)
{
	struct i2c_rdwr_ioctl_data request = {.msgs = messages, .nmsgs = count};
	return failed_with(ioctl(fd, I2C_RDWR, &request));
}

/* Opens the device and chooses the chip. */
static inline int open_chip(int flags)
{
	int fd = open_device(flags), error = select_chip(fd, chip_address());
	if (error)
		give_up("I2C_SLAVE 0x%x: %s", chip_address(), errno_name(error));
	return fd;
}

#endif
