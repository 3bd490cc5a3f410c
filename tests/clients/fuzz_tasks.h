/* Fuzz: processes that inherit, stop, change what they are and die; threads that race on one pointer and on one descriptor;
 * signals; and a look at the processes above us. */
#ifndef FUZZ_TASKS_H
#define FUZZ_TASKS_H

#include "fuzz.h"

#include <pthread.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/time.h>

/* How deep processes beget others. */
#define DEPTH 2
static int depth;

/* Carries out some steps of the table, with numbers of their own. */
static void some_steps(uint64_t count);

static inline void on_signal(int number)
{
	(void)number;
}

/* Signals every millisecond or so from now on, or none any more. */
static inline void step_storm(void)
{
	struct sigaction action = {.sa_handler = on_signal, .sa_flags = one_in(2) ? SA_RESTART : 0};
	struct itimerval timer = {0};
	if (one_in(2))
		timer.it_interval.tv_usec = timer.it_value.tv_usec = 200 + below(3000);
	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &timer, NULL);
}

/* Waits for a child of ours, which must not hang. */
static inline void wait_for(pid_t child)
{
	long long end = now() + 2 * PATIENCE;
	int status;
	pid_t ended;
	while ((ended = waitpid(child, &status, WNOHANG)) == 0 || (ended < 0 && errno == EINTR)) {
		if (now() > end) {
			found("child %d has not ended for %d s", child, 2 * PATIENCE / 1000);
			kill(child, SIGKILL);
			end = now() + PATIENCE;
		}
		usleep(500);
	}
	if (ended < 0)
		found("child %d is not to be waited for: %s", child, strerror(errno));
	else if (WIFSIGNALED(status) && WTERMSIG(status) != SIGKILL)
		found("child %d died of signal %d", child, WTERMSIG(status));
	else if (WIFEXITED(status) && WEXITSTATUS(status) == 1)
		atomic_fetch_add(&common->failed, 1); /* it has said why */
	else if (WIFEXITED(status) && WEXITSTATUS(status) && WEXITSTATUS(status) != 127) /* no number for its libraries */
		found("child %d gave up (%d)", child, WEXITSTATUS(status));
}

/* What a child may become before it goes on. */
static inline void become_odd(void)
{
	struct rlimit limit = {.rlim_cur = 3 + below(64), .rlim_max = 64};
	switch (below(6)) {
	case 0: setrlimit(RLIMIT_NOFILE, &limit); break;
	case 1: /* on the road without FUSE its reads and writes would go to what stands for a device (docs/differences.md) */
		hidden = getuid() != 0;
		if (!hidden || !getenv("OUTLIVE_CLIENT_PLAIN"))
			prctl(PR_SET_DUMPABLE, 0);
		break;
	case 2:
		if (getuid() == 0 && (setgid(65534) || setuid(65534)))
			found("setuid: %s", strerror(errno));
		break;
	case 3: unshare(one_in(2) ? CLONE_FILES : CLONE_FS); break;
	case 4: CALL(close_range, 3, UINT32_MAX, 0), forget(3, UINT32_MAX); break;
	default: break;
	}
}

/* A child that goes on with what we have open; left alone, or stopped, or killed in the middle. */
static inline void step_fork(void)
{
	uint64_t own = draw(), fate = below(6), pause = below(3000), count = 1 + below(8);
	pid_t child;
	if (depth >= DEPTH || (child = fork()) < 0)
		return;
	if (child == 0) {
		depth++;
		random_from(own, 0);
		become_odd();
		some_steps(count);
		_exit(0);
	}
	if (fate < 3)
		usleep(pause);
	if (fate == 0)
		kill(child, SIGKILL);
	if (fate == 1 || fate == 2) {
		kill(child, SIGSTOP);
		usleep(pause);
		kill(child, fate == 1 ? SIGCONT : SIGKILL);
	}
	wait_for(child);
}

/* A child that sleeps in a read until it is killed: of a board that it may have to wait for. */
static inline void step_sleep(void)
{
	pid_t child = fork();
	if (child == 0) {
		long fd = CALL(openat, AT_FDCWD, UIO, O_RDONLY);
		while (fd >= 0 && syscall(SYS_read, fd, scratch, 4) > 0) /* not to be watched: it may sleep */
			;
		_exit(0);
	}
	usleep(below(20000));
	kill(child, SIGKILL);
	wait_for(child);
}

