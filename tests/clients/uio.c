/* A program that drives a uio timer board (see outlive_drivers::uio): it maps its registers and waits for its interrupts.
 *
 *   uio calls                   every call and its answers; needs uio:timer,num=0,size=8KiB,ram=4KiB,period=2ms
 *   uio maps                    mappings: coherent both ways, private, partial, fork, mremap, mprotect, exec; the same
 *   uio exec                    what `maps` executes while it has the board mapped
 *   uio storm THREADS N         N maps in all by so many threads, with a signal each millisecond; then leaked descriptors
 *   uio forks N                 N maps while another thread forks and execs
 *   uio churn N                 N maps of a number that another thread keeps closing and giving to other files
 *   uio execs N                 executes itself N times in the middle of maps by three other threads
 *   uio pulled [read|poll]      maps, says "ready", and after the pull, when a line comes, tells what is left; with `read`
 *                               or `poll` it sleeps there when it is pulled. OUTLIVE_CLIENT_EXPECT: errno of a call then
 *   uio count                   how many memfds it has: what `forks` executes
 *   uio wait                    maps, says "ready", and sleeps for ever with the descriptor closed
 *   uio loop                    says "ready" and maps and unmaps until it is killed, on four threads
 */
#define _GNU_SOURCE
#include "expect.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE 4096
#define MAGIC 0x54494d52

enum { ID, CONTROL, PERIOD, COUNT, IN, OUT };

typedef volatile uint32_t *registers;

static const char *device_path(void)
{
	const char *path = getenv("OUTLIVE_CLIENT_DEVICE");
	return path ? path : "/dev/uio0";
}

static int open_board(int flags)
{
	int fd = open(device_path(), flags);
	if (fd < 0)
		give_up("cannot open %s: %s. Is this running under 'outlive run --device uio:timer,num=0'?", device_path(),
			strerror(errno));
	return fd;
}

static int map_errno(size_t length, int protection, int flags, int fd, off_t offset)
{
	void *memory = mmap(NULL, length, protection, flags, fd, offset);
	if (memory == MAP_FAILED)
		return errno;
	munmap(memory, length);
	return 0;
}

static int map_errno_at(void *address, int flags, int fd)
{
	return failed_with((long)mmap(address, PAGE, PROT_READ, flags, fd, 0));
}

static void *map(size_t length, int protection, int flags, int fd, off_t offset)
{
	void *memory = mmap(NULL, length, protection, flags, fd, offset);
	if (memory == MAP_FAILED)
		give_up("cannot map %zu bytes at %ld: %s", length, (long)offset, strerror(errno));
	return memory;
}

