/* A client that is asleep, or just there, when its device goes. Says "ready" when the device may be pulled.
 *
 *   sleeper poll-hup [replugged]   sleeps in poll for HUP alone; then tells what every later call gets. With
 *                                  `replugged` it waits for the next generation and opens that
 *   sleeper transfer [ERRNO]       one SMBus read, of a chip with slow=; expects ERRNO (OK for none), else ENODEV
 *   sleeper idle N M [ERRNO]       N open files in all in M processes; at a line on standard input, or its end, tries
 *                                  an I2C_FUNCS on each and expects ERRNO, else ENODEV
 */
#define _GNU_SOURCE
#include "pull.h"

#include <poll.h>
#include <sys/epoll.h>
#include <sys/wait.h>

static int expected_errno(const char *name)
{
	int number = errno_number(name);
	if (number < 0)
		give_up("'%s' is not an errno that this program knows", name);
	return number;
}

/* ---- poll-hup ---- */

static const char *bits_text(int bits)
{
	static char text[64];
	snprintf(text, sizeof text, "%s%s%s%s(0x%x)", bits & POLLIN ? "IN " : "", bits & POLLOUT ? "OUT " : "",
		 bits & POLLERR ? "ERR " : "", bits & POLLHUP ? "HUP " : "", bits);
	return text;
}

static int poll_bits(int fd, int events, int timeout)
{
	struct pollfd file = {.fd = fd, .events = events};
	return poll(&file, 1, timeout) < 0 ? -1 : file.revents;
}

static void zombie_polls(int fd)
{
	struct epoll_event event = {.events = EPOLLIN};
	int epoll = epoll_create1(EPOLL_CLOEXEC);

	expect_value("poll again, for IN and OUT", poll_bits(fd, POLLIN | POLLOUT, 0), zombie_bits(POLLIN | POLLOUT));
	expect_errno("epoll takes the zombie", failed_with(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event)), 0);
	for (int i = 0; i < 2; i++) {
		event.events = 0;
		expect_value("epoll_wait returns at once", epoll_wait(epoll, &event, 1, 0), 1);
		expect_value("  and says HUP and ERR", event.events, zombie_bits(EPOLLIN));
	}
	close(epoll);
}

static void zombie_calls(int fd)
{
	uint8_t byte = 0;
	unsigned long functions;
	struct i2c_msg message = {.addr = chip_address(), .flags = I2C_M_RD, .len = 1, .buf = &byte};

	expect_errno("read", failed_with(read(fd, &byte, 1)), ENODEV);
	expect_errno("write", failed_with(write(fd, &byte, 1)), ENODEV);
	expect_errno("I2C_FUNCS", functionality(fd, &functions), ENODEV);
	expect_errno("I2C_SLAVE", select_chip(fd, chip_address()), ENODEV);
	expect_errno("I2C_SMBUS", read_register(fd, 0, &byte), ENODEV);
	expect_errno("I2C_RDWR", transfer(fd, &message, 1), ENODEV);
	expect_errno("I2C_RDWR of no memory", transfer(fd, (void *)1, 1), ENODEV);
	expect_errno("an unknown ioctl", failed_with(ioctl(fd, 0x07ff, 0)), ENODEV);
}

static void next_generation(int zombie)
{
	unsigned long functions;
	long long end = milliseconds() + 5000;
	int fd;
	while ((fd = open(device_path(), O_RDWR)) < 0 && milliseconds() < end)
		usleep(10000);
	if (!expect_errno("open of the next generation", failed_with(fd), 0))
		return;
	expect_errno("  which answers", functionality(fd, &functions), 0);
	expect_value("  and is alive for poll", poll_bits(fd, POLLIN | POLLOUT, 0), POLLIN | POLLOUT);
	expect_errno("the zombie does not reach it", functionality(zombie, &functions), ENODEV);
	expect_value("  nor does its poll", poll_bits(zombie, 0, 0), POLLERR | POLLHUP);
	close(fd);
}