/* This program again, with its descriptors on the command line. */
static inline void execute(void)
{
	static char words[SLOTS + 5][288];
	char *arguments[SLOTS + 6] = {0};
	int count = 0;
	snprintf(words[count++], 32, "fuzz");
	snprintf(words[count++], 32, "inherited");
	snprintf(words[count++], 288, "%s", home);
	snprintf(words[count++], 32, "%llu", (unsigned long long)draw());
	snprintf(words[count++], 32, "%llu", (unsigned long long)(1 + below(6)));
	for (int i = 0; i < SLOTS; i++)
		if (slots[i].kind != NONE && fcntl(slots[i].fd, F_GETFD) == 0)
			snprintf(words[count++], 32, "%d:%d:%d", slots[i].fd, slots[i].kind, slots[i].dead);
	for (int i = 0; i < count; i++)
		arguments[i] = words[i];
	execve(program, arguments, environ);
}

static void *until_executed(void *slot)
{
	uint64_t own = (uintptr_t)slot;
	random_from(own, 1);
	for (;;) {
		long fd = syscall(SYS_openat, AT_FDCWD, UIO, O_RDWR | O_NONBLOCK | O_CLOEXEC), at;
		if (fd < 0)
			continue;
		at = syscall(SYS_mmap, 0, PAGE, PROT_READ, MAP_SHARED, fd, 0);
		if (at != -1)
			munmap((void *)at, PAGE);
		close(fd);
	}
	return NULL;
}

/* Fork or vfork, and exec; also in the middle of maps and opens by other threads. */
static inline void step_exec(void)
{
	int how = below(3);
	pthread_t thread;
	uint64_t own = draw();
	if (depth >= DEPTH)
		return;
	pid_t child = how == 0 ? vfork() : fork();
	if (child == 0) {
		if (how == 1 && pthread_create(&thread, NULL, until_executed, (void *)own) == 0)
			usleep(own % 2000);
		execute();
		_exit(0); /* a table of descriptors that is full, or a limit */
	}
	if (child > 0)
		wait_for(child);
}

/* ---- races ---- */

static struct {
	int fd, spare;
	uint64_t seed;
	uint8_t *window;
	atomic_int stop;
} raced;

/* Takes the memory away that is read and written, and puts it back, with other content. */
static void *race_memory(void *unused)
{
	random_from(raced.seed, 2);
	while (!atomic_load(&raced.stop)) {
		struct i2c_rdwr_ioctl_data *rdwr = (void *)raced.window;
		switch (below(4)) {
		case 0: mprotect(raced.window, PAGE, one_in(2) ? PROT_NONE : PROT_READ); break;
		case 1: madvise(raced.window, PAGE, MADV_DONTNEED); break;
		default:
			mprotect(raced.window, PAGE, PROT_READ | PROT_WRITE);
			*rdwr = (struct i2c_rdwr_ioctl_data){.msgs = (void *)(raced.window + 64), .nmsgs = draw() % 50};
			for (int i = 0; i < 4; i++)
				((struct i2c_msg *)(raced.window + 64))[i] =
					(struct i2c_msg){.addr = EEPROM_AT, .flags = below(2), .len = draw(), .buf = raced.window};
			memcpy(raced.window + 2048, one_in(2) ? I2C : UIO, sizeof I2C);
		}
	}
	return unused;
}

/* Gives the number to other files of ours, and closes it. */
static void *race_number(void *unused)
{
	random_from(raced.seed, 3);
	while (!atomic_load(&raced.stop)) {
		if (one_in(3))
			syscall(SYS_close, raced.fd);
		else
			syscall(SYS_dup3, raced.spare, raced.fd, 0);
		if (one_in(4))
			usleep(below(200));
	}
	return unused;
}