static registers map_registers(int fd)
{
	return map(PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
}

static int control(int fd, uint32_t on)
{
	return failed_with(write(fd, &on, sizeof on));
}

static int interrupt(int fd, uint32_t *count)
{
	return failed_with(read(fd, count, sizeof *count));
}

static int poll_bits(int fd, int events, int timeout)
{
	struct pollfd file = {.fd = fd, .events = events};
	return poll(&file, 1, timeout) < 0 ? -1 : file.revents;
}

static int descriptors(void)
{
	int count = 0;
	for (int fd = 0; fd < 1024; fd++)
		count += fcntl(fd, F_GETFD) >= 0;
	return count;
}

static void ready(void)
{
	printf("ready\n");
	fflush(stdout);
}

/* ---- calls ---- */

static int calls(void)
{
	int fd = open_board(O_RDWR), epoll = epoll_create1(EPOLL_CLOEXEC);
	struct epoll_event event = {.events = EPOLLIN};
	registers board = map_registers(fd);
	uint32_t first, second;
	uint64_t wide = 1;
	struct stat stat_of;

	expect_value("the board says what it is", board[ID], MAGIC);
	expect_errno("fstat", failed_with(fstat(fd, &stat_of)), 0);
	expect_value("  says: a character device", S_ISCHR(stat_of.st_mode), 1);
	expect_errno("a read waits for an interrupt", interrupt(fd, &first), 0);
	expect_errno("  and the next for another", interrupt(fd, &second), 0);
	expect_value("  whose count is larger", second > first, 1);
	expect_value("  and not larger than that of the register", board[COUNT] >= second, 1);
	expect_value("poll sleeps until one comes", poll_bits(fd, POLLIN | POLLOUT, -1), POLLIN);
	expect_value("  and says so until it is read", poll_bits(fd, POLLIN, 0), POLLIN);
	expect_errno("the interrupt can be turned off", control(fd, 0), 0);
	expect_errno("  and what had come is read", interrupt(fd, &first), 0);
	expect_value("  after which there is nothing", poll_bits(fd, POLLIN, 20), 0);
	fcntl(fd, F_SETFL, O_RDWR | O_NONBLOCK);
	expect_errno("without waiting a read says", interrupt(fd, &first), EAGAIN);
	fcntl(fd, F_SETFL, O_RDWR);
	expect_errno("epoll takes it", failed_with(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event)), 0);
	expect_value("  and waits", epoll_wait(epoll, &event, 1, 20), 0);
	expect_errno("turned on again", control(fd, 1), 0);
	for (int i = 0; i < 3; i++) {
		event.events = 0;
		expect_value("  epoll wakes", epoll_wait(epoll, &event, 1, 10000), 1);
		expect_value("  and says IN", event.events, EPOLLIN);
		expect_errno("  and the count is read", interrupt(fd, &first), 0);
	}
	expect_errno("a setting that there is not", control(fd, 2), EINVAL);
	expect_errno("a write of 8 bytes", failed_with(write(fd, &wide, 8)), EINVAL);
	expect_errno("a read of 8 bytes", failed_with(read(fd, &wide, 8)), EINVAL);
	expect_errno("a read of 1 byte", failed_with(read(fd, &wide, 1)), EINVAL);
	expect_errno("an ioctl", failed_with(ioctl(fd, _IO('u', 1), 0)), ENOTTY);
	return finish();
}

/* ---- maps ---- */

static void coherent(const char *what, int fd, registers board, uint32_t value)
{
	char text[128];
	board[IN] = value;
	expect_errno("the board is asked to look", control(fd, 1), 0);
	snprintf(text, sizeof text, "%s: it saw what was written, and its answer is seen at once", what);
	expect_value(text, board[OUT], (uint32_t)~value);
}

static void refused_maps(int fd)
{
	int write_only = open_board(O_WRONLY), read_only = open_board(O_RDONLY);
	int both = PROT_READ | PROT_WRITE;
	void *memory;

	expect_errno("all of region 0", map_errno(2 * PAGE, both, MAP_SHARED, fd, 0), 0);
	expect_errno("  and more", map_errno(2 * PAGE + 1, both, MAP_SHARED, fd, 0), EINVAL);
	expect_errno("one byte", map_errno(1, both, MAP_SHARED, fd, 0), 0);
	expect_errno("region 1", map_errno(PAGE, both, MAP_SHARED, fd, PAGE), 0);
	expect_errno("  and more", map_errno(2 * PAGE, both, MAP_SHARED, fd, PAGE), EINVAL);
	expect_errno("region 2, which there is not", map_errno(PAGE, both, MAP_SHARED, fd, 2 * PAGE), EINVAL);
	expect_errno("region 2^40", map_errno(PAGE, both, MAP_SHARED, fd, 1l << 52), EINVAL);
	expect_errno("an offset that is no page", map_errno(PAGE, both, MAP_SHARED, fd, 1), EINVAL);
	expect_errno("no bytes", map_errno(0, both, MAP_SHARED, fd, 0), EINVAL);
	expect_errno("neither shared nor private", map_errno(PAGE, both, 0, fd, 0), EINVAL);
	expect_errno("validated", map_errno(PAGE, both, MAP_SHARED_VALIDATE, fd, 0), 0);
	expect_errno("writable, of a file open for reading", map_errno(PAGE, both, MAP_SHARED, read_only, 0), EACCES);
	expect_errno("  privately", map_errno(PAGE, both, MAP_PRIVATE, read_only, 0), 0);
	expect_errno("readable, of a file open for writing", map_errno(PAGE, PROT_READ, MAP_SHARED, write_only, 0), EACCES);
	memory = map(PAGE, PROT_READ, MAP_SHARED, read_only, 0);
	expect_errno("what is open for reading cannot be made writable", failed_with(mprotect(memory, PAGE, both)), EACCES);
	expect_value("  and is the board", *(registers)memory, MAGIC);
	munmap(memory, PAGE);
	close(write_only);
	expect_errno("of a descriptor that is closed", map_errno(PAGE, both, MAP_SHARED, write_only, 0), EBADF);
	close(read_only);
}

