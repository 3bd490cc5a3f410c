/*
 * A user of device nodes that does as it is told, one line at a time:
 *
 *	ID VERB ARGUMENT...		in, on standard input
 *	ID ok [VALUE] | ID ENODEV	out, on standard output, when the call returns
 *
 * Every command runs on a thread of its own, so that any of them may sleep. It ends when its input does.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/i2c-dev.h>
#include <linux/i2c.h>
#include <linux/input.h>
#include <mtd/mtd-user.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "card.h"
#include "tell.h"

#define COMMANDS 65536

struct command {
	char id[16], verb[32], path[256];
	long a, b;
};

static pthread_t running[COMMANDS];
static pthread_mutex_t output = PTHREAD_MUTEX_INITIALIZER;

static void say(const char *text, size_t length)
{
	pthread_mutex_lock(&output);
	while (length > 0) {
		ssize_t n = write(1, text, length);
		if (n <= 0)
			_exit(3);
		text += n;
		length -= n;
	}
	pthread_mutex_unlock(&output);
}

static void answer(const struct command *c, long value)
{
	char line[64];
	int length;

	if (value < 0)
		length = snprintf(line, sizeof(line), "%s %s\n", c->id, strerrorname_np(errno));
	else
		length = snprintf(line, sizeof(line), "%s ok %ld\n", c->id, value);
	say(line, length);
}

static long rdwr(int fd)
{
	unsigned char byte;
	struct i2c_msg message = { .addr = 0x50, .flags = I2C_M_RD, .len = 1, .buf = &byte };
	struct i2c_rdwr_ioctl_data data = { .msgs = &message, .nmsgs = 1 };

	return ioctl(fd, I2C_RDWR, &data);
}

static long smbus(int fd)
{
	union i2c_smbus_data byte;
	struct i2c_smbus_ioctl_data data = {
		.read_write = I2C_SMBUS_READ, .command = 1, .size = I2C_SMBUS_BYTE_DATA, .data = &byte,
	};

	return ioctl(fd, I2C_SMBUS, &data);
}

static long irq(int fd)
{
	return write(fd, &(int){ 1 }, sizeof(int));
}

static long erase(int fd)
{
	return ioctl(fd, MEMERASE, &(struct erase_info_user){ 0, 0x1000 });
}

/* The number of a new effect of force feedback. */
static long effect(int fd)
{
	struct ff_effect rumble = { .type = FF_RUMBLE, .id = -1 };

	return ioctl(fd, EVIOCSFF, &rumble) < 0 ? -1 : rumble.id;
}

/* A command for a TPM, and its response, which it leaves to be read otherwise. */
static const unsigned char ORDER[] = { 0x80, 1, 0, 0, 0, 10, 0, 0, 1, 0x7b };

static long order(int fd)
{
	char response[64];
	long result = write(fd, ORDER, sizeof(ORDER));
	int error = errno;

	/* Also of one that has gone meanwhile: it is there. */
	if (result > 0 && read(fd, response, sizeof(response)) < 0)
		return -1;
	errno = error;
	return result;
}

/* The call of that name that reaches a driver. */
static long first(int fd, const char *name)
{
	if (strcmp(name, "effect") == 0)
		return effect(fd);
	if (strcmp(name, "order") == 0)
		return order(fd);
	if (strcmp(name, "erase") == 0)
		return erase(fd);
	if (strcmp(name, "blank") == 0)
		return card_blank(fd);
	return strcmp(name, "irq") == 0 ? irq(fd) : rdwr(fd);
}

/* The same open file, by way of a socket. */
static long passed(int fd, const char *call)
{
	char control[CMSG_SPACE(sizeof(int))] = { 0 }, byte = 0;
	struct iovec iov = { &byte, 1 };
	struct msghdr message = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control),
	};
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);
	int sockets[2], copy;
	long result;

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, sockets) < 0)
		return -1;
	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(header), &fd, sizeof(int));
	if (sendmsg(sockets[0], &message, 0) < 0 || recvmsg(sockets[1], &message, 0) < 0)
		return -1;
	memcpy(&copy, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(int));
	close(sockets[0]);
	close(sockets[1]);
	result = first(copy, call);
	int error = errno;
	close(copy);
	errno = error;
	return result;
}

