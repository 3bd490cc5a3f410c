/* What each call on a descriptor of a device answers, alive and when the device has been pulled: vectors, splicing,
 * locks, sizes, attributes, asynchronous input; and each way to wait, with its exact bits (I18 to I20).
 *
 *   answers alive                  needs a 24c02
 *   answers pulled                 the same, then says "ready", is to be unplugged and told so by a line
 *
 * What differs from Linux' own i2c-dev is told in notes.
 */
#define _GNU_SOURCE
#include "pull.h"

#include <linux/falloc.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/time.h>
#include <sys/uio.h>

#define ALL_BITS (POLLIN | POLLPRI | POLLOUT | POLLRDNORM | POLLRDBAND | POLLWRNORM | POLLWRBAND | POLLRDHUP)

static int notified; /* an inotify of /dev */
static int gone; /* what the calls that reach the device say: 0 or ENODEV */
static volatile sig_atomic_t sigios;

static void count_sigio(int signal)
{
	(void)signal;
	sigios++;
}

/* ---- data ---- */

static void vectors(int fd)
{
	char first[2], second[3], byte[] = {0x10}, letters[] = "abcde";
	struct iovec parts[] = {{first, 2}, {second, 3}}, sent[] = {{byte, 1}, {letters, 5}};

	if (!gone) {
		uint8_t fill[6] = {0x10, 'a', 'b', 'c', 'd', 'e'};
		expect_value("write", write(fd, fill, 6), 6);
		expect_value("write of the pointer", write(fd, byte, 1), 1);
		expect_value("readv", readv(fd, parts, 2), 5);
		expect_value("  reads one part after the other", memcmp(first, "ab", 2) || memcmp(second, "cde", 3), 0);
		tell("writev of an address and five bytes", failed_with(writev(fd, sent, 2)));
		write(fd, byte, 1);
		expect_value("preadv2 at the position", preadv2(fd, parts, 1, -1, 0), 2);
		printf("note it wrote %s\n", memcmp(first, "ab", 2) ? "something else" : "them there");
	} else {
		expect_errno("readv", failed_with(readv(fd, parts, 2)), ENODEV);
		expect_errno("writev", failed_with(writev(fd, sent, 2)), ENODEV);
		expect_errno("preadv2 at the position", failed_with(preadv2(fd, parts, 1, -1, 0)), ENODEV);
	}
	tell("pread", failed_with(pread(fd, first, 2, 0)));
	tell("pwrite", failed_with(pwrite(fd, byte, 1, 0)));
	tell("preadv", failed_with(preadv(fd, parts, 2, 0)));
	tell("pwritev", failed_with(pwritev(fd, sent, 2, 0)));
	tell("read of nothing", failed_with(read(fd, first, 0)));
	expect_errno("lseek", failed_with(lseek(fd, 0, SEEK_SET)), ESPIPE);
	expect_errno("lseek to the end", failed_with(lseek(fd, 0, SEEK_END)), ESPIPE);
}

/* i2c-dev has neither splice_read nor splice_write (fs/splice.c). */
static void splices(int fd)
{
	int refused = gone ? gone : EINVAL, pipes[2], file = memfd_create("file", 0);
	if (file < 0 || pipe(pipes) || write(file, "\x10xyz", 4) != 4 || write(pipes[1], "\x10xyz", 4) != 4)
		give_up("no pipe: %s", strerror(errno));
	expect_errno("sendfile from it", failed_with(sendfile(pipes[1], fd, NULL, 4)), refused);
	expect_errno("sendfile from it to a file", failed_with(sendfile(file, fd, NULL, 4)), refused);
	lseek(file, 0, SEEK_SET);
	expect_errno("sendfile to it", failed_with(sendfile(fd, file, NULL, 4)), refused);
	expect_errno("splice from it", failed_with(splice(fd, NULL, pipes[1], NULL, 4, 0)), refused);
	expect_errno("splice to it", failed_with(splice(pipes[0], NULL, fd, NULL, 4, 0)), refused);
	expect_errno("copy_file_range from it", failed_with(copy_file_range(fd, NULL, file, NULL, 4, 0)), refused);
	expect_errno("copy_file_range to it", failed_with(copy_file_range(file, NULL, fd, NULL, 4, 0)), refused);
	expect_value("splice between others goes on", splice(pipes[0], NULL, file, NULL, 4, 0), 4);
	lseek(file, 0, SEEK_SET);
	expect_value("  and sendfile", sendfile(pipes[1], file, NULL, 4), 4);
	close(file);
	close(pipes[0]);
	close(pipes[1]);
}