static inline void one_raced_call(void)
{
	struct iovec *parts = (void *)(raced.window + 1024);
	struct mmsghdr *messages = (void *)(raced.window + 1024);
	long fd;
	switch (below(9)) {
	case 0: CALL_OR(offline(), read, raced.fd, raced.window, below(PAGE)); break;
	case 1: CALL_OR(offline(), write, raced.fd, raced.window, below(16)); break;
	case 2: CALL_OR(offline(), readv, raced.fd, parts, 2); break;
	case 3: CALL_OR(offline(), ioctl, raced.fd, I2C_SMBUS, raced.window); break;
	case 4:
		fd = CALL(openat, AT_FDCWD, raced.window + 2048, O_RDWR | O_NONBLOCK | O_CLOEXEC);
		if (fd >= 0 && fd != raced.fd)
			close(fd);
		break;
	case 5: CALL(fstat, raced.fd, raced.window); break;
	case 6: {
		long at = CALL(mmap, 0, PAGE, PROT_READ, MAP_SHARED, raced.fd, 0);
		if (at > 0)
			munmap((void *)at, PAGE);
		break;
	}
	case 7: CALL(recvmmsg, raced.fd, messages, 1, MSG_DONTWAIT, 0); break;
	default: CALL_OR(offline(), ioctl, raced.fd, I2C_RDWR, raced.window);
	}
}

/* In a process of its own, whose memory and descriptors may come to any harm. */
static inline void step_race(void)
{
	uint64_t count = 20 + below(60);
	raced.seed = draw();
	pid_t child = fork();
	if (child == 0) {
		pthread_t threads[2];
		racing = 1;
		raced.window = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		raced.fd = open(one_in(3) ? UIO : I2C, O_RDWR | O_NONBLOCK);
		raced.spare = one_in(4) ? socket(AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK, NETLINK_KOBJECT_UEVENT)
					: open(one_in(2) ? UIO : I2C, O_RDWR | O_NONBLOCK);
		/* A number below 3 must stay what it is. */
		if (raced.fd < 3 || raced.spare < 3 || pthread_create(threads, NULL, race_memory, NULL))
			_exit(0);
		int second = pthread_create(threads + 1, NULL, race_number, NULL) == 0;
		while (count--)
			one_raced_call();
		atomic_store(&raced.stop, 1);
		pthread_join(threads[0], NULL);
		if (second)
			pthread_join(threads[1], NULL);
		_exit(0);
	}
	if (child > 0)
		wait_for(child);
}

/* ---- the processes above ---- */

/* The supervisor and the guardian: the processes called outlive that we descend from. */
static pid_t above[2];

static inline void find_above(void)
{
	char path[64], line[512];
	int count = 0;
	for (pid_t pid = getppid(); pid > 1 && count < 2;) {
		snprintf(path, sizeof path, "/proc/%d/stat", pid);
		int fd = open(path, O_RDONLY);
		ssize_t got = fd < 0 ? 0 : read(fd, line, sizeof line - 1);
		close(fd);
		if (got <= 0)
			return;
		line[got] = 0;
		if (strstr(line, "(outlive)"))
			above[count++] = pid;
		char *after = strrchr(line, ')');
		pid = after ? atoi(after + 4) : 0;
	}
}

/* Reads what it may of them; nothing is written, and of their descriptors none below 3 is opened. */
static inline void step_spy(void)
{
	static const char *const files[] = {"mem", "maps", "status", "environ", "fd", "fdinfo", "root/dev", "cwd", "mountinfo",
					    "root" I2C, "task", "net/unix"};
	char path[96];
	pid_t pid = CHOICE(above);
	if (!pid)
		return;
	if (one_in(3))
		snprintf(path, sizeof path, "/proc/%d/%s/%d", pid, one_in(3) ? "fdinfo" : "fd", 3 + (int)below(24));
	else
		snprintf(path, sizeof path, "/proc/%d/%s", pid, CHOICE(files));
	long fd = CALL(openat, AT_FDCWD, path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	CALL(readlink, path, scratch, 256);
	CALL(newfstatat, AT_FDCWD, path, scratch, 0);
	if (fd < 0)
		return;
	if (one_in(2))
		CALL(lseek, fd, draw() >> 20, SEEK_SET);
	CALL_OR(EIO, pread64, fd, scratch, below(8192), one_in(2) ? 0 : 0x400000 + below(1 << 20));
	CALL(getdents64, fd, scratch, 4096);
	close(fd);
}

#endif
