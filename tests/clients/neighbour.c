/* Somebody else on the machine, who does exact transfers all the time, while another program does as it likes.
 *
 *   neighbour PROGRAM ARGUMENTS...   until that ends: writes bytes to a chip of its own and reads them back
 *
 * It opens /dev/i2c-78 again whenever that has gone. Ends as the program does, or with 3 if it got an answer that is wrong:
 * a byte that it did not write, an error other than ENODEV, a success on a descriptor that has said ENODEV. Tells how many
 * transfers it made, how often the device was gone, and how long the longest call took.
 *
 * Needs i2c:24c02@0x50,bus=78, which nobody else uses.
 */
#define _GNU_SOURCE
#include "pull.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#define DEVICE "/dev/i2c-78"

static unsigned long long transfers, gone;
static unsigned wrong;
static long long longest;

static void was_wrong(const char *what, int error, int got, int expected)
{
	if (wrong++ < 10)
		printf("FAIL neighbour: %s after %llu transfers says %s; byte 0x%02x, expected 0x%02x\n", what, transfers,
		       errno_name(error), got, expected);
	fflush(stdout);
}

static void took(long long since)
{
	long long time = milliseconds() - since;
	if (time > longest)
		longest = time;
}

/* The device, once it is there; -1 if it is not yet. */
static int try_open(void)
{
	long long since = milliseconds();
	int fd = open(DEVICE, O_RDWR | O_CLOEXEC), error = failed_with(fd);
	took(since);
	if (error && error != ENOENT && error != ENODEV)
		was_wrong("open", error, 0, 0);
	if (fd < 0)
		return -1;
	error = select_chip(fd, 0x50);
	if (error && error != ENODEV)
		was_wrong("I2C_SLAVE", error, 0, 0);
	return fd;
}

/* One byte there and back. Whether the device is still there. */
static int exact(int fd)
{
	uint8_t reg = transfers % 256, byte = transfers * 7 + transfers / 256, got = 0;
	long long since = milliseconds();
	int error = write_register(fd, reg, byte);
	if (!error)
		error = read_register(fd, reg, &got);
	took(since);
	if (error == ENODEV)
		return 0;
	if (error || got != byte)
		was_wrong("a byte there and back", error, got, byte);
	transfers++;
	return 1;
}

/* What has gone stays gone, whatever has come in its place. */
static void leave(int fd)
{
	uint8_t got;
	gone++;
	for (int i = 0; i < 3; i++) {
		int error = read_register(fd, 0, &got);
		if (error != ENODEV)
			was_wrong("a read of a device that has gone", error, 0, 0);
	}
	if (close(fd))
		was_wrong("close", errno, 0, 0);
}

int main(int argc, char **argv)
{
	int status = 0, fd = -1;
	if (argc < 2)
		give_up("usage: neighbour PROGRAM ARGUMENTS...");
	pid_t child = fork();
	if (child == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		execv(argv[1], argv + 1);
		give_up("%s: %s", argv[1], strerror(errno));
	}
	while (waitpid(child, &status, WNOHANG) == 0) {
		if (fd < 0 && (fd = try_open()) < 0)
			usleep(1000);
		for (int i = 0; fd >= 0 && i < 20; i++)
			if (!exact(fd))
				leave(fd), fd = -1;
		usleep(2000); /* two processors are not many */
	}
	printf("neighbour: %llu transfers, gone %llu times, longest wait %lld ms, %u wrong\n", transfers, gone, longest, wrong);
	fflush(stdout);
	if (wrong)
		return 3;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