static void sizes(int fd)
{
	int count = -1;
	long long size = -1;
	expect_errno("fsync", failed_with(fsync(fd)), EINVAL);
	expect_errno("fdatasync", failed_with(fdatasync(fd)), EINVAL);
	expect_errno("ftruncate", failed_with(ftruncate(fd, 0)), EINVAL);
	expect_errno("fallocate", failed_with(fallocate(fd, 0, 0, 16)), ENODEV);
	expect_errno("ioctl FIONREAD", failed_with(ioctl(fd, FIONREAD, &count)), gone ? gone : ENOTTY);
	expect_errno("ioctl FIOQSIZE", failed_with(ioctl(fd, FIOQSIZE, &size)), gone ? gone : ENOTTY);
	expect_errno("ioctl FIOASYNC", failed_with(ioctl(fd, FIOASYNC, &(int){1})), ENOTTY);
	expect_errno("mmap, shared", failed_with((long)mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0)), ENODEV);
	expect_errno("mmap, private", failed_with((long)mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0)), ENODEV);
}

/* ---- locks, names and attributes ---- */

static void locks(int fd)
{
	int copy = dup(fd);
	struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	expect_errno("flock", failed_with(flock(fd, LOCK_EX)), 0);
	expect_errno("  again by a duplicate", failed_with(flock(copy, LOCK_EX | LOCK_NB)), 0);
	expect_errno("fcntl F_SETLK", failed_with(fcntl(fd, F_SETLK, &whole)), 0);
	if (!gone) {
		int other = open_device(O_RDWR);
		expect_errno("flock by another open file", failed_with(flock(other, LOCK_EX | LOCK_NB)), EWOULDBLOCK);
		expect_errno("  shared", failed_with(flock(other, LOCK_SH | LOCK_NB)), EWOULDBLOCK);
		expect_errno("flock becomes a shared one", failed_with(flock(fd, LOCK_SH)), 0);
		expect_errno("  which others may have as well", failed_with(flock(other, LOCK_SH | LOCK_NB)), 0);
		expect_errno("  and not more", failed_with(flock(other, LOCK_EX | LOCK_NB)), EWOULDBLOCK);
		whole.l_type = F_WRLCK;
		tell("fcntl F_OFD_SETLK by another open file", failed_with(fcntl(other, F_OFD_SETLK, &whole)));
		close(other);
	}
	whole.l_type = F_UNLCK;
	expect_errno("fcntl F_SETLK of nothing", failed_with(fcntl(fd, F_SETLK, &whole)), 0);
	expect_errno("flock is given back", failed_with(flock(copy, LOCK_UN)), 0);
	close(copy);
}

static void *in_flock(void *unused)
{
	int other = open_device(O_RDWR);
	(void)unused;
	long error = failed_with(flock(other, LOCK_EX));
	close(other);
	return (void *)error;
}

static void nobody(int signal)
{
	(void)signal;
}

/* Those who wait for a lock: a signal interrupts or restarts them, and they get it when it is given back or closed. */
static void lock_waiters(void)
{
	pthread_t threads[3];
	void *error;
	struct sigaction action = {.sa_handler = nobody};
	int holder = open_device(O_RDWR);

	sigaction(SIGUSR1, &action, NULL);
	action.sa_flags = SA_RESTART;
	sigaction(SIGUSR2, &action, NULL);
	flock(holder, LOCK_EX);
	for (int i = 0; i < 3; i++)
		if (pthread_create(&threads[i], NULL, in_flock, NULL))
			give_up("no thread");
	usleep(50000);
	pthread_kill(threads[1], SIGUSR2);
	/* On a busy machine the first signal may come before the thread waits, and interrupts nothing. */
	do {
		pthread_kill(threads[0], SIGUSR1);
		usleep(10000);
	} while (pthread_tryjoin_np(threads[0], &error) == EBUSY);
	expect_errno("flock that a signal interrupts", (long)error, EINTR);
	usleep(20000);
	close(holder);
	pthread_join(threads[1], &error);
	expect_errno("flock that a signal restarts gets the lock", (long)error, 0);
	pthread_join(threads[2], &error);
	expect_errno("  and so does the next", (long)error, 0);
}