static int poll_hup(int replugged)
{
	int fd = open_device(O_RDWR), bits;

	expect_value("alive, poll says IN and OUT", poll_bits(fd, POLLIN | POLLOUT, 0), POLLIN | POLLOUT);
	expect_value("  and nothing to who asks for HUP alone", poll_bits(fd, 0, 0), 0);
	ready();
	bits = poll_bits(fd, 0, -1);
	printf("note poll woke with %s\n", bits_text(bits));
	expect_value("poll for HUP alone woke with HUP and ERR", bits, POLLERR | POLLHUP);
	zombie_calls(fd);
	zombie_polls(fd);
	if (replugged) {
		next_generation(fd);
	} else {
		int again = open(device_path(), O_RDWR);
		expect_errno("open by name", failed_with(again), ENOENT);
	}
	expect_errno("close", failed_with(close(fd)), 0);
	return finish();
}

/* ---- transfer ---- */

static int slow_transfer(int expected)
{
	uint8_t value;
	int fd = open_device(O_RDWR), error = select_chip(fd, chip_address());
	long long start;

	if (error)
		give_up("I2C_SLAVE 0x%x: %s", chip_address(), errno_name(error));
	ready();
	start = milliseconds();
	error = read_register(fd, 0, &value);
	printf("note the transfer ended with %s after %lld ms\n", errno_name(error), milliseconds() - start);
	expect_errno("the transfer", error, expected);
	return finish();
}

/* ---- idle ---- */

/* Opens `count` files, says so on `done`, waits for the end of `go`, and sends the errno of each file on `results`. */
static void idle_process(unsigned long count, int done, int go, int results)
{
	int *files = calloc(count, sizeof *files);
	unsigned long functions;
	char byte;
	for (unsigned long i = 0; i < count; i++)
		files[i] = open_device(O_RDWR);
	if (write(done, "", 1) != 1 || read(go, &byte, 1) != 0)
		_exit(2);
	for (unsigned long i = 0; i < count; i++) {
		int error = functionality(files[i], &functions);
		if (write(results, &error, sizeof error) != sizeof error)
			_exit(2);
	}
	_exit(0);
}

static int count_results(int results, unsigned long files, int expected)
{
	static unsigned long seen[256];
	unsigned long answers = 0;
	int error;
	while (read(results, &error, sizeof error) == sizeof error) {
		seen[error < 256 ? error : 255]++;
		answers++;
	}
	for (int i = 0; i < 256; i++)
		if (seen[i])
			printf("note %lu files got %s\n", seen[i], errno_name(i));
	expect_value("files that answered", answers, files);
	expect_value("files that got what was expected", seen[expected], files);
	return finish();
}

static int idle(unsigned long files, unsigned long processes, int expected)
{
	int done[2], go[2], results[2];
	char line[256];

	if (processes == 0 || files < processes)
		give_up("%lu files cannot be spread over %lu processes", files, processes);
	if (pipe(done) || pipe(go) || pipe(results))
		give_up("no pipe: %s", strerror(errno));
	for (unsigned long i = 0; i < processes; i++) {
		pid_t child = fork();
		if (child < 0)
			give_up("fork: %s", strerror(errno));
		if (child == 0) {
			close(go[1]);
			close(done[0]);
			close(results[0]);
			idle_process(files / processes + (i < files % processes), done[1], go[0], results[1]);
		}
	}
	close(done[1]);
	close(results[1]);
	for (unsigned long i = 0; i < processes; i++)
		if (read(done[0], line, 1) != 1)
			give_up("a process could not open its files");
	printf("ready %lu files in %lu processes\n", files, processes);
	fflush(stdout);
	if (read(0, line, sizeof line) < 0)
		give_up("standard input: %s", strerror(errno));
	close(go[1]);
	int status = count_results(results[0], files, expected);
	while (wait(NULL) > 0)
		;
	return status;
}

int main(int argc, char **argv)
{
	const char *mode = argc > 1 ? argv[1] : "";
	if (!strcmp(mode, "poll-hup") && (argc == 2 || (argc == 3 && !strcmp(argv[2], "replugged"))))
		return poll_hup(argc == 3);
	if (!strcmp(mode, "transfer") && argc <= 3)
		return slow_transfer(argc == 3 ? expected_errno(argv[2]) : ENODEV);
	if (!strcmp(mode, "idle") && (argc == 4 || argc == 5))
		return idle(argument_number(argv[2]), argument_number(argv[3]),
			    argc == 5 ? expected_errno(argv[4]) : ENODEV);
	give_up("usage: sleeper poll-hup [replugged] | transfer [ERRNO] | idle N M [ERRNO]");
}
