/* A uevent socket as programs use it without libudev: NETLINK_KOBJECT_UEVENT, bound to the kernel's group or udev's.
 *
 *   uevents calls     the calls around receiving; then it hears of one device coming or going, in every way to receive
 *   uevents sleep     asleep in recvmsg: an alarm, then an event
 *   uevents dup       the socket at a low number, by dup2
 *   uevents overrun   reads nothing until a line comes, then all
 *
 * Each says "ready" when it listens, and needs events of a device with DEVNAME=i2c-7 (or /dev/i2c-7) from then on.
 */
#define _GNU_SOURCE
#include "expect.h"
#include <linux/netlink.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

static void ready(void)
{
	printf("ready\n");
	fflush(stdout);
}

static int open_socket(int flags, unsigned groups)
{
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | flags, NETLINK_KOBJECT_UEVENT);
	struct sockaddr_nl address = {.nl_family = AF_NETLINK, .nl_groups = groups};
	int on = 1;
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof on))
		give_up("socket: %s", strerror(errno));
	if (bind(fd, (struct sockaddr *)&address, sizeof address))
		give_up("bind: %s", strerror(errno));
	return fd;
}

/* A received message and all that is told of it. */
struct received {
	struct sockaddr_nl from;
	socklen_t from_length;
	char text[8192];
	union {
		char bytes[CMSG_SPACE(sizeof(struct ucred))];
		struct cmsghdr align;
	} control;
	struct iovec part;
	struct msghdr header;
};

static ssize_t receive(int fd, struct received *r, size_t room, int flags)
{
	memset(r, 0x55, sizeof *r);
	r->part = (struct iovec){.iov_base = r->text, .iov_len = room};
	r->header = (struct msghdr){
		.msg_name = &r->from,
		.msg_namelen = sizeof r->from,
		.msg_iov = &r->part,
		.msg_iovlen = 1,
		.msg_control = &r->control,
		.msg_controllen = sizeof r->control,
	};
	ssize_t n = recvmsg(fd, &r->header, flags);
	if (n >= 0 && (size_t)n < sizeof r->text)
		r->text[n] = 0;
	return n;
}

/* Waits for a message that is about i2c-7: the machine has others. Peeks at it; the next receive has it. */
static void wait_for_device(int fd)
{
	static char text[8192];
	for (;;) {
		struct pollfd watched = {.fd = fd, .events = POLLIN};
		if (poll(&watched, 1, 30000) != 1)
			give_up("no event within 30 s");
		ssize_t n = recv(fd, text, sizeof text, MSG_PEEK);
		/* On a busy machine a small buffer is full again before we come to it. */
		if (n < 0 && errno == ENOBUFS)
			continue;
		if (n < 0)
			give_up("recv: %s", strerror(errno));
		if (memmem(text, n, "OUTLIVE_GENERATION", 18) || memmem(text, n, "DEVNAME=i2c-7", 13))
			return;
		recv(fd, text, sizeof text, 0);
	}
}

static void expect_kernel(const char *what, const struct received *r, ssize_t n, unsigned group)
{
	char line[100];
	struct ucred owner;
	snprintf(line, sizeof line, "%s: something came", what);
	expect_value(line, n > 0, 1);
	snprintf(line, sizeof line, "%s: family, length", what);
	expect_value(line, r->from.nl_family * 100 + r->header.msg_namelen, AF_NETLINK * 100 + 12);
	snprintf(line, sizeof line, "%s: port", what);
	expect_value(line, r->from.nl_pid, 0);
	snprintf(line, sizeof line, "%s: group", what);
	expect_value(line, r->from.nl_groups, group);
	snprintf(line, sizeof line, "%s: credentials", what);
	struct cmsghdr *control = CMSG_FIRSTHDR(&r->header);
	if (!control || control->cmsg_type != SCM_CREDENTIALS || control->cmsg_len != CMSG_LEN(sizeof owner)) {
		failed(line, "there are none");
		return;
	}
	memcpy(&owner, CMSG_DATA(control), sizeof owner);
	expect_value(line, owner.uid * 10 + owner.pid, 0);
}