static void attributes(int fd)
{
	struct stat node = {0};
	struct statx extended = {0};
	struct timespec now[2] = {{.tv_nsec = UTIME_NOW}, {.tv_nsec = UTIME_NOW}};
	char path[64];

	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	expect_errno("fstat", failed_with(fstat(fd, &node)), 0);
	expect_value("  a character device", S_ISCHR(node.st_mode), 1);
	expect_value("  of number 89:7", major(node.st_rdev) == 89 && minor(node.st_rdev) == 7, 1);
	expect_errno("stat by /proc", failed_with(stat(path, &node)), 0);
	expect_value("  says the same", S_ISCHR(node.st_mode) && major(node.st_rdev) == 89 && minor(node.st_rdev) == 7, 1);
	expect_errno("statx of the descriptor", failed_with(statx(fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS, &extended)), 0);
	expect_value("  89:7", S_ISCHR(extended.stx_mode) && extended.stx_rdev_major == 89 && extended.stx_rdev_minor == 7, 1);
	expect_errno("faccessat2 of the descriptor", failed_with(syscall(439, fd, "", R_OK | W_OK, AT_EMPTY_PATH)), 0);
	expect_errno("faccessat2 to execute it", failed_with(syscall(439, fd, "", X_OK, AT_EMPTY_PATH)), EACCES);
	tell("fchmod", failed_with(fchmod(fd, 0600)));
	tell("fchown", failed_with(fchown(fd, -1, getgid())));
	tell("futimens", failed_with(futimens(fd, now)));
	tell("chmod by name", failed_with(chmod(device_path(), 0600)));
	tell("chown by name", failed_with(chown(device_path(), -1, getgid())));
	tell("utimensat by name", failed_with(utimensat(AT_FDCWD, device_path(), now, 0)));
	expect_errno("access by name", failed_with(access(device_path(), R_OK | W_OK)), gone ? ENOENT : 0);
	expect_errno("stat by name", failed_with(stat(device_path(), &node)), gone ? ENOENT : 0);
	int again = open(device_path(), O_RDWR);
	expect_errno("open by name", failed_with(again), gone ? ENOENT : 0);
	close(again);
	again = open(path, O_RDWR);
	expect_errno("open by /proc", failed_with(again), gone);
	close(again);
}

static void flags(int fd)
{
	struct f_owner_ex owner = {.type = F_OWNER_PID, .pid = getpid()};
	expect_errno("O_NONBLOCK on", failed_with(fcntl(fd, F_SETFL, O_NONBLOCK)), 0);
	expect_value("  is seen", fcntl(fd, F_GETFL) & (O_NONBLOCK | O_ACCMODE), O_NONBLOCK | O_RDWR);
	expect_errno("FIONBIO off", failed_with(ioctl(fd, FIONBIO, &(int){0})), 0);
	expect_value("  is seen", fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
	expect_errno("F_SETOWN_EX", failed_with(fcntl(fd, F_SETOWN_EX, &owner)), 0);
	expect_errno("F_SETSIG", failed_with(fcntl(fd, F_SETSIG, SIGIO)), 0);
	expect_errno("O_ASYNC", failed_with(fcntl(fd, F_SETFL, O_ASYNC)), 0);
	expect_value("F_GETOWN", fcntl(fd, F_GETOWN), getpid());
}

/* ---- waiting ---- */

static int poll_bits(int fd, int events)
{
	struct pollfd file = {.fd = fd, .events = events};
	return poll(&file, 1, 0) < 0 ? -1 : file.revents;
}

static int ppoll_bits(int fd, int events)
{
	struct pollfd file = {.fd = fd, .events = events};
	return ppoll(&file, 1, &(struct timespec){0}, NULL) < 0 ? -1 : file.revents;
}

/* 1: readable, 2: writable, 4: exceptional. */
static int select_bits(int fd)
{
	fd_set sets[3];
	for (int i = 0; i < 3; i++) {
		FD_ZERO(&sets[i]);
		FD_SET(fd, &sets[i]);
	}
	if (select(fd + 1, &sets[0], &sets[1], &sets[2], &(struct timeval){0}) < 0)
		return -1;
	return (FD_ISSET(fd, &sets[0]) ? 1 : 0) + (FD_ISSET(fd, &sets[1]) ? 2 : 0) + (FD_ISSET(fd, &sets[2]) ? 4 : 0);
}

static int epoll_of(int fd, uint32_t events)
{
	int epoll = epoll_create1(EPOLL_CLOEXEC);
	struct epoll_event event = {.events = events};
	if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event))
		give_up("epoll_ctl: %s", strerror(errno));
	return epoll;
}

/* The bits that epoll tells within `timeout` ms; 0 for none. */
static uint32_t epoll_bits(int epoll, int timeout)
{
	struct epoll_event event = {0};
	return epoll_wait(epoll, &event, 1, timeout) == 1 ? event.events : 0;
}

