/* What programs do with descriptors: duplicate, inherit, pass, reopen. The device follows, and so does the state of the
 * open file: the chip's address that I2C_SLAVE set belongs to the open file and not to the descriptor.
 *
 *   fdgames                        everything; needs a 24c02
 *   fdgames inherited FD           uses a descriptor that it was started with (a shell's 3<>/dev/i2c-7)
 *   fdgames closed FD              expects that it was not started with that one
 */
#define _GNU_SOURCE
#include "passing.h"

#include <pthread.h>
#include <sys/wait.h>

static const char *self;

/* An errno if the descriptor does not reach the chip at the address that its open file has. */
static int reaches(int fd)
{
	uint8_t value;
	int error = read_register(fd, 0x10, &value);
	return error ? error : value == 0x77 ? 0 : EIO;
}

/* The exit status of a child as an errno; 128 + n for signal n. */
static int child_status(pid_t child)
{
	int status;
	if (child < 0 || waitpid(child, &status, 0) != child)
		return errno;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void duplicates(void)
{
	int fd = open_chip(O_RDWR), low = fd == 3 ? 4 : 3;

	expect_value("dup2 to a low number, as a shell does", dup2(fd, low), low);
	expect_errno("  reaches the device", reaches(low), 0);
	expect_value("dup2 to a high number", dup2(fd, 900), 900);
	expect_errno("  reaches the device", reaches(900), 0);
	expect_value("dup3 to standard input", dup3(fd, 0, O_CLOEXEC), 0);
	expect_errno("  reaches the device", reaches(0), 0);
	int copy = fcntl(fd, F_DUPFD, 100), closing = fcntl(fd, F_DUPFD_CLOEXEC, 200);
	expect_value("F_DUPFD gives a number from the one asked for", copy >= 100, 1);
	expect_errno("  reaches the device", reaches(copy), 0);
	expect_value("F_DUPFD_CLOEXEC sets FD_CLOEXEC", fcntl(closing, F_GETFD), FD_CLOEXEC);
	expect_errno("  reaches the device", reaches(closing), 0);
	expect_errno("I2C_SLAVE on one", select_chip(copy, 0x33), 0);
	expect_errno("  holds for all", reaches(low), ENXIO);
	select_chip(copy, chip_address());
	close(fd);
	close(900);
	close(0);
	expect_errno("the last of them still works", reaches(copy), 0);
	close(low);
	close(copy);
	close(closing);
	expect_errno("and none is left", reaches(copy), EBADF);
}

static void flags(void)
{
	int fd = open_chip(O_RDWR | O_NONBLOCK | O_CLOEXEC), reader = open_chip(O_RDONLY);

	expect_value("O_RDWR and O_NONBLOCK are seen", fcntl(fd, F_GETFL) & (O_ACCMODE | O_NONBLOCK), O_RDWR | O_NONBLOCK);
	expect_value("O_CLOEXEC is seen", fcntl(fd, F_GETFD), FD_CLOEXEC);
	expect_value("O_RDONLY is seen", fcntl(reader, F_GETFL) & (O_ACCMODE | O_NONBLOCK), getenv("OUTLIVE_CLIENT_PLAIN") ? O_RDWR : O_RDONLY);
	expect_value("no O_CLOEXEC is seen", fcntl(reader, F_GETFD), 0);
	expect_errno("O_NONBLOCK off", failed_with(fcntl(fd, F_SETFL, 0)), 0);
	expect_value("  is seen", fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
	expect_errno("  and changes nothing else", reaches(fd), 0);
	close(fd);
	close(reader);
}

static void forks(void)
{
	int fd = open_chip(O_RDWR);
	pid_t child = fork();
	if (child == 0)
		_exit(reaches(fd));
	expect_errno("a child inherits the open file", child_status(child), 0);
	child = fork();
	if (child == 0)
		_exit(select_chip(fd, 0x33));
	expect_errno("I2C_SLAVE in a child", child_status(child), 0);
	expect_errno("  holds for its parent", reaches(fd), ENXIO);
	select_chip(fd, chip_address());
	child = fork();
	if (child == 0) {
		close(fd);
		_exit(0);
	}
	expect_errno("close in a child", child_status(child), 0);
	expect_errno("  leaves its parent's open", reaches(fd), 0);
	close(fd);
}

static int run_self(const char *mode, int fd)
{
	char number[16];
	snprintf(number, sizeof number, "%d", fd);
	pid_t child = fork();
	if (child == 0) {
		execl(self, self, mode, number, NULL);
		_exit(127);
	}
	return child_status(child);
}

static void execs(void)
{
	int fd = open_chip(O_RDWR), closing = open_chip(O_RDWR | O_CLOEXEC);

	expect_value("a program inherits the descriptor by exec", run_self("inherited", fd), 0);
	expect_value("one with O_CLOEXEC it does not", run_self("closed", closing), 0);
	close(fd);
	close(closing);
}

static void passing(void)
{
	int ends[2], fd;
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends))
		give_up("socketpair: %s", strerror(errno));
	pid_t child = fork(); /* before the device is opened: nothing is inherited */
	if (child == 0) {
		close(ends[0]);
		fd = receive_descriptor(ends[1]);
		_exit(fd < 0 ? EBADF : reaches(fd));
	}
	close(ends[1]);
	fd = open_chip(O_RDWR);
	expect_errno("SCM_RIGHTS takes the descriptor", send_descriptor(ends[0], fd), 0);
	close(fd); /* the message holds the open file now, or the child does */
	expect_errno("  and its receiver reaches the device", child_status(child), 0);
	close(ends[0]);
}

