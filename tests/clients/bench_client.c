/* How long one call on a device takes, seen from its client.
 *
 *   bench_client CALLS             on OUTLIVE_CLIENT_DEVICE, a chip at OUTLIVE_CLIENT_ADDRESS (see bus.h)
 *
 * Prints a line a kind of call, in nanoseconds:
 *   bench funcs MEDIAN P99         ioctl I2C_FUNCS
 *   bench smbus MEDIAN P99         ioctl I2C_SMBUS, read byte data
 *   bench read MEDIAN P99          read of one byte
 * or "bench KIND n/a ERRNO" if the device cannot do that. A call that fails later on ends the program with 1.
 */
#include "bus.h"

#include <time.h>

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

static uint64_t now(void)
{
	struct timespec time;
	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1000000000ull + time.tv_nsec;
}

static int by_size(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return (x > y) - (x < y);
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
	qsort(times, calls, sizeof *times, by_size);
	printf("bench %s %llu %llu\n", kind, (unsigned long long)times[calls / 2],
	       (unsigned long long)times[calls * 99 / 100]);
}

int main(int argc, char **argv)
{
	if (argc != 2)
		give_up("usage: bench_client CALLS");
	size_t calls = argument_number(argv[1]);
	uint64_t *times = calloc(calls, sizeof *times);
	if (calls == 0 || !times)
		give_up("cannot measure %zu calls", calls);
	int fd = open_device(O_RDWR);
	int error = select_chip(fd, chip_address());
	if (error)
		give_up("I2C_SLAVE 0x%x: %s", chip_address(), errno_name(error));
	measure("funcs", call_funcs, fd, times, calls);
	measure("smbus", call_smbus, fd, times, calls);
	measure("read", call_read, fd, times, calls);
	return 0;
}
