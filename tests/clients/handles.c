/* Every way to come by a descriptor of one open file, or of one device: each reaches the device; and when that has been
 * pulled, each says ENODEV, HUP and ERR, and can be closed (I1, I15, I19, I22, I25).
 *
 *   handles alive                  needs a 24c02
 *   handles pulled                 the same, then says "ready", is to be unplugged and told so by a line
 */
#define _GNU_SOURCE
#include "passing.h"
#include "pull.h"

#include <poll.h>
#include <spawn.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

static const char *self;
static int gone;	  /* 0, or ENODEV when the device has been pulled */
static int waits;	  /* whether it is going to be */
static int go[2], up[2];  /* closed when it has been; a byte from each child that has found it alive */
static int stand_in = -1; /* standard input, where that has been replaced */

static int expected_bits(void)
{
	return gone ? zombie_bits(POLLIN | POLLOUT) : POLLIN | POLLOUT;
}

/* 0 if a descriptor answers as it should, alive or not; else what is wrong, as an errno. */
static int tried(int fd)
{
	unsigned long functions;
	struct pollfd file = {.fd = fd, .events = POLLIN | POLLOUT};
	uint8_t byte;
	int error = functionality(fd, &functions);
	if (error != gone)
		return error ? error : EPROTO;
	error = failed_with(read(fd, &byte, 1));
	if (error != gone)
		return error ? error : EPROTO;
	return poll(&file, 1, 0) == 1 && file.revents == expected_bits() ? 0 : EBADMSG;
}

/* A child's life with its descriptor: the result is its exit status. */
static int try_in_child(int fd)
{
	char byte;
	int error = tried(fd);
	if (write(up[1], "", 1) != 1)
		return EPIPE;
	if (error || !waits)
		return error;
	/* Until the device has been pulled. */
	close(go[1]);
	if (read(go[0], &byte, 1) != 0)
		return EIO;
	gone = ENODEV;
	error = tried(fd);
	return error ? error : failed_with(close(fd));
}

static void expect_status(const char *what, pid_t child)
{
	int status;
	if (child < 0 || waitpid(child, &status, 0) != child)
		failed(what, "no child: %s", strerror(errno));
	else
		expect_errno(what, WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status), 0);
}

/* ---- ways to children ---- */

static void until_up(void)
{
	char byte;
	if (read(up[0], &byte, 1) != 1)
		give_up("a child has not come up");
}

static pid_t inherits(int fd)
{
	pid_t child = fork();
	if (child == 0)
		_exit(try_in_child(fd));
	until_up();
	return child;
}

/* Executed with the descriptor at `number`, or without one opening the device there, by posix_spawn (which is vfork and
 * exec). */
static pid_t executes(int fd, int number)
{
	char words[4][16];
	posix_spawn_file_actions_t actions;
	pid_t child;
	int numbers[] = {number, go[0], up[1], waits};
	for (int i = 0; i < 4; i++)
		snprintf(words[i], sizeof words[i], "%d", numbers[i]);
	char *arguments[] = {(char *)self, "child", words[0], words[1], words[2], words[3], NULL};
	posix_spawn_file_actions_init(&actions);
	if (fd >= 0)
		posix_spawn_file_actions_adddup2(&actions, fd, number);
	else
		posix_spawn_file_actions_addopen(&actions, number, device_path(), O_RDWR, 0);
	/* A copy of the end that is closed at the pull would keep it open. */
	posix_spawn_file_actions_addclose(&actions, go[1]);
	if (posix_spawn(&child, self, &actions, NULL, arguments, environ))
		give_up("posix_spawn: %s", strerror(errno));
	posix_spawn_file_actions_destroy(&actions);
	until_up();
	return child;
}

static pid_t is_sent(int fd)
{
	int ends[2];
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends))
		give_up("socketpair: %s", strerror(errno));
	pid_t child = fork();
	if (child == 0) {
		close(fd);
		_exit(try_in_child(receive_descriptor(ends[1])));
	}
	if (send_descriptor(ends[0], fd))
		give_up("SCM_RIGHTS: %s", strerror(errno));
	until_up();
	close(ends[0]);
	close(ends[1]);
	return child;
}

/* A child takes it out of its parent's table. */
static pid_t takes(int fd)
{
	pid_t parent = getpid(), child;
	/* Where Yama restricts tracing (sysctl kernel.yama.ptrace_scope) it needs leave. */
	prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY);
	child = fork();
	if (child == 0) {
		close(fd);
		int pidfd = syscall(SYS_pidfd_open, parent, 0);
		_exit(try_in_child(syscall(SYS_pidfd_getfd, pidfd, fd, 0)));
	}
	until_up();
	return child;
}

/* ---- ways within a process ---- */

static int opened(const char *format, int fd)
{
	char path[64];
	snprintf(path, sizeof path, format, fd);
	int again = open(path, O_RDWR);
	if (again < 0)
		give_up("open of %s: %s", path, strerror(errno));
	select_chip(again, chip_address());
	return again;
}

