/* How long one call on a device takes, seen from its client.
 *
 *   bench_client CALLS             on OUTLIVE_CLIENT_DEVICE, a chip at OUTLIVE_CLIENT_ADDRESS (see bus.h)
 *   bench_client CALLS strange     calls that have nothing to do with a device: the last five kinds alone
 *
 * Prints a line a kind of call, in nanoseconds:
 *   bench value MEDIAN P99         ioctl I2C_SLAVE
 *   bench funcs MEDIAN P99         ioctl I2C_FUNCS
 *   bench smbus MEDIAN P99         ioctl I2C_SMBUS, read byte data
 *   bench read MEDIAN P99          read of one byte
 *   bench open MEDIAN P99          open and close; a tenth of the calls
 *   bench map MEDIAN P99           mmap and munmap of /dev/uio0; a tenth of the calls
 *   bench getppid MEDIAN P99
 *   bench zero MEDIAN P99          read of one byte of /dev/zero
 *   bench null MEDIAN P99          an ioctl on /dev/null
 *   bench stat MEDIAN P99          stat of a file
 *   bench absent MEDIAN P99        open of a file that there is not
 * or "bench KIND n/a ERRNO" if the device cannot do that. A call that fails later on ends the program with 1.
 */
#include "../../benches/figures.h"
#include "bus.h"

#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>

static int call_funcs(int fd)
{
	unsigned long functions;
	return functionality(fd, &functions);
}

static int call_smbus(int fd)
{
	uint8_t value;
	return read_register(fd, 0x10, &value);
}

static int call_read(int fd)
{
	uint8_t byte;
	ssize_t got = read(fd, &byte, 1);
	return got == 1 ? 0 : got == 0 ? EIO : errno;
}

static int call_value(int fd)
{
	return select_chip(fd, chip_address());
}

static int call_open(int fd)
{
	(void)fd;
	int another = open(device_path(), O_RDWR | O_CLOEXEC);
	return another < 0 ? errno : close(another) ? errno : 0;
}

static int call_getppid(int fd)
{
	(void)fd;
	return syscall(SYS_getppid) < 0 ? errno : 0;
}

static int call_null(int fd)
{
	return ioctl(fd, 0x1234) == 0 || errno != ENOTTY ? EIO : 0;
}

static int call_stat(int fd)
{
	struct stat found;
	(void)fd;
	return stat("/etc/passwd", &found) ? errno : 0;
}

static int call_absent(int fd)
{
	(void)fd;
	return open("/etc/there-is-no-such-file", O_RDONLY) >= 0 || errno != ENOENT ? EIO : 0;
}

static int call_map(int fd)
{
	void *mapped = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	return mapped == MAP_FAILED ? errno : munmap(mapped, 4096) ? errno : 0;
}

static void measure(const char *kind, int (*call)(int), int fd, uint64_t *times, size_t calls)
{
	int error = call(fd);
	if (error) {
		printf("bench %s n/a %s\n", kind, errno_name(error));
		return;
	}
	for (size_t i = 0; i < calls / 10; i++)
		call(fd);
	for (size_t i = 0; i < calls; i++) {
		uint64_t start = now();
		error = call(fd);
		times[i] = now() - start;
		if (error) {
			fprintf(stderr, "call %zu of %s: %s\n", i, kind, errno_name(error));
			exit(1);
		}
	}
	tell(kind, times, calls);
}

int main(int argc, char **argv)
{
	if (argc != 2 && (argc != 3 || strcmp(argv[2], "strange") != 0))
		give_up("usage: bench_client CALLS [strange]");
	size_t calls = argument_number(argv[1]);
	uint64_t *times = calloc(calls, sizeof *times);
	if (calls == 0 || !times)
		give_up("cannot measure %zu calls", calls);
	measure("getppid", call_getppid, 0, times, calls);
	measure("zero", call_read, open("/dev/zero", O_RDONLY | O_CLOEXEC), times, calls);
	measure("null", call_null, open("/dev/null", O_RDWR | O_CLOEXEC), times, calls);
	measure("stat", call_stat, 0, times, calls);
	measure("absent", call_absent, 0, times, calls);
	if (argc == 3)
		return 0;
	int fd = open_device(O_RDWR);
	int error = select_chip(fd, chip_address());
	if (error)
		give_up("I2C_SLAVE 0x%x: %s", chip_address(), errno_name(error));
	measure("value", call_value, fd, times, calls);
	measure("funcs", call_funcs, fd, times, calls);
	measure("smbus", call_smbus, fd, times, calls);
	measure("read", call_read, fd, times, calls);
	measure("open", call_open, fd, times, calls / 10 + 1);
	measure("map", call_map, open("/dev/uio0", O_RDWR | O_CLOEXEC), times, calls / 10 + 1);
	return 0;
}