static void names_and_options(int fd)
{
	struct sockaddr_nl address = {0};
	socklen_t length = sizeof address;
	int value = 0;
	expect_errno("getsockname", failed_with(getsockname(fd, (struct sockaddr *)&address, &length)), 0);
	expect_value("its family", address.nl_family, AF_NETLINK);
	expect_value("its port is the process", address.nl_pid, getpid());
	expect_value("its groups", address.nl_groups, 1);
	expect_value("its length", length, sizeof address);
	length = sizeof value;
	expect_errno("SO_DOMAIN", failed_with(getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &value, &length)), 0);
	expect_value("it is netlink", value, AF_NETLINK);
	getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &value, &length);
	expect_value("of uevents", value, NETLINK_KOBJECT_UEVENT);
	getsockopt(fd, SOL_SOCKET, SO_TYPE, &value, &length);
	expect_value("raw", value, SOCK_RAW);
	struct sockaddr_nl other = {.nl_family = AF_UNIX};
	expect_errno("bind of another family", failed_with(bind(fd, (struct sockaddr *)&other, sizeof other)), EINVAL);
	expect_errno("bind of a short address", failed_with(bind(fd, (struct sockaddr *)&address, 8)), EINVAL);
	address.nl_pid++;
	expect_errno("bind to another port", failed_with(bind(fd, (struct sockaddr *)&address, sizeof address)), EINVAL);
	expect_errno("bind at no memory", failed_with(bind(fd, (void *)8, sizeof address)), EFAULT);
	length = sizeof address;
	value = 0;
	expect_errno("no group 0",
		     failed_with(setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &value, sizeof value)), EINVAL);
	value = 2;
	setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &value, sizeof value);
	getsockname(fd, (struct sockaddr *)&address, &length);
	expect_value("joined udev's group", address.nl_groups, 3);
	setsockopt(fd, SOL_NETLINK, NETLINK_DROP_MEMBERSHIP, &value, sizeof value);
	getsockname(fd, (struct sockaddr *)&address, &length);
	expect_value("left it", address.nl_groups, 1);
	int second = open_socket(0, 1);
	length = sizeof address;
	getsockname(second, (struct sockaddr *)&address, &length);
	expect_value("another socket has another port", address.nl_pid != (unsigned)getpid(), 1);
	close(second);
	second = open_socket(0, 0);
	struct iovec part = {.iov_base = &value, .iov_len = sizeof value};
	struct msghdr header = {.msg_name = &other, .msg_namelen = sizeof other, .msg_iov = &part, .msg_iovlen = 2000};
	expect_errno("recvmsg to no memory", failed_with(recvmsg(second, (void *)8, MSG_DONTWAIT)), EFAULT);
	expect_errno("recvmsg of too many parts", failed_with(recvmsg(second, &header, MSG_DONTWAIT)), EMSGSIZE);
	length = -1;
	expect_errno("a negative length", failed_with(getsockname(second, (void *)&address, &length)), EINVAL);
	expect_errno("in no group nothing comes", failed_with(recv(second, &value, sizeof value, MSG_DONTWAIT)), EAGAIN);
	close(second);
	printf("note sending says %s\n", errno_name(failed_with(send(fd, "x", 1, MSG_NOSIGNAL))));
}

static int calls(void)
{
	static struct received r;
	int fd = open_socket(0, 1);
	names_and_options(fd);
	ready();
	wait_for_device(fd);
	ssize_t whole = recv(fd, NULL, 0, MSG_PEEK | MSG_TRUNC);
	ssize_t n = receive(fd, &r, sizeof r.text, MSG_PEEK);
	expect_value("the length is known before", whole, n);
	expect_kernel("peek", &r, n, 1);
	char *place = strchr(r.text, '@');
	expect_value("it begins with ACTION@/devices", place && strncmp(place, "@/devices/", 10) == 0, 1);
	expect_value("the number ends it", memmem(r.text, n, "\0SEQNUM=", 8) != NULL && r.text[n - 1] == 0, 1);
	n = receive(fd, &r, 5, 0);
	expect_value("cut", n * 10 + ((r.header.msg_flags & MSG_TRUNC) != 0), 51);
	wait_for_device(fd);
	struct sockaddr_nl from;
	socklen_t length = sizeof from;
	n = recvfrom(fd, r.text, sizeof r.text, 0, (struct sockaddr *)&from, &length);
	expect_value("recvfrom", n > 0 && from.nl_family == AF_NETLINK && !from.nl_pid && from.nl_groups == 1, 1);
	wait_for_device(fd);
	struct mmsghdr several[2] = {{.msg_hdr = r.header}, {.msg_hdr = r.header}};
	r.part.iov_len = sizeof r.text;
	several[0].msg_hdr.msg_namelen = sizeof r.from;
	several[0].msg_hdr.msg_controllen = sizeof r.control;
	n = recvmmsg(fd, several, 1, MSG_WAITFORONE, NULL);
	expect_value("recvmmsg", n, 1);
	r.header = several[0].msg_hdr;
	expect_kernel("recvmmsg", &r, several[0].msg_len, 1);
	wait_for_device(fd);
	r.header.msg_controllen = 20;
	n = recvmsg(fd, &r.header, 0);
	expect_value("no room for credentials", n > 0 && r.header.msg_flags & MSG_CTRUNC, 1);
	return finish();
}