/* Another open file, by way of the descriptor's name. */
static long reopened(int fd, const char *call)
{
	char name[64];
	int other, error;
	long result;

	snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	other = open(name, O_RDWR | O_CLOEXEC);
	if (other < 0)
		return -1;
	result = first(other, call);
	error = errno;
	close(other);
	errno = error;
	return result;
}

static long without_waiting(int fd, size_t size)
{
	struct input_event bytes[64];
	int flags = fcntl(fd, F_GETFL), error;
	long result;

	fcntl(fd, F_SETFL, flags | O_NONBLOCK);
	result = read(fd, bytes, size);
	error = errno;
	fcntl(fd, F_SETFL, flags);
	errno = error;
	return result;
}

/* Opens it that many times in a process that is stopped then, and says which process that is. */
static long idle(const char *path, long count)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		for (long i = 0; i < count; i++)
			if (open(path, O_RDWR) < 0)
				_exit(errno);
		raise(SIGSTOP);
		_exit(0);
	}
	if (pid < 0 || waitpid(pid, &status, WUNTRACED) < 0)
		return -1;
	if (!WIFSTOPPED(status)) {
		errno = WIFEXITED(status) ? WEXITSTATUS(status) : ECANCELED;
		return -1;
	}
	return pid;
}

static void standing(const struct command *c)
{
	static char text[1 << 20];
	static pthread_mutex_t one = PTHREAD_MUTEX_INITIALIZER;
	const char *path = getenv("OUTLIVE_STATUS");
	size_t length, start;
	ssize_t n;
	int fd = open(path ? path : "", O_RDONLY);

	if (fd < 0) {
		answer(c, -1);
		return;
	}
	pthread_mutex_lock(&one);
	start = length = snprintf(text, 32, "%s ok ", c->id);
	while ((n = read(fd, text + length, sizeof(text) - length - 1)) > 0)
		length += n;
	for (size_t i = start; i < length; i++)
		if (text[i] == '\n')
			text[i] = ' ';
	text[length++] = '\n';
	say(text, length);
	pthread_mutex_unlock(&one);
	close(fd);
}

static long poll_bits(int fd, int events, int timeout)
{
	struct pollfd wait = { .fd = fd, .events = events };
	int n = poll(&wait, 1, timeout);

	return n < 0 ? -1 : wait.revents;
}

static _Thread_local sigjmp_buf out;

static void fault(int signal)
{
	(void)signal;
	siglongjmp(out, 1);
}

/* Reads or writes a word of memory; EFAULT if a signal comes of it. */
static long touched(volatile unsigned *word, int writes, unsigned value)
{
	if (sigsetjmp(out, 1)) {
		errno = EFAULT;
		return -1;
	}
	if (writes)
		*word = value;
	return writes ? 0 : *word;
}

static long opened(const char *path)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);

	if (fd >= 0 && strncmp(path, "/dev/dri/", 9) == 0)
		card_opened(fd);
	return fd;
}