static void expect_link(int fd)
{
	char path[64], target[64] = "";
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	expect_errno("readlink of /proc/self/fd/N", failed_with(readlink(path, target, sizeof target - 1)), 0);
	expect_value("  names the device", strcmp(target, device_path()), 0);
}

static void closed_in_ranges(int fd)
{
	int first = 700;
	for (int i = 0; i < 10; i++)
		dup2(fd, first + i);
	expect_errno("close_range", failed_with(close_range(first, first + 4, 0)), 0);
	expect_errno("  closes", failed_with(fcntl(first + 4, F_GETFD)), EBADF);
	expect_errno("  and leaves the others", tried(first + 5), 0);
	expect_errno("close_range, on exec", failed_with(close_range(first + 5, first + 9, CLOSE_RANGE_CLOEXEC)), 0);
	expect_value("  marks them", fcntl(first + 9, F_GETFD), FD_CLOEXEC);
	expect_errno("  and they work", tried(first + 9), 0);
	expect_errno("close_range of the rest", failed_with(close_range(first + 5, first + 9, CLOSE_RANGE_UNSHARE)), 0);
	expect_errno("the first one goes on", tried(fd), 0);
}

enum { PLAIN, LOW, INPUT, HIGH, BY_PROC, BY_DEV_FD, NONBLOCK, WAYS };
static const char *const ways[WAYS] = {"open", "dup2 to a low number", "dup3 to standard input", "F_DUPFD",
	"open of /proc/self/fd/N", "open of /dev/fd/N", "open with O_NONBLOCK"};

static void come_by(int fds[WAYS])
{
	fds[PLAIN] = open_chip(O_RDWR | O_CLOEXEC);
	stand_in = fcntl(0, F_DUPFD_CLOEXEC, 600);
	fds[LOW] = dup2(fds[PLAIN], 9);
	fds[INPUT] = dup3(fds[PLAIN], 0, O_CLOEXEC);
	fds[HIGH] = fcntl(fds[PLAIN], F_DUPFD_CLOEXEC, 900);
	fds[BY_PROC] = opened("/proc/self/fd/%d", fds[LOW]);
	fds[BY_DEV_FD] = opened("/dev/fd/%d", fds[HIGH]);
	fds[NONBLOCK] = open_chip(O_RDWR | O_NONBLOCK | O_CLOEXEC);
}

#define CHILDREN 5

static void games(void)
{
	static const char *const kinds[CHILDREN] = {"a child that inherited it", "a program executed with it",
		"a program that is spawned opening it", "a process that was sent it", "a process that took it"};
	int fds[WAYS], queue[2];
	come_by(fds);
	for (int i = 0; i < WAYS; i++)
		expect_errno(ways[i], tried(fds[i]), 0);
	expect_link(fds[PLAIN]);
	expect_link(0);
	closed_in_ranges(fds[PLAIN]);
	pid_t children[CHILDREN] = {inherits(fds[PLAIN]), executes(fds[PLAIN], 3), executes(-1, 0),
		is_sent(fds[PLAIN]), takes(fds[PLAIN])};
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, queue) || send_descriptor(queue[0], fds[PLAIN]))
		give_up("SCM_RIGHTS: %s", strerror(errno));
	if (waits) {
		char line[16];
		ready();
		if (read(stand_in, line, sizeof line) < 0)
			give_up("standard input: %s", strerror(errno));
		gone = ENODEV;
	}
	close(go[1]);
	for (int i = 0; i < CHILDREN; i++)
		expect_status(kinds[i], children[i]);
	int received = receive_descriptor(queue[1]);
	expect_errno("one that was in a socket meanwhile", tried(received), 0);
	expect_errno("  by /dev/fd/N", failed_with(open("/dev/fd/9", O_RDONLY)), gone);
	expect_errno("a child that comes late", tried(received), 0);
	for (int i = 0; i < WAYS; i++) {
		expect_errno(ways[i], tried(fds[i]), 0);
		expect_errno("  close", failed_with(close(fds[i])), 0);
	}
	expect_errno("the last one", tried(received), 0);
	expect_errno("  close", failed_with(close(received)), 0);
}

/* With numbers that the games do not need. */
static void pipe_out_of_the_way(int ends[2])
{
	int low[2];
	if (pipe(low))
		give_up("pipe: %s", strerror(errno));
	for (int i = 0; i < 2; i++) {
		ends[i] = fcntl(low[i], F_DUPFD, 500);
		close(low[i]);
	}
}

int main(int argc, char **argv)
{
	self = argv[0];
	if (argc == 6 && !strcmp(argv[1], "child")) {
		go[0] = argument_number(argv[3]);
		up[1] = argument_number(argv[4]);
		go[1] = -1;
		waits = argument_number(argv[5]);
		int fd = argument_number(argv[2]);
		/* What is wrong with it, try_in_child finds out. */
		select_chip(fd, chip_address());
		return try_in_child(fd);
	}
	waits = is_pulled(argc, argv);
	pipe_out_of_the_way(go);
	pipe_out_of_the_way(up);
	games();
	return finish();
}
