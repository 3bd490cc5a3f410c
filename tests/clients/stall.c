/* A client whose memory never comes: a page registered with userfaultfd that nobody fills. A transfer whose argument is
 * in it stalls whoever reads it; its neighbours shall not notice.
 *
 *   stall N          N threads stall in I2C_SMBUS; meanwhile the first one does 1000 transfers, says "ready", and waits
 *                    for a signal to end it. Needs the right to handle faults of the kernel: root, or the sysctl
 *                    vm.unprivileged_userfaultfd
 *   stall path       the same with the name in open(2)
 */
#define _GNU_SOURCE
#include "bus.h"

#include <linux/userfaultfd.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/syscall.h>

static void *never;

static void make_memory(void)
{
	struct uffdio_api api = {.api = UFFD_API};
	struct uffdio_register range = {.mode = UFFDIO_REGISTER_MODE_MISSING};
	int faults = syscall(SYS_userfaultfd, O_CLOEXEC);

	never = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	range.range.start = (unsigned long)never;
	range.range.len = 4096;
	if (faults < 0 || ioctl(faults, UFFDIO_API, &api) || never == MAP_FAILED || ioctl(faults, UFFDIO_REGISTER, &range))
		give_up("userfaultfd: %s", strerror(errno));
}

static void *stall_in_transfer(void *unused)
{
	(void)unused;
	ioctl(open_device(O_RDWR), I2C_SMBUS, never);
	return NULL;
}

static void *stall_in_open(void *unused)
{
	(void)unused;
	syscall(SYS_openat, AT_FDCWD, never, O_RDWR);
	return NULL;
}

int main(int argc, char **argv)
{
	int fd = open_device(O_RDWR), failed = 0;
	pthread_t thread;
	uint8_t value;

	if (argc != 2)
		give_up("usage: stall N | path");
	make_memory();
	int in_open = !strcmp(argv[1], "path");
	for (unsigned long i = in_open ? 1 : argument_number(argv[1]); i > 0; i--)
		if (pthread_create(&thread, NULL, in_open ? stall_in_open : stall_in_transfer, NULL))
			give_up("no thread");
	usleep(200000);
	expect_errno("I2C_SLAVE", select_chip(fd, chip_address()), 0);
	for (int i = 0; i < 1000; i++)
		failed += read_register(fd, i, &value) != 0;
	expect_value("transfers that failed", failed, 0);
	close(fd);
	expect_errno("open", failed_with(fd = open(device_path(), O_RDWR)), 0);
	printf("ready\n");
	fflush(stdout);
	pause();
	return finish();
}