static void private_map(int fd, registers board)
{
	registers own = map(PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);

	expect_value("a private mapping shows the board", own[ID], MAGIC);
	board[IN] = 1;
	own[IN] = 2;
	control(fd, 1);
	expect_value("  and does not reach it", board[OUT], (uint32_t)~1);
	expect_value("  but keeps what was written", own[IN], 2);
	munmap((void *)own, PAGE);
}

static void placed_maps(int fd)
{
	char *room = map(4 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int flags = MAP_SHARED | MAP_FIXED;
	registers board = mmap(room + PAGE, PAGE, PROT_READ | PROT_WRITE, flags, fd, 0), moved;

	expect_value("a mapping comes where it is asked for", (char *)board == room + PAGE, 1);
	coherent("there", fd, board, 0x33);
	flags = MAP_SHARED | MAP_FIXED_NOREPLACE;
	expect_errno("  where another is: not", map_errno_at(room + PAGE, flags, fd), EEXIST);
	moved = mremap((void *)board, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, room + 3 * PAGE);
	expect_value("mremap moves it", (char *)moved == room + 3 * PAGE, 1);
	coherent("moved", fd, moved, 0x44);
	munmap(room, 4 * PAGE);
	moved = map(2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	moved[PAGE / 4] = 0x55;
	expect_value("mremap makes it smaller", mremap((void *)moved, 2 * PAGE, PAGE, 0) == (void *)moved, 1);
	coherent("smaller", fd, moved, 0x55);
	munmap((void *)moved, PAGE);
	moved = map(2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	expect_value("part of it can be unmapped", munmap((void *)moved, PAGE), 0);
	expect_value("  and the rest is there", moved[PAGE / 4], 0x55);
	expect_value("protection can be taken and given", mprotect((char *)moved + PAGE, PAGE, PROT_NONE) |
		     mprotect((char *)moved + PAGE, PAGE, PROT_READ), 0);
	expect_value("  and the content is there", moved[PAGE / 4], 0x55);
	munmap((char *)moved + PAGE, PAGE);
}

/* Where we differ from Linux, which says EFAULT: docs/differences.md. */
static void enlarged_map(int fd)
{
	registers ram = map(PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, PAGE);
	int status = 0;

	ram = mremap((void *)ram, PAGE, 2 * PAGE, MREMAP_MAYMOVE);
	expect_value("mremap makes it larger", ram != MAP_FAILED, 1);
	if (fork() == 0)
		_exit(ram[PAGE / 4]);
	wait(&status);
	expect_value("  where there is nothing behind the region", WIFSIGNALED(status) ? WTERMSIG(status) : 0, SIGBUS);
	munmap((void *)ram, 2 * PAGE);
}

static void map_with_a_full_table(int fd)
{
	struct rlimit before, full;
	int lowest_free = dup(fd);

	close(lowest_free);
	getrlimit(RLIMIT_NOFILE, &before);
	full = (struct rlimit){lowest_free, before.rlim_max};
	setrlimit(RLIMIT_NOFILE, &full);
	expect_errno("a map with a full table of descriptors", map_errno(PAGE, PROT_READ, MAP_SHARED, fd, 0), ENOMEM);
	setrlimit(RLIMIT_NOFILE, &before);
	expect_errno("  and with room again", map_errno(PAGE, PROT_READ, MAP_SHARED, fd, 0), 0);
}

static int is_in_maps(void)
{
	FILE *file = fopen("/proc/self/maps", "r");
	char line[512];
	int found = 0;
	while (fgets(line, sizeof line, file))
		found |= strstr(line, "/memfd:uio (deleted)") != NULL;
	fclose(file);
	return found;
}

static void across_processes(int fd, registers board)
{
	int status = 0;
	pid_t child = fork();

	if (child == 0) {
		board[IN] = 0x66;
		_exit(board[ID] == MAGIC && control(fd, 1) == 0 && board[OUT] == (uint32_t)~0x66 &&
		      map_registers(fd)[IN] == 0x66 ? 7 : 1);
	}
	waitpid(child, &status, 0);
	expect_value("a child has the mapping, and maps by itself", WEXITSTATUS(status), 7);
	expect_value("  and what it wrote is seen here", board[OUT], (uint32_t)~0x66);
	child = fork();
	if (child == 0) {
		execl("/proc/self/exe", "uio", "exec", NULL);
		_exit(1);
	}
	waitpid(child, &status, 0);
	expect_value("a program that is executed has no mapping, and may make one", WEXITSTATUS(status), 8);
}

static int maps(void)
{
	int fd = open_board(O_RDWR), before = descriptors();
	registers board = map_registers(fd), again = map_registers(fd);

	coherent("mapped", fd, board, 0x11);
	coherent("mapped twice", fd, again, 0x22);
	expect_value("both mappings are the same memory", board[IN], 0x22);
	((registers)map(PAGE, PROT_WRITE | PROT_READ, MAP_SHARED, fd, PAGE))[7] = 0x77;
	expect_value("regions are not", board[7], 0);
	refused_maps(fd);
	private_map(fd, board);
	placed_maps(fd);
	enlarged_map(fd);
	map_with_a_full_table(fd);
	expect_value("/proc/self/maps has it", is_in_maps(), 1);
	across_processes(fd, board);
	expect_value("no descriptor is left", descriptors(), before);
	close(fd);
	board[IN] = 0x88;
	fd = open_board(O_RDWR);
	control(fd, 1);
	expect_value("a mapping outlives its descriptor", board[OUT], (uint32_t)~0x88);
	return finish();
}

static int after_exec(void)
{
	if (is_in_maps())
		return 2;
	return map_registers(open_board(O_RDWR))[IN] == 0x66 ? 8 : 1;
}

/* ---- storm ---- */

static atomic_int signals, left, wrong;

static void on_signal(int number)
{
	(void)number;
	atomic_fetch_add(&signals, 1);
}

static void *storm_thread(void *argument)
{
	int fd = *(int *)argument;

	while (atomic_fetch_sub(&left, 1) > 0) {
		registers board = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		if (board == MAP_FAILED) {
			atomic_fetch_add(&wrong, 1);
			printf("note a map said %s\n", errno_name(errno));
			continue;
		}
		if (board[ID] != MAGIC)
			atomic_fetch_add(&wrong, 1);
		munmap((void *)board, PAGE);
	}
	return NULL;
}

static int storm(int threads, int count)
{
	int fd = open_board(O_RDWR), before = descriptors();
	struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
	struct itimerval often = {{0, 1000}, {0, 1000}}, never = {{0, 0}, {0, 0}};
	pthread_t running[64];

	left = count;
	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &often, NULL);
	for (int i = 0; i < threads; i++)
		pthread_create(&running[i], NULL, storm_thread, &fd);
	for (int i = 0; i < threads; i++)
		while (pthread_join(running[i], NULL) == EINTR)
			;
	setitimer(ITIMER_REAL, &never, NULL);
	printf("note %d signals\n", signals);
	expect_value("maps that were wrong", wrong, 0);
	expect_value("signals came", signals > 0, 1);
	expect_value("descriptors are as before", descriptors(), before);
	return finish();
}

/* ---- forks ---- */

static void *forking_thread(void *argument)
{
	while (atomic_load(&left) > 0) {
		int status = 0;
		pid_t child = fork();
		if (child == 0) {
			execl("/proc/self/exe", "uio", "count", NULL);
			_exit(1);
		}
		while (waitpid(child, &status, 0) < 0)
			;
		if (WEXITSTATUS(status) != 0)
			atomic_fetch_add(&wrong, 1);
	}
	return argument;
}

/* Only what any program has, and the board: what closes on exec has been closed. */
static int count_descriptors(void)
{
	int others = 0;
	for (int fd = 3; fd < 1024; fd++) {
		char path[64], name[64] = "";
		snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
		if (readlink(path, name, sizeof name - 1) > 0)
			others += strstr(name, "memfd") != NULL;
	}
	return others;
}

static int forks(int count)
{
	int fd = open_board(O_RDWR);
	pthread_t forking;

	left = count;
	pthread_create(&forking, NULL, forking_thread, NULL);
	storm_thread(&fd);
	pthread_join(forking, NULL);
	expect_value("maps that were wrong, and programs that had what is not theirs", wrong, 0);
	return finish();
}

/* ---- churn, execs ---- */

static void *churning_thread(void *argument)
{
	int number = *(int *)argument, null = open("/dev/null", O_RDWR), board = open_board(O_RDWR);

	while (atomic_load(&left) > 0) {
		dup2(null, number);
		dup2(board, number);
		close(number);
		dup2(board, number);
	}
	close(null);
	close(board);
	return NULL;
}

static int churn(int count)
{
	/* Far from the lowest free one, which others get. */
	int fd = open_board(O_RDWR), number = fcntl(fd, F_DUPFD, 200), before = descriptors(), mapped = 0, others = 0;
	pthread_t churning;

	left = count;
	pthread_create(&churning, NULL, churning_thread, &number);
	for (int i = 0; i < count || mapped == 0; i++) {
		registers board = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, number, 0);
		if (board != MAP_FAILED) {
			mapped++;
			wrong += board[ID] != MAGIC;
			munmap((void *)board, PAGE);
		} else if (errno == EBADF || errno == ENODEV) { /* closed just now, or /dev/null */
			others++;
		} else {
			wrong++;
			printf("note a map said %s\n", errno_name(errno));
		}
	}
	left = 0;
	pthread_join(churning, NULL);
	printf("note %d mapped, %d refused\n", mapped, others);
	expect_value("maps that were wrong", wrong, 0);
	expect_value("descriptors are as before", descriptors(), before);
	return finish();
}

static void *loop_thread(void *argument)
{
	for (;;) {
		void *memory = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, *(int *)argument, 0);
		if (memory != MAP_FAILED)
			munmap(memory, PAGE);
	}
	return NULL;
}

