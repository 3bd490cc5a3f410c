/* What a C program does with a device file: the names, the open flags, the calls on the descriptor, each with what
 * Linux' i2c-dev answers (drivers/i2c/i2c-dev.c). Built with -static it shows that nothing depends on the C library.
 *
 *   file_calls                     needs a 24c02 at 0x50 on bus 7 and no bus 99
 */
#define _GNU_SOURCE
#include "bus.h"

#include <linux/openat2.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>

static void expect_node(const char *what, int error, const struct stat *node)
{
	if (!expect_errno(what, error, 0))
		return;
	expect_value("  is a character device", S_ISCHR(node->st_mode), 1);
	expect_value("  major", major(node->st_rdev), 89);
	expect_value("  minor", minor(node->st_rdev), 7);
}

static void expect_opens(const char *what, int fd)
{
	unsigned long functions = 0;
	if (!expect_errno(what, failed_with(fd), 0))
		return;
	expect_errno("  and answers I2C_FUNCS", functionality(fd, &functions), 0);
	close(fd);
}

static void names(void)
{
	struct stat node;
	struct statx extended;
	char target[64];
	const char *path = device_path();

	expect_node("stat", failed_with(stat(path, &node)), &node);
	expect_node("lstat", failed_with(lstat(path, &node)), &node);
	expect_node("stat of /dev/../dev/i2c-7", failed_with(stat("/dev/../dev/i2c-7", &node)), &node);
	if (expect_errno("statx", failed_with(statx(AT_FDCWD, path, 0, STATX_BASIC_STATS, &extended)), 0)) {
		expect_value("  is a character device", S_ISCHR(extended.stx_mode), 1);
		expect_value("  major", extended.stx_rdev_major, 89);
		expect_value("  minor", extended.stx_rdev_minor, 7);
	}
	expect_errno("access for reading and writing", failed_with(access(path, R_OK | W_OK)), 0);
	expect_errno("readlink", failed_with(readlink(path, target, sizeof target)), EINVAL);
	expect_errno("stat of a bus that is not there", failed_with(stat("/dev/i2c-99", &node)), ENOENT);
	expect_errno("access to a bus that is not there", failed_with(access("/dev/i2c-99", F_OK)), ENOENT);
	expect_errno("stat with a slash behind", failed_with(stat("/dev/i2c-7/", &node)), ENOTDIR);
}

static void opens(void)
{
	const char *path = device_path();
	struct open_how how = {.flags = O_RDWR};
	int dev = open("/dev", O_RDONLY | O_DIRECTORY);

	expect_opens("open", open(path, O_RDWR));
	expect_opens("open for reading", open(path, O_RDONLY));
	expect_opens("open for writing", open(path, O_WRONLY));
	expect_opens("open with O_NOFOLLOW", open(path, O_RDWR | O_NOFOLLOW));
	expect_opens("openat relative to /dev", openat(dev, "i2c-7", O_RDWR));
	expect_opens("openat2", syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof how));
	expect_opens("creat", creat(path, 0600));
	close(dev);
	expect_errno("open with O_CREAT and O_EXCL", failed_with(open(path, O_RDWR | O_CREAT | O_EXCL, 0600)), EEXIST);
	expect_errno("open with O_DIRECTORY", failed_with(open(path, O_RDONLY | O_DIRECTORY)), ENOTDIR);
	expect_errno("open of a bus that is not there", failed_with(open("/dev/i2c-99", O_RDWR)), ENOENT);
	expect_errno("open of a path that is no memory", failed_with(open((const char *)1, O_RDWR)), EFAULT);
	if (chdir("/dev") == 0)
		expect_opens("open relative to the working directory", open("i2c-7", O_RDWR));
}

