/* An I2C bus with one chip on libfuse's CUSE (cuse_lowlevel.h), as like to ours as its interface allows: 256 bytes of
 * registers, I2C_SLAVE, I2C_FUNCS, I2C_SMBUS byte data, and read of the register that follows.
 *
 *   libfuse_i2c NAME -f [-s]       serves /dev/NAME until it is told to end; -s by one thread, else by libfuse's own crew
 *
 * The interface is that of fuse_lowlevel.h: an ioctl comes with its number and its argument, without memory. Memory is
 * asked for by fuse_reply_ioctl_retry, upon which the kernel makes the same call again: for a pointer in a structure
 * once more.
 */
#define FUSE_USE_VERSION 314

#include <cuse_lowlevel.h>
#include <errno.h>
#include <linux/i2c-dev.h>
#include <linux/i2c.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/uio.h>

/* The most that a read of one register after the other brings at a time. */
#define PIECE 4096

static struct {
	pthread_mutex_t lock;
	uint8_t registers[256];
	uint8_t pointer;
} chip = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* What the kernel brings of the client's memory with a round, and has room for. */
struct round {
	const void *in;
	size_t in_size, out_size;
};

static void functions(fuse_req_t request, void *argument, const struct round *round)
{
	unsigned long bits = I2C_FUNC_I2C | I2C_FUNC_SMBUS_EMUL;
	struct iovec to = {argument, sizeof bits};
	if (round->out_size < sizeof bits)
		fuse_reply_ioctl_retry(request, NULL, 0, &to, 1);
	else
		fuse_reply_ioctl(request, 0, &bits, sizeof bits);
}

static void read_byte(fuse_req_t request, uint8_t at)
{
	pthread_mutex_lock(&chip.lock);
	uint8_t value = chip.registers[at];
	chip.pointer = at + 1;
	pthread_mutex_unlock(&chip.lock);
	fuse_reply_ioctl(request, 0, &value, sizeof value);
}

static void write_byte(fuse_req_t request, uint8_t at, uint8_t value)
{
	pthread_mutex_lock(&chip.lock);
	chip.registers[at] = value;
	chip.pointer = at + 1;
	pthread_mutex_unlock(&chip.lock);
	fuse_reply_ioctl(request, 0, NULL, 0);
}

static void smbus(fuse_req_t request, void *argument, const struct round *round)
{
	struct i2c_smbus_ioctl_data asked;
	struct iovec in[2] = {{argument, sizeof asked}}, out;
	if (round->in_size < sizeof asked) {
		fuse_reply_ioctl_retry(request, in, 1, NULL, 0);
		return;
	}
	memcpy(&asked, round->in, sizeof asked);
	if (asked.size != I2C_SMBUS_BYTE_DATA || !asked.data) {
		fuse_reply_err(request, asked.data ? EOPNOTSUPP : EINVAL);
		return;
	}
	if (asked.read_write == I2C_SMBUS_READ) {
		out = (struct iovec){asked.data, 1};
		if (round->out_size < 1)
			fuse_reply_ioctl_retry(request, in, 1, &out, 1);
		else
			read_byte(request, asked.command);
		return;
	}
	in[1] = (struct iovec){asked.data, 1};
	if (round->in_size < sizeof asked + 1)
		fuse_reply_ioctl_retry(request, in, 2, NULL, 0);
	else
		write_byte(request, asked.command, ((const uint8_t *)round->in)[sizeof asked]);
}

static void on_ioctl(fuse_req_t request, int command, void *argument, struct fuse_file_info *file, unsigned flags,
		     const void *in, size_t in_size, size_t out_size)
{
	struct round round = {in, in_size, out_size};
	(void)file;
	if (flags & FUSE_IOCTL_COMPAT) {
		fuse_reply_err(request, ENOSYS);
		return;
	}
	switch ((unsigned)command) {
	case I2C_SLAVE: fuse_reply_ioctl(request, 0, NULL, 0); break;
	case I2C_FUNCS: functions(request, argument, &round); break;
	case I2C_SMBUS: smbus(request, argument, &round); break;
	default: fuse_reply_err(request, ENOTTY);
	}
}

static void on_read(fuse_req_t request, size_t size, off_t offset, struct fuse_file_info *file)
{
	uint8_t bytes[PIECE];
	(void)offset, (void)file;
	size = size < PIECE ? size : PIECE;
	pthread_mutex_lock(&chip.lock);
	for (size_t i = 0; i < size; i++)
		bytes[i] = chip.registers[chip.pointer++];
	pthread_mutex_unlock(&chip.lock);
	fuse_reply_buf(request, (const char *)bytes, size);
}

static void on_open(fuse_req_t request, struct fuse_file_info *file)
{
	fuse_reply_open(request, file);
}

static void on_release(fuse_req_t request, struct fuse_file_info *file)
{
	(void)file;
	fuse_reply_err(request, 0);
}

int main(int argc, char **argv)
{
	char name[64];
	const char *about[] = {name};
	const struct cuse_info info = {.dev_info_argc = 1, .dev_info_argv = about, .flags = CUSE_UNRESTRICTED_IOCTL};
	const struct cuse_lowlevel_ops operations = {
		.open = on_open, .release = on_release, .read = on_read, .ioctl = on_ioctl};
	if (argc < 2 || strlen(argv[1]) > 40) {
		fprintf(stderr, "usage: libfuse_i2c NAME -f [-s]\n");
		return 2;
	}
	snprintf(name, sizeof name, "DEVNAME=%s", argv[1]);
	for (int i = 0; i < 256; i++)
		chip.registers[i] = i;
	/* The name is ours; libfuse takes the rest. */
	argv[1] = argv[0];
	return cuse_lowlevel_main(argc - 1, argv + 1, &info, &operations, NULL);
}