static int execs(int count, const char *before)
{
	int fd = open_board(O_RDWR | O_CLOEXEC);
	char left_text[16], now[16];
	pthread_t thread;

	snprintf(now, sizeof now, "%d", descriptors());
	if (before && strcmp(before, now) != 0)
		expect_value("descriptors in the middle of it", atoi(now), atoi(before));
	if (count == 0) {
		expect_value("after the last there is no memory of the first", is_in_maps() + count_descriptors(), 0);
		return finish();
	}
	for (int i = 0; i < 3; i++)
		pthread_create(&thread, NULL, loop_thread, &fd);
	usleep(500 + count % 7 * 300);
	snprintf(left_text, sizeof left_text, "%d", count - 1);
	execl("/proc/self/exe", "uio", "execs", left_text, now, NULL);
	give_up("exec: %s", strerror(errno));
}

/* ---- pulled ---- */

static void on_fault(int number)
{
	static const char text[] = "FAIL a signal came of touching memory\n";
	(void)number;
	(void)!write(1, text, sizeof text - 1);
	_exit(1);
}

static int pulled(const char *how)
{
	const char *name = getenv("OUTLIVE_CLIENT_EXPECT");
	int gone = name ? errno_number(name) : ENODEV, fd = open_board(O_RDWR), copy = open_board(O_RDWR), other, status = 0;
	registers board = map(2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	registers ram = map(PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, PAGE);
	registers own = map(PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	uint32_t count;

	signal(SIGBUS, on_fault);
	signal(SIGSEGV, on_fault);
	board[IN] = 0x99;
	own[IN] = 0x98;
	control(fd, 0);
	poll_bits(fd, POLLIN, 0) == POLLIN ? interrupt(fd, &count) : 0;
	poll_bits(copy, POLLIN, 0) == POLLIN ? interrupt(copy, &count) : 0;
	ready();
	if (how && strcmp(how, "read") == 0)
		expect_errno("the read that slept", interrupt(fd, &count), gone);
	if (how && strcmp(how, "poll") == 0) {
		int woken = poll_bits(fd, POLLIN, -1);
		/* Without FUSE IN may come a moment before the rest (docs/roads.md). */
		if (zombie_bits(POLLIN) & POLLIN && woken == POLLIN)
			woken = poll_bits(fd, 0, -1) | POLLIN;
		expect_value("the poll that slept", woken, zombie_bits(POLLIN));
	}
	getchar();
	expect_value("the content is gone", board[ID] | board[IN] | board[COUNT], 0);
	expect_value("also of pages that were never touched", board[PAGE / 4] | ram[0], 0);
	expect_value("what was written privately is there", own[IN], 0x98);
	for (int word = 0; word < 2 * PAGE / 4; word++)
		board[word] = word;
	ram[3] = 3;
	expect_value("it is memory", board[1], 1);
	expect_value("  to the end", board[2 * PAGE / 4 - 1], 2 * PAGE / 4 - 1);
	expect_errno("a read", interrupt(fd, &count), gone);
	expect_errno("a read of another open file", interrupt(copy, &count), gone);
	expect_errno("a write", control(fd, 1), ENODEV);
	expect_errno("an mmap", map_errno(PAGE, PROT_READ, MAP_SHARED, fd, 0), ENODEV);
	expect_value("poll", poll_bits(fd, POLLIN, 0), zombie_bits(POLLIN));
	ready();
	getchar();
	other = open_board(O_RDWR);
	registers next = map_registers(other);
	expect_value("the next generation is a board", next[ID], MAGIC);
	next[IN] = 0xaa;
	expect_value("  that the old mapping does not show", board[IN], IN);
	board[IN] = 0xbb;
	board[CONTROL] = 0;
	expect_errno("  nor reach", control(other, 1), 0);
	expect_value("  at all", next[OUT], (uint32_t)~0xaa);
	expect_errno("  and it interrupts", interrupt(other, &count), 0);
	expect_value("  and counts elsewhere", board[COUNT], COUNT);
	expect_errno("the old descriptor stays what it is", map_errno(PAGE, PROT_READ, MAP_SHARED, fd, 0), ENODEV);
	if (fork() == 0)
		_exit(board[IN] == 0xbb ? 9 : 1);
	wait(&status);
	expect_value("a child has the old mapping, too", WEXITSTATUS(status), 9);
	return finish();
}

/* ---- wait, loop ---- */

static int wait_mapped(void)
{
	int fd = open_board(O_RDWR);
	registers board = map_registers(fd);
	close(fd);
	ready();
	for (;;)
		if (board[ID] + pause() == 0)
			return 1;
}

static int loop(void)
{
	int fd = open_board(O_RDWR);
	pthread_t thread;

	for (int i = 0; i < 3; i++)
		pthread_create(&thread, NULL, loop_thread, &fd);
	ready();
	loop_thread(&fd);
	return 1;
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";

#define IS(name) (strcmp(what, name) == 0)
	if (IS("calls"))
		return calls();
	if (IS("maps"))
		return maps();
	if (IS("exec"))
		return after_exec();
	if (IS("count"))
		return count_descriptors();
	if (IS("storm") && argc == 4)
		return storm(argument_number(argv[2]), argument_number(argv[3]));
	if (IS("forks") && argc == 3)
		return forks(argument_number(argv[2]));
	if (IS("churn") && argc == 3)
		return churn(argument_number(argv[2]));
	if (IS("execs") && argc >= 3)
		return execs(argument_number(argv[2]), argv[3]);
	if (IS("pulled"))
		return pulled(argv[2]);
	if (IS("wait"))
		return wait_mapped();
	if (IS("loop"))
		return loop();
	give_up("usage: uio calls | maps | storm THREADS N | forks N | churn N | execs N | pulled [read|poll] | wait | loop");
}