static void descriptor(int fd)
{
	struct stat node;
	struct pollfd ready = {.fd = fd, .events = POLLIN | POLLOUT};
	unsigned long functions = 0;

	expect_node("fstat", failed_with(fstat(fd, &node)), &node);
	expect_value("isatty", isatty(fd), 0);
	expect_errno("lseek", failed_with(lseek(fd, 0, SEEK_SET)), ESPIPE);
	expect_value("poll returns at once", poll(&ready, 1, 0), 1);
	expect_value("  and says IN and OUT, always", ready.revents, POLLIN | POLLOUT);
	expect_errno("I2C_FUNCS", functionality(fd, &functions), 0);
	expect_value("  says plain I2C", !!(functions & I2C_FUNC_I2C), 1);
	expect_value("  says SMBus byte data", functions & I2C_FUNC_SMBUS_BYTE_DATA, I2C_FUNC_SMBUS_BYTE_DATA);
	expect_errno("ioctl 0x07ff", failed_with(ioctl(fd, 0x07ff, 0)), ENOTTY);
	expect_errno("ioctl 0x0700", failed_with(ioctl(fd, 0x0700, 0)), ENOTTY);
	expect_errno("ioctl of another class", failed_with(ioctl(fd, _IOR('E', 0x01, int), &functions)), ENOTTY);
}

static void settings(int fd)
{
	expect_errno("I2C_SLAVE beyond 7 bits", select_chip(fd, 0x80), EINVAL);
	expect_errno("I2C_SLAVE beyond all bits", select_chip(fd, ~0UL), EINVAL);
	expect_errno("I2C_TENBIT", failed_with(ioctl(fd, I2C_TENBIT, 1UL)), 0);
	expect_errno("I2C_SLAVE of 10 bits", select_chip(fd, 0x3ff), 0);
	expect_errno("I2C_SLAVE beyond 10 bits", select_chip(fd, 0x400), EINVAL);
	expect_errno("I2C_TENBIT off", failed_with(ioctl(fd, I2C_TENBIT, 0UL)), 0);
	expect_errno("I2C_RETRIES", failed_with(ioctl(fd, I2C_RETRIES, 3UL)), 0);
	expect_errno("I2C_RETRIES beyond an int", failed_with(ioctl(fd, I2C_RETRIES, 1UL << 32)), EINVAL);
	expect_errno("I2C_TIMEOUT", failed_with(ioctl(fd, I2C_TIMEOUT, 100UL)), 0);
	expect_errno("I2C_TIMEOUT beyond an int", failed_with(ioctl(fd, I2C_TIMEOUT, 1UL << 32)), EINVAL);
	expect_errno("I2C_PEC", failed_with(ioctl(fd, I2C_PEC, 1UL)), 0);
	expect_errno("I2C_PEC off", failed_with(ioctl(fd, I2C_PEC, 0UL)), 0);
	expect_errno("I2C_SLAVE_FORCE", failed_with(ioctl(fd, I2C_SLAVE_FORCE, (unsigned long)chip_address())), 0);
	expect_errno("I2C_SLAVE", select_chip(fd, chip_address()), 0);
}

static void smbus_transfers(int fd)
{
	union i2c_smbus_data data = {.word = 0};
	uint8_t value = 0;

	expect_errno("SMBus quick", smbus(fd, I2C_SMBUS_WRITE, 0, I2C_SMBUS_QUICK, NULL), 0);
	expect_errno("SMBus write byte data", write_register(fd, 0x10, 0xab), 0);
	expect_errno("SMBus read byte data", read_register(fd, 0x10, &value), 0);
	expect_value("  is what was written", value, 0xab);
	data.word = 0x1234;
	expect_errno("SMBus write word data", smbus(fd, I2C_SMBUS_WRITE, 0x12, I2C_SMBUS_WORD_DATA, &data), 0);
	data.word = 0;
	expect_errno("SMBus read word data", smbus(fd, I2C_SMBUS_READ, 0x12, I2C_SMBUS_WORD_DATA, &data), 0);
	expect_value("  low byte first", data.word, 0x1234);
	expect_errno("SMBus write byte", smbus(fd, I2C_SMBUS_WRITE, 0x10, I2C_SMBUS_BYTE, NULL), 0);
	expect_errno("SMBus read byte", smbus(fd, I2C_SMBUS_READ, 0, I2C_SMBUS_BYTE, &data), 0);
	expect_value("  is from where the write pointed", data.byte, 0xab);
	data.block[0] = 4;
	memcpy(data.block + 1, "live", 4);
	expect_errno("I2C block write", smbus(fd, I2C_SMBUS_WRITE, 0x20, I2C_SMBUS_I2C_BLOCK_DATA, &data), 0);
	memset(&data, 0, sizeof data);
	data.block[0] = 4;
	expect_errno("I2C block read", smbus(fd, I2C_SMBUS_READ, 0x20, I2C_SMBUS_I2C_BLOCK_DATA, &data), 0);
	expect_value("  is what was written", memcmp(data.block, "\4live", 5), 0);
	expect_errno("SMBus of unknown size", smbus(fd, I2C_SMBUS_READ, 0, 99, &data), EINVAL);
	expect_errno("SMBus of unknown direction", smbus(fd, 2, 0, I2C_SMBUS_BYTE_DATA, &data), EINVAL);
	expect_errno("SMBus read into nothing", smbus(fd, I2C_SMBUS_READ, 0, I2C_SMBUS_BYTE_DATA, NULL), EINVAL);
}

