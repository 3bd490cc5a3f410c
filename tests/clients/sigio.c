/* Signals for what comes from an input device, or a board that counts by itself: F_SETOWN, F_SETSIG, O_ASYNC.
 *
 *   sigio PATH carried | never | counts
 *
 * `never`: where nobody sends them; `counts`: of a board. It says `tap` when a key is to be tapped (four events), and `pull` when the device is to
 * be pulled.
 */
#define _GNU_SOURCE
#include "expect.h"

#include <fcntl.h>
#include <linux/input.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#define F_OURS (SIGRTMIN + 1)

static sigset_t both;
static int device;

static void say(const char *word)
{
	printf("%s\n", word);
	fflush(stdout);
}

/* The next signal of those two within `seconds`; 0 if none comes. */
static int next_signal(siginfo_t *info, int seconds)
{
	struct timespec limit = {.tv_sec = seconds};
	int signal;
	do {
		memset(info, 0, sizeof *info);
		signal = sigtimedwait(&both, info, &limit);
	} while (signal < 0 && errno == EINTR);
	return signal < 0 ? 0 : signal;
}

/* Reads the events of a tap, as they come. */
static void read_tap(void)
{
	for (int count = 0; count < 4;) {
		struct input_event events[4];
		struct pollfd file = {.fd = device, .events = POLLIN};
		if (poll(&file, 1, 20000) != 1)
			give_up("no events come");
		ssize_t got = read(device, events, sizeof events);
		if (got < 0 && errno != EAGAIN)
			give_up("read: %s", strerror(errno));
		count += got > 0 ? got / (int)sizeof *events : 0;
	}
}

/* Takes away the signals that have come. */
static int drain(void)
{
	siginfo_t info;
	int count = 0;
	while (next_signal(&info, 0))
		count++;
	return count;
}

static void set_up(void)
{
	struct f_owner_ex owner = {.type = F_OWNER_PID, .pid = getpid()};
	expect_errno("F_SETOWN", failed_with(fcntl(device, F_SETOWN, getpid())), 0);
	expect_value("F_GETOWN", fcntl(device, F_GETOWN), getpid());
	expect_errno("F_SETOWN_EX", failed_with(fcntl(device, F_SETOWN_EX, &owner)), 0);
	expect_errno("F_SETOWN of nobody", failed_with(fcntl(device, F_SETOWN, 0x3fffffff)), ESRCH);
	expect_errno("F_SETSIG", failed_with(fcntl(device, F_SETSIG, F_OURS)), 0);
	expect_errno("F_SETSIG of none", failed_with(fcntl(device, F_SETSIG, 1000)), EINVAL);
	expect_value("F_GETSIG", fcntl(device, 11 /* F_GETSIG */), F_OURS);
	expect_errno("O_ASYNC", failed_with(fcntl(device, F_SETFL, O_NONBLOCK | O_ASYNC)), 0);
}

static void until_hung_up(void)
{
	siginfo_t info;
	say("pull");
	do {
		if (!next_signal(&info, 20))
			give_up("no POLL_HUP");
	} while (info.si_code == POLL_IN);
	expect_value("the removal says POLL_HUP", info.si_code, POLL_HUP);
	expect_value("  of this descriptor", info.si_fd, device);
	expect_value("  with its bits", info.si_band & POLLHUP, POLLHUP);
	expect_value("nothing more comes", drain(), 0);
}

static void carried(void)
{
	siginfo_t info;
	expect_value("O_ASYNC is seen", fcntl(device, F_GETFL) & (O_ASYNC | O_NONBLOCK), O_ASYNC | O_NONBLOCK);
	say("tap");
	expect_value("the signal", next_signal(&info, 20), F_OURS);
	expect_value("  says POLL_IN", info.si_code, POLL_IN);
	expect_value("  of this descriptor", info.si_fd, device);
	expect_value("  with its bits", info.si_band & POLLIN, POLLIN);
	read_tap();
	expect_errno("F_SETSIG 0", failed_with(fcntl(device, F_SETSIG, 0)), 0);
	drain();
	say("tap");
	expect_value("by default SIGIO", next_signal(&info, 20), SIGIO);
	expect_value("  of the kernel", info.si_code, SI_KERNEL);
	read_tap();
	expect_errno("O_ASYNC off", failed_with(fcntl(device, F_SETFL, O_NONBLOCK)), 0);
	expect_value("  is seen", fcntl(device, F_GETFL) & (O_ASYNC | O_NONBLOCK), O_NONBLOCK);
	drain();
	say("tap");
	read_tap();
	expect_value("no signal when it is off", drain(), 0);
	expect_errno("F_SETSIG", failed_with(fcntl(device, F_SETSIG, F_OURS)), 0);
	expect_errno("FIOASYNC", failed_with(ioctl(device, FIOASYNC, &(int){1})), 0);
	expect_value("  is O_ASYNC", fcntl(device, F_GETFL) & O_ASYNC, O_ASYNC);
	until_hung_up();
}

static void counts(void)
{
	siginfo_t info;
	for (int i = 0; i < 3; i++) {
		int count;
		expect_value("the signal", next_signal(&info, 20), F_OURS);
		expect_value("  says POLL_IN", info.si_code, POLL_IN);
		expect_value("  of this descriptor", info.si_fd, device);
		/* Where many are unread no more may come. */
		expect_value("  and there is a count", read(device, &count, sizeof count) == sizeof count || i > 0, 1);
	}
	until_hung_up();
}

static void never(void)
{
	struct pollfd file = {.fd = device};
	expect_value("O_ASYNC is not seen", fcntl(device, F_GETFL) & (O_ASYNC | O_NONBLOCK), O_NONBLOCK);
	expect_errno("FIOASYNC", failed_with(ioctl(device, FIOASYNC, &(int){1})), ENOTTY);
	say("tap");
	read_tap();
	say("pull");
	expect_value("poll wakes", poll(&file, 1, 20000), 1);
	expect_value("and no signal has come", drain(), 0);
}

int main(int argc, char **argv)
{
	if (argc != 3)
		give_up("usage: sigio PATH carried | never");
	sigemptyset(&both);
	sigaddset(&both, SIGIO);
	sigaddset(&both, F_OURS);
	sigprocmask(SIG_BLOCK, &both, NULL);
	device = open(argv[1], O_RDONLY | O_NONBLOCK);
	if (device < 0)
		give_up("%s: %s", argv[1], strerror(errno));
	set_up();
	if (!strcmp(argv[2], "counts"))
		counts();
	else if (strcmp(argv[2], "never"))
		carried();
	else
		never();
	struct input_event event;
	size_t size = strcmp(argv[2], "counts") ? sizeof event : sizeof(int);
	/* What came before can be read first. */
	while (read(device, &event, size) > 0)
		;
	expect_errno("read of what has gone", failed_with(read(device, &event, size)), ENODEV);
	return finish();
}
