/* Signals in the middle of calls on a device.
 *
 *   signals restart | interrupt | ignore  MS
 *                                  a slow read and a slow transfer with a signal every MS ms, whose handler has
 *                                  SA_RESTART, has not, or is none: each is carried out once, whatever it says
 *   signals stopped                one slow transfer, which the test stops, pulls, and lets go on; expects ENODEV
 *   signals parked                 the same of a device that is blocked, with a signal without SA_RESTART each 20 ms
 *   signals open                   opens and stats under a signal each 100 us without SA_RESTART
 *   signals storm N                N writes, each read back, under a signal each 100 us with SA_RESTART; then one
 *                                  transfer that waits, by whose number on the device the operations can be counted
 *
 * Needs a 24c02, with slow= for all but `open` and `storm`; `storm` also the slow chip that OUTLIVE_CLIENT_SLOW names.
 */
#define _GNU_SOURCE
#include "pull.h"

#include <signal.h>
#include <sys/stat.h>
#include <sys/time.h>

static volatile sig_atomic_t signals;

static void count(int signal)
{
	(void)signal;
	signals++;
}

static void every(long microseconds, int flags, void (*handler)(int))
{
	struct sigaction action = {.sa_handler = handler, .sa_flags = flags};
	struct itimerval timer = {.it_interval = {.tv_usec = microseconds}, .it_value = {.tv_usec = microseconds}};
	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &timer, NULL);
}

/* One-byte reads of bytes that count, one after the other: a read that was carried out and said otherwise would
 * leave a gap, one that was carried out twice as well. */
static void expect_no_gap(const char *what, int fd, int reads, int from)
{
	int interrupted = 0, gaps = 0;
	uint8_t byte;
	for (int i = 0; i < reads; i++) {
		ssize_t got = read(fd, &byte, 1);
		if (got < 0 && errno == EINTR) {
			interrupted++;
			i--;
		} else if (got != 1 || byte != (uint8_t)(from + i)) {
			gaps++;
		}
	}
	expect_value(what, gaps, 0);
	printf("note interrupted %d of %d\n", interrupted, reads);
}

/* A trapped call that a signal without SA_RESTART meets on its way says EINTR, and nothing has happened (docs/roads.md). */
static int has_not_begun(int error)
{
	return error == EINTR && (getenv("OUTLIVE_CLIENT_TRAPPED") || getenv("OUTLIVE_CLIENT_PLAIN"));
}

static int slow_calls(const char *how, long microseconds)
{
	int fd = open_chip(O_RDWR);
	uint8_t pointer = 0x20, value = 0;
	int flags = !strcmp(how, "restart") ? SA_RESTART : 0;

	for (int i = 0; i < 4; i++)
		expect_errno("a byte that counts", write_register(fd, pointer + i, pointer + i), 0);
	every(microseconds, flags, strcmp(how, "ignore") ? count : SIG_IGN);
	ssize_t written;
	do
		written = write(fd, &pointer, 1);
	while (written < 0 && has_not_begun(errno));
	expect_value("write of the pointer", written, 1);
	expect_no_gap("reads under signals leave no gap", fd, 4, 0x20);
	int error;
	do
		error = read_register(fd, 0x22, &value);
	while (has_not_begun(error));
	expect_errno("a transfer under signals", error, 0);
	expect_value("  has its result", value, 0x22);
	expect_value("signals came", signals > 0, !!strcmp(how, "ignore"));
	return finish();
}

static int waiting(int parked)
{
	int fd = open_chip(O_RDWR);
	uint8_t value;
	if (parked) {
		printf("open\n");
		fflush(stdout);
		until_told();
		every(20000, 0, count);
	}
	ready();
	long long start = milliseconds();
	int error = read_register(fd, 0, &value);
	printf("note the transfer ended with %s after %lld ms\n", errno_name(error), milliseconds() - start);
	printf("note it met %s signals\n", signals > 1 ? "several" : "no");
	expect_errno("the transfer", error, ENODEV);
	return finish();
}

static int opens(void)
{
	int interrupted = 0, wrong = 0;
	struct stat node;
	every(100, 0, count);
	for (int i = 0; i < 2000; i++) {
		int fd = open(device_path(), O_RDWR), other = open("/dev/null", O_RDWR), error;
		interrupted += (fd < 0 && errno == EINTR) + (other < 0 && errno == EINTR);
		if (fd >= 0 && (error = select_chip(fd, chip_address())) != 0) {
			interrupted += error == EINTR;
			wrong += error != EINTR || !getenv("OUTLIVE_CLIENT_TRAPPED");
		}
		if (stat(device_path(), &node) < 0) {
			interrupted += errno == EINTR;
			wrong += errno != EINTR;
		}
		close(fd);
		close(other);
	}
	every(0, 0, SIG_IGN);
	expect_value("opens that went wrong", wrong, 0);
	expect_value("descriptors left", dup(0), 3);
	printf("note %s\n", interrupted ? "some were interrupted" : "none was interrupted");
	return finish();
}

static int storm(unsigned long writes)
{
	int fd = open_chip(O_RDWR), errors = 0, stale = 0;
	uint8_t value = 0;
	every(100, SA_RESTART, count);
	for (unsigned long i = 0; i < writes; i++) {
		uint8_t sent[2] = {(uint8_t)(i * 7), (uint8_t)(i * 13 + (i >> 8))};
		/* Both ways to write, in turn. */
		if (i % 2 ? write(fd, sent, 2) != 2 : write_register(fd, sent[0], sent[1]) != 0)
			errors++;
		if (i % 16 == 0 && (read_register(fd, sent[0], &value) || value != sent[1]))
			stale++;
	}
	every(0, 0, SIG_IGN);
	expect_value("writes that failed", errors, 0);
	expect_value("bytes that are not what was written last", stale, 0);
	printf("note %d signals came\n", (int)signals);
	printf("calls %lu\n", writes + (writes + 15) / 16);
	fflush(stdout);
	const char *slow = getenv("OUTLIVE_CLIENT_SLOW");
	if (!slow || select_chip(fd, argument_number(slow)))
		give_up("OUTLIVE_CLIENT_SLOW names no slow chip");
	expect_errno("the last one", read_register(fd, 0, &value), ENODEV);
	return finish();
}

int main(int argc, char **argv)
{
	const char *mode = argc > 1 ? argv[1] : "";
	if (argc == 3 && (!strcmp(mode, "restart") || !strcmp(mode, "interrupt") || !strcmp(mode, "ignore")))
		return slow_calls(mode, argument_number(argv[2]) * 1000);
	if (argc == 2 && (!strcmp(mode, "stopped") || !strcmp(mode, "parked")))
		return waiting(!strcmp(mode, "parked"));
	if (argc == 2 && !strcmp(mode, "open"))
		return opens();
	if (argc == 3 && !strcmp(mode, "storm"))
		return storm(argument_number(argv[2]));
	give_up("usage: signals restart MS | interrupt MS | ignore MS | stopped | parked | open | storm N");
}