static void reopen(const char *what, const char *path, int original)
{
	int fd = open(path, O_RDWR);
	if (!expect_errno(what, failed_with(fd), 0))
		return;
	expect_errno("  has no address yet, as a fresh open file", reaches(fd), ENXIO);
	select_chip(fd, chip_address());
	expect_errno("  reaches the device with one", reaches(fd), 0);
	select_chip(fd, 0x33);
	expect_errno("  and leaves the first one's alone", reaches(original), 0);
	close(fd);
}

static void reopening(void)
{
	char path[64], target[128];
	int fd = open_chip(O_RDWR);

	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	ssize_t length = readlink(path, target, sizeof target);
	printf("note readlink %s is '%.*s'\n", path, (int)(length < 0 ? 0 : length), target);
	reopen("open of /proc/self/fd/N", path, fd);
	snprintf(path, sizeof path, "/dev/fd/%d", fd);
	reopen("open of /dev/fd/N", path, fd);
	close(fd);
}

static void *read_in_thread(void *argument)
{
	int fd = *(int *)argument;
	for (int i = 0; i < 500; i++) {
		int error = reaches(fd);
		if (error)
			return (void *)(intptr_t)error;
	}
	return NULL;
}

static void threads(void)
{
	pthread_t threads[4];
	int fd = open_chip(O_RDWR), error = 0;
	for (int i = 0; i < 4; i++)
		if (pthread_create(&threads[i], NULL, read_in_thread, &fd))
			give_up("no thread");
	for (int i = 0; i < 4; i++) {
		void *result;
		pthread_join(threads[i], &result);
		error = result ? (int)(intptr_t)result : error;
	}
	expect_errno("four threads on one open file", error, 0);
	close(fd);
}

/* For FD that this process was started with. */
static int inherited(int fd)
{
	unsigned long functions;
	expect_errno("I2C_FUNCS on the inherited descriptor", functionality(fd, &functions), 0);
	expect_errno("  I2C_SLAVE", select_chip(fd, chip_address()), 0);
	expect_errno("  SMBus write", write_register(fd, 0x10, 0x77), 0);
	expect_errno("  SMBus read", reaches(fd), 0);
	return finish();
}

int main(int argc, char **argv)
{
	self = argv[0];
	if (argc == 3 && !strcmp(argv[1], "inherited"))
		return inherited(argument_number(argv[2]));
	if (argc == 3 && !strcmp(argv[1], "closed")) {
		expect_errno("the descriptor is not open", failed_with(fcntl(argument_number(argv[2]), F_GETFD)), EBADF);
		return finish();
	}
	if (argc != 1)
		give_up("usage: fdgames [inherited FD | closed FD]");
	int fd = open_chip(O_RDWR), error = write_register(fd, 0x10, 0x77);
	close(fd);
	if (error)
		give_up("write of register 0x10: %s", errno_name(error));
	duplicates();
	flags();
	forks();
	execs();
	passing();
	reopening();
	threads();
	return finish();
}