static void plain_transfers(int fd)
{
	static uint8_t large[10000];
	uint8_t reg = 0x20, data[8] = {0x28, 'd', 'e', 'a', 'd'};
	unsigned short address = chip_address();
	struct i2c_msg messages[] = {
		{.addr = address, .flags = 0, .len = 1, .buf = &reg},
		{.addr = address, .flags = I2C_M_RD, .len = 4, .buf = data},
	};

	expect_value("write", write(fd, data, 5), 5);
	expect_value("write of the pointer", write(fd, &(uint8_t){0x28}, 1), 1);
	memset(data, 0, sizeof data);
	expect_value("read", read(fd, data, 4), 4);
	expect_value("  is what was written", memcmp(data, "dead", 4), 0);
	expect_errno("I2C_RDWR", transfer(fd, messages, 2), 0);
	expect_value("  read what was written", memcmp(data, "live", 4), 0);
	expect_errno("I2C_RDWR of no message", transfer(fd, messages, 0), EINVAL);
	expect_value("read of more than 8192 bytes is cut", read(fd, large, sizeof large), 8192);
	messages[1].len = 8193;
	messages[1].buf = large;
	expect_errno("I2C_RDWR of more than 8192 bytes", transfer(fd, messages, 2), EINVAL);
	messages[0].addr = 0x33;
	expect_errno("I2C_RDWR to nobody", transfer(fd, messages, 1), ENXIO);
}

static void open_files(int fd)
{
	uint8_t value = 0, byte;
	int copy = dup(fd), other = open_device(O_RDWR), reader = open_device(O_RDONLY);

	expect_errno("dup shares the chip's address", read_register(copy, 0x10, &value), 0);
	expect_value("  and reads the same", value, 0xab);
	close(copy);
	expect_errno("a descriptor outlives its closed dup", read_register(fd, 0x10, &value), 0);
	expect_errno("another open has an address of its own", failed_with(read(other, &byte, 1)), ENXIO);
	expect_errno("I2C_SLAVE to nobody", select_chip(other, 0x33), 0);
	expect_errno("read from nobody", failed_with(read(other, &byte, 1)), ENXIO);
	expect_errno("write to nobody", failed_with(write(other, "x", 1)), ENXIO);
	expect_errno("SMBus read from nobody", read_register(other, 0, &value), ENXIO);
	expect_errno("write on a descriptor for reading", failed_with(write(reader, "x", 1)), EBADF);
	expect_errno("close", failed_with(close(other)), 0);
	expect_errno("ioctl after close", functionality(other, &(unsigned long){0}), EBADF);
	close(reader);
}

int main(void)
{
	int fd = open_device(O_RDWR);

	names();
	opens();
	descriptor(fd);
	settings(fd);
	smbus_transfers(fd);
	plain_transfers(fd);
	open_files(fd);
	return finish();
}
