/* io_uring on a device, by raw system calls: what it carries on a descriptor, and what it says when the device goes.
 *
 *   ring alive                     read, write, poll, close, and two opens by name; needs a 24c02
 *   ring pulled                    then asleep in a poll of a ring and in a read of the slow chip that
 *                                  OUTLIVE_CLIENT_SLOW names, until the device is unplugged
 *   ring waits                     says "ready", reads the slow chip without asking for a thread for it, and tells
 *                                  whether that had completed when io_uring_enter returned; to be unplugged meanwhile
 *   ring exits                     ends with a read of a slow chip under way, after "ready" and a line
 */
#define _GNU_SOURCE
#include "pull.h"

#include <linux/aio_abi.h>
#include <linux/io_uring.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/syscall.h>

static struct io_uring_sqe *entries;
static struct io_uring_cqe *completions;
static unsigned *tail, *mask, *head, *end, *completion_mask, *array;
static int ring;

static void make_ring(void)
{
	struct io_uring_params set = {0};
	ring = syscall(SYS_io_uring_setup, 8, &set);
	if (ring < 0) {
		/* Not every kernel lets programs have one: sysctl kernel.io_uring_disabled. */
		printf("note there is no io_uring here: %s\n", errno_name(errno));
		exit(3);
	}
	if (!(set.features & IORING_FEAT_SINGLE_MMAP))
		give_up("an io_uring of before 5.4");
	size_t size = set.cq_off.cqes + set.cq_entries * sizeof *completions;
	char *shared = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, ring, IORING_OFF_SQ_RING);
	entries = mmap(NULL, set.sq_entries * sizeof *entries, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, ring,
		       IORING_OFF_SQES);
	if (shared == MAP_FAILED || entries == MAP_FAILED)
		give_up("mmap of a ring: %s", strerror(errno));
	tail = (void *)(shared + set.sq_off.tail);
	mask = (void *)(shared + set.sq_off.ring_mask);
	array = (void *)(shared + set.sq_off.array);
	head = (void *)(shared + set.cq_off.head);
	end = (void *)(shared + set.cq_off.tail);
	completion_mask = (void *)(shared + set.cq_off.ring_mask);
	completions = (void *)(shared + set.cq_off.cqes);
}

/* Sends one off. `name` tells which one has completed. */
static void submit(struct io_uring_sqe entry, unsigned long name)
{
	unsigned at = *tail & *mask;
	entry.user_data = name;
	entries[at] = entry;
	array[at] = at;
	__atomic_store_n(tail, *tail + 1, __ATOMIC_RELEASE);
	if (syscall(SYS_io_uring_enter, ring, 1, 0, 0, NULL, 0) != 1)
		give_up("io_uring_enter: %s", strerror(errno));
}

/* The result of the next that completes, and its name. */
static int completed(unsigned long *name)
{
	while (__atomic_load_n(end, __ATOMIC_ACQUIRE) == *head)
		syscall(SYS_io_uring_enter, ring, 0, 1, IORING_ENTER_GETEVENTS, NULL, 0);
	struct io_uring_cqe *one = &completions[*head & *completion_mask];
	int result = one->res;
	if (name)
		*name = one->user_data;
	__atomic_store_n(head, *head + 1, __ATOMIC_RELEASE);
	return result;
}

static int carry_out(struct io_uring_sqe entry)
{
	submit(entry, 0);
	return completed(NULL);
}

static struct io_uring_sqe transfer_of(int operation, int fd, void *data, unsigned size)
{
	/* An offset of -1 stands for the file's position. */
	return (struct io_uring_sqe){.opcode = operation, .fd = fd, .addr = (unsigned long)data, .len = size, .off = -1};
}

/* One that goes to a thread of the kernel's at once. Without that flag a file that says IN is read on the spot. */
static struct io_uring_sqe slow_read(int fd, void *data)
{
	struct io_uring_sqe entry = transfer_of(IORING_OP_READ, fd, data, 1);
	entry.flags = IOSQE_ASYNC;
	return entry;
}

static struct io_uring_sqe poll_of(int fd, unsigned events)
{
	return (struct io_uring_sqe){.opcode = IORING_OP_POLL_ADD, .fd = fd, .poll32_events = events};
}

static struct io_uring_sqe open_of(const char *path)
{
	return (struct io_uring_sqe){
		.opcode = IORING_OP_OPENAT, .fd = AT_FDCWD, .addr = (unsigned long)path, .open_flags = O_RDWR};
}

