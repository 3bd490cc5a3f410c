/* How many calls a second threads make on devices, each thread on the one that it is given.
 *
 *   threads SECONDS PATH...        a thread for each PATH, with an open file of its own, a chip at 0x50 and I2C_SMBUS
 *
 * Prints "threads COUNT CALLS" where CALLS is how many they made together in a second.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/i2c-dev.h>
#include <linux/i2c.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>

#define MOST 64

static atomic_bool over;
static pthread_barrier_t ready;

struct caller {
	pthread_t thread;
	int device;
	unsigned long long calls;
};

static void fail(const char *what)
{
	fprintf(stderr, "threads: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void *make_calls(void *argument)
{
	struct caller *caller = argument;
	union i2c_smbus_data data;
	struct i2c_smbus_ioctl_data request = {I2C_SMBUS_READ, 0x10, I2C_SMBUS_BYTE_DATA, &data};
	pthread_barrier_wait(&ready);
	while (!over) {
		if (ioctl(caller->device, I2C_SMBUS, &request))
			fail("I2C_SMBUS");
		caller->calls++;
	}
	return NULL;
}

int main(int argc, char **argv)
{
	struct caller callers[MOST] = {0};
	int count = argc - 2, seconds = argc > 1 ? atoi(argv[1]) : 0;
	unsigned long long calls = 0;
	if (count < 1 || count > MOST || seconds < 1) {
		fprintf(stderr, "usage: threads SECONDS PATH...\n");
		return 2;
	}
	pthread_barrier_init(&ready, NULL, count + 1);
	for (int i = 0; i < count; i++) {
		callers[i].device = open(argv[2 + i], O_RDWR | O_CLOEXEC);
		if (callers[i].device < 0 || ioctl(callers[i].device, I2C_SLAVE, 0x50))
			fail(argv[2 + i]);
		if (pthread_create(&callers[i].thread, NULL, make_calls, &callers[i]))
			fail("pthread_create");
	}
	pthread_barrier_wait(&ready);
	nanosleep(&(struct timespec){.tv_sec = seconds}, NULL);
	over = 1;
	for (int i = 0; i < count; i++) {
		pthread_join(callers[i].thread, NULL);
		calls += callers[i].calls;
	}
	printf("threads %d %llu\n", count, calls / seconds);
	return 0;
}
