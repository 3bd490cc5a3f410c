/* Many at once, asleep when their device goes.
 *
 *   crowd threads N                N threads of one process, in turns in a read, a write and an SMBus read of the slow
 *                                  chip that OUTLIVE_CLIENT_SLOW names: each expects ENODEV
 *   crowd users N                  the same by N processes that share one open file
 *   crowd poll N M                 N open files in M processes, each asleep in one poll for HUP of all its files: each
 *                                  expects HUP and ERR of all, and tells how long the last was in waking after the first
 *   crowd rounds N                 N times: opens the device, says "open", sleeps in poll until it has gone, closes it,
 *                                  says "closed" and waits for a line
 */
#define _GNU_SOURCE
#include "pull.h"

#include <poll.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/wait.h>

/* ---- threads ---- */

static int open_slow(void)
{
	const char *address = getenv("OUTLIVE_CLIENT_SLOW");
	int fd = open_device(O_RDWR);
	if (!address || select_chip(fd, argument_number(address)))
		give_up("OUTLIVE_CLIENT_SLOW names no slow chip");
	return fd;
}

static int slow_call(int fd, unsigned long which)
{
	uint8_t bytes[2] = {0};
	switch (which % 3) {
	case 0:
		return failed_with(write(fd, bytes, 1));
	case 1:
		return failed_with(read(fd, bytes, 2));
	default:
		return read_register(fd, 0, bytes);
	}
}

static void *in_a_call(void *which)
{
	int fd = open_slow();
	long error = slow_call(fd, (long)which);
	close(fd);
	return (void *)error;
}

static int threads(unsigned long count)
{
	pthread_t *all = calloc(count, sizeof *all);
	unsigned long heard = 0;
	for (unsigned long i = 0; i < count; i++)
		if (pthread_create(&all[i], NULL, in_a_call, (void *)i))
			give_up("no thread");
	ready();
	for (unsigned long i = 0; i < count; i++) {
		void *error;
		pthread_join(all[i], &error);
		heard += (long)error == ENODEV;
	}
	expect_value("threads that got ENODEV", heard, count);
	free(all);
	return finish();
}

/* ---- users ---- */

static int users(unsigned long count)
{
	unsigned long heard = 0;
	int status, fd = open_slow();
	for (unsigned long i = 0; i < count; i++) {
		pid_t child = fork();
		if (child < 0)
			give_up("fork: %s", strerror(errno));
		if (child == 0)
			_exit(slow_call(fd, i));
	}
	ready();
	while (wait(&status) > 0)
		heard += WIFEXITED(status) && WEXITSTATUS(status) == ENODEV;
	expect_value("processes that got ENODEV", heard, count);
	return finish();
}

/* ---- poll ---- */

/* Between the processes: when the first and the last woke, in ms, and how many files said HUP and ERR. */
static struct {
	long long first, last;
	unsigned long files, processes;
} *woken;

static void sleeper(unsigned long count, int up)
{
	struct pollfd *files = calloc(count, sizeof *files);
	unsigned long gone = 0;
	for (unsigned long i = 0; i < count; i++)
		files[i].fd = open_device(O_RDWR);
	if (write(up, "", 1) != 1)
		_exit(2);
	while (gone < count) {
		if (poll(files, count, -1) < 1)
			_exit(2);
		gone = 0;
		for (unsigned long i = 0; i < count; i++)
			gone += files[i].revents == (POLLERR | POLLHUP);
	}
	long long now = milliseconds();
	long long none = 0, last = __atomic_load_n(&woken->last, __ATOMIC_SEQ_CST);
	__atomic_compare_exchange_n(&woken->first, &none, now, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
	while (last < now && !__atomic_compare_exchange_n(&woken->last, &last, now, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
		;
	__atomic_fetch_add(&woken->files, gone, __ATOMIC_SEQ_CST);
	__atomic_fetch_add(&woken->processes, 1, __ATOMIC_SEQ_CST);
	_exit(0);
}

static int asleep_in_poll(unsigned long files, unsigned long processes)
{
	int up[2];
	char byte;
	if (processes == 0 || files % processes)
		give_up("%lu files cannot be spread evenly over %lu processes", files, processes);
	woken = mmap(NULL, sizeof *woken, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (woken == MAP_FAILED || pipe(up))
		give_up("no memory: %s", strerror(errno));
	for (unsigned long i = 0; i < processes; i++) {
		pid_t child = fork();
		if (child < 0)
			give_up("fork: %s", strerror(errno));
		if (child == 0)
			sleeper(files / processes, up[1]);
	}
	close(up[1]);
	for (unsigned long i = 0; i < processes; i++)
		if (read(up[0], &byte, 1) != 1)
			give_up("a process could not open its files");
	usleep(300000);
	ready();
	while (wait(NULL) > 0)
		;
	expect_value("processes that woke", woken->processes, processes);
	expect_value("files that said HUP and ERR", woken->files, files);
	printf("note the last woke %lld ms after the first\n", woken->last - woken->first);
	fflush(stdout);
	until_told();
	return finish();
}

/* ---- rounds ---- */

static int rounds(unsigned long count)
{
	for (unsigned long i = 0; i < count; i++) {
		struct pollfd file = {.fd = open_device(O_RDWR)};
		printf("open %lu\n", i);
		fflush(stdout);
		if (poll(&file, 1, -1) != 1 || file.revents != (POLLERR | POLLHUP))
			give_up("poll says 0x%x in round %lu", file.revents, i);
		close(file.fd);
		printf("closed %lu\n", i);
		fflush(stdout);
		until_told();
	}
	expect_value("descriptors left", dup(0), 3);
	return finish();
}

int main(int argc, char **argv)
{
	const char *mode = argc > 1 ? argv[1] : "";
	if (argc == 3 && !strcmp(mode, "threads"))
		return threads(argument_number(argv[2]));
	if (argc == 3 && !strcmp(mode, "users"))
		return users(argument_number(argv[2]));
	if (argc == 4 && !strcmp(mode, "poll"))
		return asleep_in_poll(argument_number(argv[2]), argument_number(argv[3]));
	if (argc == 3 && !strcmp(mode, "rounds"))
		return rounds(argument_number(argv[2]));
	give_up("usage: crowd threads N | users N | poll N M | rounds N");
}