static volatile sig_atomic_t rung;

static void ring(int number)
{
	(void)number;
	rung = 1;
}

/* Events come behind the signal then. */
static void ring_ready(int number)
{
	ring(number);
	if (write(1, "ready\n", 6) != 6)
		_exit(2);
}

static int asleep(void)
{
	static struct received r;
	int fd = open_socket(0, 2);
	struct sigaction action = {.sa_handler = ring};
	struct itimerval soon = {.it_value.tv_usec = 200000};
	struct timeval limit = {.tv_usec = 200000};
	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &soon, NULL);
	expect_errno("a signal ends the sleep", failed_with(receive(fd, &r, sizeof r.text, 0)), EINTR);
	expect_value("and is delivered", rung, 1);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
	expect_errno("so does a limit", failed_with(receive(fd, &r, sizeof r.text, 0)), EAGAIN);
	limit.tv_usec = 0;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
	action.sa_handler = ring_ready;
	action.sa_flags = SA_RESTART;
	sigaction(SIGALRM, &action, NULL);
	rung = 0;
	setitimer(ITIMER_REAL, &soon, NULL);
	/* Of the machine there may be others, where udev runs. */
	ssize_t n;
	do
		n = receive(fd, &r, sizeof r.text, 0);
	while (n > 0 && !memmem(r.text, n, "OUTLIVE_GENERATION", 18));
	expect_value("the event is received behind a signal", n > 0 && rung, 1);
	expect_kernel("asleep", &r, n, 2);
	return finish();
}

static int duplicated(void)
{
	static struct received r;
	int high = open_socket(0, 2), fd = dup2(high, 9);
	close(high);
	ready();
	struct pollfd watched = {.fd = fd, .events = POLLIN};
	poll(&watched, 1, 30000);
	ssize_t n = receive(fd, &r, sizeof r.text, 0);
	expect_value("something came", n > 0 && memcmp(r.text, "libudev", 8) == 0, 1);
	expect_value("from port 0", r.from.nl_pid, 0);
	expect_value("and udev's group", r.from.nl_groups, 2);
	printf("note the family is %s\n", r.from.nl_family == AF_NETLINK ? "netlink" : "another");
	return finish();
}

static int overrun(void)
{
	static struct received r;
	int fd = open_socket(SOCK_NONBLOCK, 2), small = 1, got = 0;
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
	/* Whoever counts what waits knows of the new size from now on. */
	receive(fd, &r, sizeof r.text, 0);
	ready();
	getchar();
	expect_errno("first it is told that some were lost", failed_with(receive(fd, &r, sizeof r.text, 0)), ENOBUFS);
	while (receive(fd, &r, sizeof r.text, 0) > 0)
		got++;
	expect_errno("then there is what was kept", errno, EAGAIN);
	printf("note %d were kept\n", got);
	expect_value("which is not much", got > 0 && got < 20, 1);
	ready();
	ssize_t n;
	do {
		wait_for_device(fd);
		n = receive(fd, &r, sizeof r.text, 0);
	} while (n < 0 && errno == ENOBUFS);
	expect_kernel("then it goes on", &r, n, 2);
	return finish();
}

int main(int count, char **words)
{
	const char *what = count == 2 ? words[1] : "";
	if (strcmp(what, "calls") == 0)
		return calls();
	if (strcmp(what, "sleep") == 0)
		return asleep();
	if (strcmp(what, "dup") == 0)
		return duplicated();
	if (strcmp(what, "overrun") == 0)
		return overrun();
	give_up("usage: uevents calls|sleep|dup|overrun");
}