/* The other kind of asynchronous transfers: io_submit(2). */
static int submit_old_style(int fd, void *data)
{
	aio_context_t context = 0;
	struct iocb read = {.aio_lio_opcode = IOCB_CMD_PREAD, .aio_fildes = fd, .aio_buf = (unsigned long)data, .aio_nbytes = 1};
	struct io_event event = {.res = -EIO};
	int error = failed_with(syscall(SYS_io_setup, 1, &context));
	if (!error)
		error = failed_with(syscall(SYS_io_submit, context, 1, (struct iocb *[]){&read}));
	if (!error)
		error = failed_with(syscall(SYS_io_getevents, context, 1, 1, &event, NULL));
	syscall(SYS_io_destroy, context);
	/* A read of nothing would be the end of the file. */
	return error ? error : event.res < 0 ? -event.res : event.res == 1 ? 0 : EPROTO;
}

/* IORING_OP_SPLICE of up to 4 bytes into a pipe; the errno, or EPROTO for the end of the file. */
static int splice_from(int fd)
{
	int ends[2];
	struct io_uring_sqe entry = {.opcode = IORING_OP_SPLICE, .len = 4, .off = -1};
	if (pipe(ends))
		give_up("pipe: %s", strerror(errno));
	entry.splice_fd_in = fd;
	entry.splice_off_in = -1;
	entry.fd = ends[1];
	int result = carry_out(entry);
	close(ends[0]);
	close(ends[1]);
	return result < 0 ? -result : result > 0 ? 0 : EPROTO;
}

static void everything(int fd, int gone)
{
	uint8_t bytes[5] = {0x10, 'r', 'i', 'n', 'g'}, got[4] = {0};
	char path[32];
	int dead = POLLERR | POLLHUP;

	expect_value("write", carry_out(transfer_of(IORING_OP_WRITE, fd, bytes, 5)), gone ? -ENODEV : 5);
	expect_value("write of the pointer", carry_out(transfer_of(IORING_OP_WRITE, fd, bytes, 1)), gone ? -ENODEV : 1);
	/* As a shell does for > /dev/fd/N: a device has no end that this could change. */
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	int truncated = open(path, O_WRONLY | O_TRUNC);
	expect_errno("open with O_TRUNC", failed_with(truncated), gone ? ENODEV : 0);
	close(truncated);
	expect_value("read", carry_out(transfer_of(IORING_OP_READ, fd, got, 4)), gone ? -ENODEV : 4);
	if (!gone)
		expect_value("  of what was written", memcmp(got, "ring", 4), 0);
	tell("io_submit of a read", submit_old_style(fd, got));
	expect_value("poll for IN", carry_out(poll_of(fd, POLLIN)), gone ? dead : POLLIN);
	expect_value("poll for IN and OUT", carry_out(poll_of(fd, POLLIN | POLLOUT)), gone ? dead : POLLIN | POLLOUT);
	int again = carry_out(open_of("/dev/null"));
	expect_value("open of another file", again >= 0, 1);
	close(again);
	expect_errno("splice from it", splice_from(fd), gone ? ENODEV : EINVAL);
	tell("open by name", -carry_out(open_of(device_path())));
	int copy = dup(fd);
	expect_value("close", carry_out((struct io_uring_sqe){.opcode = IORING_OP_CLOSE, .fd = copy}), 0);
	expect_errno("  has closed it", failed_with(fcntl(copy, F_GETFD)), EBADF);
}

static int slow_file(void)
{
	const char *address = getenv("OUTLIVE_CLIENT_SLOW");
	int fd = open_device(O_RDWR);
	if (!address || select_chip(fd, argument_number(address)))
		give_up("OUTLIVE_CLIENT_SLOW names no slow chip");
	return fd;
}

static void sleep_until_pulled(int fd)
{
	static uint8_t byte;
	unsigned long name;
	int slow = slow_file();

	submit(poll_of(fd, 0), 1);
	submit(slow_read(slow, &byte), 2);
	usleep(100000);
	expect_value("nothing completes before", __atomic_load_n(end, __ATOMIC_ACQUIRE), *head);
	ready();
	for (int i = 0; i < 2; i++) {
		int result = completed(&name);
		if (name == 1)
			expect_value("the poll that slept", result, POLLERR | POLLHUP);
		else
			expect_value("the read that slept", result, -ENODEV);
	}
	close(slow);
}

int main(int argc, char **argv)
{
	static uint8_t byte;
	make_ring();
	if (argc == 2 && !strcmp(argv[1], "exits")) {
		submit(slow_read(slow_file(), &byte), 1);
		ready();
		until_told();
		return 0;
	}
	if (argc == 2 && !strcmp(argv[1], "waits")) {
		int slow = slow_file();
		ready();
		submit(transfer_of(IORING_OP_READ, slow, &byte, 1), 1);
		printf("note io_uring_enter returned %s\n", *end == *head ? "before" : "afterwards");
		expect_value("the read", completed(NULL), -ENODEV);
		return finish();
	}
	int pulled = is_pulled(argc, argv), fd = open_chip(O_RDWR);
	everything(fd, 0);
	if (pulled) {
		sleep_until_pulled(fd);
		until_told();
		everything(fd, 1);
	}
	return finish();
}