static void exact_bits(int fd)
{
	int dead = POLLERR | POLLHUP;
	expect_value("poll for everything", poll_bits(fd, ALL_BITS),
		     gone ? dead : POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM);
	expect_value("poll for IN", poll_bits(fd, POLLIN), gone ? dead : POLLIN);
	expect_value("poll for OUT", poll_bits(fd, POLLOUT), gone ? dead : POLLOUT);
	expect_value("poll for PRI", poll_bits(fd, POLLPRI), gone ? dead : 0);
	expect_value("poll for nothing", poll_bits(fd, 0), gone ? dead : 0);
	expect_value("ppoll for IN", ppoll_bits(fd, POLLIN), gone ? dead : POLLIN);
	/* HUP is readable and ERR is both (fs/select.c). */
	expect_value("select says readable and writable", select_bits(fd), 3);
	for (int again = 0; again < 2; again++) {
		int epoll = epoll_of(fd, EPOLLIN | EPOLLOUT);
		uint32_t bits = gone ? EPOLLERR | EPOLLHUP : EPOLLIN | EPOLLOUT;
		expect_value("epoll, by level", epoll_bits(epoll, 0), bits);
		expect_value("  again", epoll_bits(epoll, 0), bits);
		struct epoll_event edge = {.events = EPOLLIN | EPOLLOUT | EPOLLET};
		epoll_ctl(epoll, EPOLL_CTL_MOD, fd, &edge);
		expect_value("epoll, by edge", epoll_bits(epoll, 0), bits);
		expect_value("  once", epoll_bits(epoll, 0), 0);
		struct epoll_event shot = {.events = EPOLLIN | EPOLLOUT | EPOLLONESHOT};
		epoll_ctl(epoll, EPOLL_CTL_MOD, fd, &shot);
		expect_value("epoll, one shot", epoll_bits(epoll, 0), bits);
		expect_value("  no second one", epoll_bits(epoll, 0), 0);
		expect_errno("epoll lets it go", failed_with(epoll_ctl(epoll, EPOLL_CTL_DEL, fd, NULL)), 0);
		close(epoll);
	}
}

/* Those who sleep, each in a thread of its own; each gives the bits that it woke with. */
static int watched;

static void *in_poll(void *unused)
{
	struct pollfd file = {.fd = watched};
	(void)unused;
	return (void *)(long)(poll(&file, 1, -1) == 1 ? file.revents : -1);
}

static void *in_ppoll(void *unused)
{
	struct pollfd file = {.fd = watched, .events = POLLPRI | POLLRDBAND | POLLRDHUP};
	(void)unused;
	return (void *)(long)(ppoll(&file, 1, NULL, NULL) == 1 ? file.revents : -1);
}

static void *in_epoll(void *epoll)
{
	return (void *)(long)epoll_bits((int)(long)epoll, -1);
}

#define SLEEPERS 5

static void sleep_until_pulled(int fd)
{
	static const char *const names[SLEEPERS] = {"poll", "ppoll", "epoll by level", "epoll by edge", "epoll, one shot"};
	pthread_t threads[SLEEPERS];
	int epolls[SLEEPERS] = {-1, -1, epoll_of(fd, 0), epoll_of(fd, EPOLLIN | EPOLLET), epoll_of(fd, EPOLLONESHOT)};
	int made = 0;

	watched = fd;
	expect_value("a live edge is told once", epoll_bits(epolls[3], 0), EPOLLIN);
	made |= pthread_create(&threads[0], NULL, in_poll, NULL);
	made |= pthread_create(&threads[1], NULL, in_ppoll, NULL);
	for (int i = 2; i < SLEEPERS; i++)
		made |= pthread_create(&threads[i], NULL, in_epoll, (void *)(long)epolls[i]);
	if (made)
		give_up("no thread");
	usleep(100000);
	ready();
	for (int i = 0; i < SLEEPERS; i++) {
		void *bits;
		pthread_join(threads[i], &bits);
		expect_value(names[i], (long)bits, i == 3 ? EPOLLERR | EPOLLHUP : POLLERR | POLLHUP);
	}
	expect_value("by level it is told again", epoll_bits(epolls[2], 0), EPOLLERR | EPOLLHUP);
	expect_value("by edge it is not", epoll_bits(epolls[3], 0), 0);
	expect_value("nor to one shot", epoll_bits(epolls[4], 0), 0);
	for (int i = 2; i < SLEEPERS; i++)
		close(epolls[i]);
}

static void everything(int fd)
{
	vectors(fd);
	splices(fd);
	sizes(fd);
	locks(fd);
	if (!gone)
		lock_waiters();
	attributes(fd);
	flags(fd);
	exact_bits(fd);
}

int main(int argc, char **argv)
{
	int pulled = is_pulled(argc, argv), fd = open_chip(O_RDWR);
	char events[4096];

	notified = inotify_init1(IN_NONBLOCK);
	expect_errno("inotify of /dev", failed_with(inotify_add_watch(notified, "/dev", IN_DELETE | IN_ATTRIB)), 0);
	tell("inotify of the node", failed_with(inotify_add_watch(notified, device_path(), IN_DELETE_SELF)));
	signal(SIGIO, count_sigio);
	everything(fd);
	if (pulled) {
		sleep_until_pulled(fd);
		until_told();
		gone = ENODEV;
		everything(fd);
	}
	printf("note SIGIO came %d times\n", (int)sigios);
	tell("inotify of /dev afterwards", failed_with(read(notified, events, sizeof events)));
	expect_errno("close", failed_with(close(fd)), 0);
	return finish();
}