static long carry_out(const struct command *c)
{
	char byte = 1;
	struct stat stat_of;
	struct mtd_info_user info;

#define VERB(name) (strcmp(c->verb, name) == 0)
	if (VERB("open"))
		return opened(c->path);
	if (VERB("stat"))
		return stat(c->path, &stat_of);
	if (VERB("idle"))
		return idle(c->path, c->a);
	if (VERB("end"))
		return kill(c->a, SIGKILL) < 0 ? -1 : waitpid(c->a, NULL, 0);
	if (VERB("interrupt"))
		return (errno = pthread_kill(running[c->a % COMMANDS], SIGUSR1)) ? -1 : 0;
	if (VERB("close"))
		return close(c->a);
	if (VERB("I2C_RDWR"))
		return rdwr(c->a);
	if (VERB("I2C_SMBUS"))
		return smbus(c->a);
	if (VERB("I2C_FUNCS"))
		return ioctl(c->a, I2C_FUNCS, &(unsigned long){ 0 });
	if (VERB("I2C_SLAVE"))
		return ioctl(c->a, I2C_SLAVE, 0x51L);
	if (VERB("unknown"))
		return ioctl(c->a, _IO('z', 1), 0);
	if (VERB("read"))
		return read(c->a, &byte, 1);
	if (VERB("nonblocking"))
		return without_waiting(c->a, 1);
	if (VERB("count"))
		return without_waiting(c->a, sizeof(int));
	if (VERB("events"))
		return without_waiting(c->a, 64 * sizeof(struct input_event));
	if (VERB("irq"))
		return irq(c->a);
	if (VERB("effect"))
		return effect(c->a);
	if (VERB("forget"))
		return ioctl(c->a, EVIOCRMFF, c->b);
	if (VERB("version"))
		return ioctl(c->a, EVIOCGVERSION, &(int){ 0 });
	if (VERB("blank"))
		return card_blank(c->a);
	if (VERB("queue"))
		return card_queue(c->a);
	if (VERB("drm-version"))
		return ioctl(c->a, _IOWR('d', 0, char[64]), (char[64]){ 0 });
	if (VERB("resources"))
		return card_resources(c->a, (uint32_t[CARD_CRTCS]){ 0 }, (uint32_t[CARD_CRTCS]){ 0 });
	if (VERB("picture"))
		return card_offset(c->a, &(uint64_t){ 0 });
	if (VERB("dumb"))
		return card_dumb(c->a);
	if (VERB("undumb"))
		return ioctl(c->a, CARD_DESTROY_DUMB, &(uint32_t){ c->b });
	if (VERB("map-picture"))
		return card_map_picture(c->a, c->b);
	if (VERB("erase"))
		return erase(c->a);
	if (VERB("order"))
		return order(c->a);
	if (VERB("asks"))
		return write(c->a, ORDER, sizeof(ORDER));
	if (VERB("response"))
		return without_waiting(c->a, 64);
	if (VERB("tell-i2c"))
		return tell_i2c(c->a, c->b);
	if (VERB("tell-mtd"))
		return tell_mtd(c->a, c->b);
	if (VERB("tell-tpm"))
		return tell_tpm(c->a, c->b);
	if (VERB("info"))
		return ioctl(c->a, MEMGETINFO, &info);
	if (VERB("pread"))
		return pread(c->a, &byte, 1, 5);
	if (VERB("pwrite"))
		return pwrite(c->a, &byte, 1, 5);
	if (VERB("beyond"))
		return pread(c->a, &byte, 1, 1L << 40);
	if (VERB("write"))
		return write(c->a, &byte, 1);
	if (VERB("empty"))
		return write(c->a, &byte, 0);
	if (VERB("poll"))
		return poll_bits(c->a, POLLIN | POLLOUT, 0);
	if (VERB("sleep"))
		return poll_bits(c->a, 0, -1);
	if (VERB("map"))
		return (long)mmap(NULL, c->b, PROT_READ | PROT_WRITE, MAP_SHARED, c->a, 0);
	if (VERB("get") || VERB("set"))
		return touched((volatile unsigned *)c->a, c->verb[0] == 's', c->b);
	if (strncmp(c->verb, "passed:", 7) == 0)
		return passed(c->a, c->verb + 7);
	if (strncmp(c->verb, "reopened:", 9) == 0)
		return reopened(c->a, c->verb + 9);
	errno = ENOSYS;
	return -1;
}

static void *on_its_thread(void *argument)
{
	struct command *c = argument;

	running[atol(c->id) % COMMANDS] = pthread_self();
	if (strcmp(c->verb, "standing") == 0)
		standing(c);
	else
		answer(c, carry_out(c));
	free(c);
	return NULL;
}

static void woken(int signal)
{
	(void)signal;
}

int main(void)
{
	struct sigaction action = { .sa_handler = woken };
	pthread_attr_t detached;
	char line[512];

	sigaction(SIGUSR1, &action, NULL);
	action.sa_handler = fault;
	sigaction(SIGBUS, &action, NULL);
	sigaction(SIGSEGV, &action, NULL);
	pthread_attr_init(&detached);
	pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&detached, 128 * 1024);
	while (fgets(line, sizeof(line), stdin)) {
		struct command *c = calloc(1, sizeof(*c));
		pthread_t thread;

		if (sscanf(line, "%15s %31s path %255s %ld", c->id, c->verb, c->path, &c->a) < 3 &&
		    sscanf(line, "%15s %31s %ld %ld", c->id, c->verb, &c->a, &c->b) < 2)
			return 2;
		if (pthread_create(&thread, &detached, on_its_thread, c) != 0)
			return 1;
	}
	return 0;
}
