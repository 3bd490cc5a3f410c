/* A program that uses a flash (mtd/mtd-abi.h) by its position, and as its enemies do.
 *
 *   mtd position     lseek, read, write, pread, pwrite and their vectors; dup, fork, two opens. Needs mtd:ram,num=0 of 1 MiB
 *   mtd large        transfers of 3 MiB and more, from memory that begins anywhere; needs mtd:ram,num=0 of 8 MiB
 *   mtd refused      what a flash does not do: mmap, splice, sendfile, a read-only node that is to be written
 *   mtd hostile      bad pointers, lengths and positions in every call that takes some; the same flash
 *   mtd pulled       opens, says "ready", and after the pull, when a line comes, tells what is left
 *   mtd loop         reads 4 KiB at a time for ever, opens again whenever its device has gone, and says so each time
 *
 * OUTLIVE_CLIENT_DEVICE: the node, if it is not /dev/mtd0. OUTLIVE_CLIENT_PLAIN: there is no FUSE; OUTLIVE_CLIENT_FUSE:
 * there is nothing else.
 */
#define _GNU_SOURCE
#include "expect.h"

#include <fcntl.h>
#include <mtd/mtd-user.h>
#include <poll.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#define MIB (1024 * 1024)

/* No memory; the compiler shall not know. */
static void *volatile nowhere = (void *)16;

static const char *device_path(void)
{
	const char *path = getenv("OUTLIVE_CLIENT_DEVICE");
	return path ? path : "/dev/mtd0";
}

static int open_flash(int flags)
{
	int fd = open(device_path(), flags);
	if (fd < 0)
		give_up("cannot open %s: %s. Is this running under 'outlive run --device mtd:ram,num=0'?", device_path(),
			strerror(errno));
	return fd;
}

static off_t flash_size(int fd)
{
	struct mtd_info_user info;
	if (ioctl(fd, MEMGETINFO, &info))
		give_up("MEMGETINFO: %s", strerror(errno));
	return info.size;
}

static void check_seeks(int fd, off_t size)
{
	expect_value("it begins at 0", lseek(fd, 0, SEEK_CUR), 0);
	expect_value("the end", lseek(fd, 0, SEEK_END), size);
	expect_value("before the end", lseek(fd, -100, SEEK_END), size - 100);
	expect_value("on from there", lseek(fd, 50, SEEK_CUR), size - 50);
	expect_errno("before the beginning", failed_with(lseek(fd, -1, SEEK_SET)), EINVAL);
	expect_errno("an unknown whence", failed_with(lseek(fd, 0, 77)), EINVAL);
	expect_value("it has not moved", lseek(fd, 0, SEEK_CUR), size - 50);
	/* The kernel keeps the positions of files on FUSE, and lets them go beyond the end. */
	if (getenv("OUTLIVE_CLIENT_PLAIN"))
		expect_errno("beyond the end", failed_with(lseek(fd, 1, SEEK_END)), EINVAL);
	else
		expect_value("beyond the end", lseek(fd, 1, SEEK_END), size + 1);
}

static void check_ends(int fd, off_t size)
{
	char bytes[100] = {0};
	lseek(fd, size - 10, SEEK_SET);
	expect_value("a read at the end is short", read(fd, bytes, sizeof bytes), 10);
	expect_value("and then there is nothing", read(fd, bytes, sizeof bytes), 0);
	expect_errno("nor anything to write", failed_with(write(fd, bytes, 1)), ENOSPC);
	lseek(fd, size - 10, SEEK_SET);
	expect_value("a write at the end is short", write(fd, bytes, sizeof bytes), 10);
	expect_value("and moves by as much", lseek(fd, 0, SEEK_CUR), size);
	expect_value("pread beyond the end", pread(fd, bytes, 10, size + 5), 0);
	expect_errno("pwrite beyond the end", failed_with(pwrite(fd, bytes, 10, size + 5)), ENOSPC);
	expect_errno("pread before the beginning", failed_with(pread(fd, bytes, 10, -1)), EINVAL);
}

static void check_data(int fd)
{
	char bytes[32];
	lseek(fd, 1000, SEEK_SET);
	expect_value("write", write(fd, "eleven byte", 11), 11);
	expect_value("moves", lseek(fd, 0, SEEK_CUR), 1011);
	expect_value("pwrite", pwrite(fd, "ELEVEN", 6, 1000), 6);
	expect_value("does not", lseek(fd, 0, SEEK_CUR), 1011);
	expect_value("pread", pread(fd, bytes, 11, 1000), 11);
	expect_value("what was written", memcmp(bytes, "ELEVEN byte", 11), 0);
	lseek(fd, 1000, SEEK_SET);
	struct iovec parts[2] = {{bytes, 4}, {bytes + 4, 7}};
	memset(bytes, 0, sizeof bytes);
	expect_value("readv", readv(fd, parts, 2), 11);
	expect_value("the same", memcmp(bytes, "ELEVEN byte", 11), 0);
	expect_value("moves, too", lseek(fd, 0, SEEK_CUR), 1011);
	expect_value("writev", writev(fd, parts, 2), 11);
	expect_value("pwritev", pwritev(fd, parts, 2, 2000), 11);
	expect_value("preadv", preadv(fd, parts, 2, 1011), 11);
	expect_value("pwritev2 at a position", pwritev2(fd, parts, 2, 2100, 0), 11);
	expect_value("preadv2 at none", preadv2(fd, parts, 2, -1, 0), 11);
	expect_value("moves as well", lseek(fd, 0, SEEK_CUR), 1033);
	expect_value("read of nothing", read(fd, bytes, 0), 0);
	expect_value("pread of nothing", pread(fd, bytes, 0, 5), 0);
	expect_value("write of nothing", write(fd, bytes, 0), 0);
	expect_value("nothing moves nothing", lseek(fd, 0, SEEK_CUR), 1033);
	expect_errno("a bad buffer", failed_with(read(fd, nowhere, 10)), EFAULT);
	expect_value("moves nothing either", lseek(fd, 0, SEEK_CUR), 1033);
}

/* The position is the open file's. */
static void check_sharing(int fd)
{
	char byte;
	int second = dup(fd), other = open_flash(O_RDWR), high = fcntl(fd, F_DUPFD, 700);
	lseek(fd, 77, SEEK_SET);
	expect_value("a duplicate is there, too", lseek(second, 0, SEEK_CUR), 77);
	expect_value("one with a high number", lseek(high, 0, SEEK_CUR), 77);
	expect_value("another open is not", lseek(other, 0, SEEK_CUR), 0);
	expect_value("read by the duplicate", read(second, &byte, 1), 1);
	expect_value("read by the high one", read(high, &byte, 1), 1);
	expect_value("moves both", lseek(fd, 0, SEEK_CUR), 79);
	expect_value("read of nothing by the high one", read(high, &byte, 0), 0);
	pid_t child = fork();
	if (child == 0) {
		if (read(fd, &byte, 1) != 1)
			_exit(1);
		lseek(fd, 20, SEEK_CUR);
		_exit(0);
	}
	int status;
	waitpid(child, &status, 0);
	expect_value("the child", status, 0);
	expect_value("moves the parent's", lseek(fd, 0, SEEK_CUR), 100);
	char link[64];
	snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	int again = open(link, O_RDONLY);
	expect_value("opened again it is at the beginning", lseek(again, 0, SEEK_CUR), 0);
	int appends = open_flash(O_RDWR | O_APPEND);
	expect_value("to append is to write where it is", write(appends, "x", 1), 1);
	expect_value("which moves", lseek(appends, 0, SEEK_CUR), 1);
}

static int position(void)
{
	int fd = open_flash(O_RDWR);
	off_t size = flash_size(fd);
	check_seeks(fd, size);
	check_ends(fd, size);
	check_data(fd);
	check_sharing(fd);
	return finish();
}

static uint8_t pattern(size_t at)
{
	return at * 2654435761u >> 24;
}

/* One transfer of `length` bytes at `at`, from memory `shift` bytes behind the beginning of a page. */
static void large_one(int fd, size_t shift, size_t length, off_t at)
{
	static uint8_t memory[8 * MIB + 8192] __attribute__((aligned(4096)));
	uint8_t *bytes = memory + shift;
	char what[80];
	for (size_t i = 0; i < length; i++)
		bytes[i] = pattern(i + shift);
	snprintf(what, sizeof what, "write %zu at %ld from +%zu", length, (long)at, shift);
	expect_value(what, pwrite(fd, bytes, length, at), length);
	memset(bytes, 0, length);
	snprintf(what, sizeof what, "read %zu at %ld to +%zu", length, (long)at, shift);
	expect_value(what, pread(fd, bytes, length, at), length);
	size_t right = 0;
	while (right < length && bytes[right] == pattern(right + shift))
		right++;
	expect_value("every byte", right, length);
}

static int large(void)
{
	int fd = open_flash(O_RDWR);
	large_one(fd, 0, 3 * MIB, 0);
	large_one(fd, 1, 3 * MIB, 4096);
	large_one(fd, 4095, 3 * MIB + 17, 12345);
	large_one(fd, 32, 8 * MIB, 0);
	return finish();
}

static int refused(void)
{
	int fd = open_flash(O_RDWR), pipes[2], null = open("/dev/null", O_RDWR);
	char path[80];
	snprintf(path, sizeof path, "%sro", device_path());
	if (pipe(pipes))
		give_up("pipe: %s", strerror(errno));
	for (int prot = PROT_READ; prot <= (PROT_READ | PROT_WRITE); prot += PROT_WRITE)
		expect_errno("mmap", mmap(NULL, 4096, prot, MAP_SHARED, fd, 0) == MAP_FAILED ? errno : 0, ENODEV);
	expect_errno("splice from it", failed_with(splice(fd, NULL, pipes[1], NULL, 10, 0)), EINVAL);
	expect_errno("sendfile from it", failed_with(sendfile(null, fd, NULL, 10)), EINVAL);
	expect_errno("copy_file_range", failed_with(copy_file_range(fd, NULL, null, NULL, 10, 0)), EINVAL);
	expect_errno("ftruncate", failed_with(ftruncate(fd, 0)), EINVAL);
	expect_errno("an unknown ioctl", failed_with(ioctl(fd, 0x4d77, 0)), ENOTTY);
	expect_errno("the read-only node to write", failed_with(open(path, O_WRONLY)), EACCES);
	expect_errno("the read-only node for both", failed_with(open(path, O_RDWR)), EACCES);
	int read_only = open(path, O_RDONLY);
	char byte, writable;
	expect_value("the read-only node to read", read(read_only, &byte, 1), 1);
	expect_value("the same byte", pread(fd, &writable, 1, 0) == 1 && byte == writable, 1);
	expect_errno("is not written", failed_with(write(read_only, &byte, 1)), EBADF);
	struct erase_info_user erase = {0, 0x10000};
	expect_errno("is not erased", failed_with(ioctl(read_only, MEMERASE, &erase)), EPERM);
	struct stat first, second, third;
	expect_value("stat", stat(device_path(), &first) | stat(path, &second) | fstat(read_only, &third), 0);
	expect_value("the next minor", second.st_rdev, makedev(major(first.st_rdev), minor(first.st_rdev) + 1));
	expect_value("the same by descriptor", third.st_rdev, second.st_rdev);
	expect_value("other inodes", first.st_ino != second.st_ino && second.st_ino == third.st_ino, 1);
	char link[64], where[80] = "";
	snprintf(link, sizeof link, "/proc/self/fd/%d", read_only);
	if (readlink(link, where, sizeof where - 1) < 0)
		give_up("readlink: %s", strerror(errno));
	expect_value("its descriptor's link", strcmp(where, path), 0);
	return finish();
}

/* Whether a call with bad memory says EFAULT, or refuses it for another reason, and moves nothing. */
static void hostile_ioctl(int fd, const char *what, unsigned long request, void *argument)
{
	int error = failed_with(ioctl(fd, request, argument));
	if (error == EFAULT || error == EINVAL || error == EOPNOTSUPP || error == ENOTTY || error == EPERM ||
	    error == ENOMEM)
		passed(what);
	else
		failed(what, "got %s", errno_name(error));
}

static int hostile(void)
{
	static const struct {
		const char *name;
		unsigned long request;
	} calls[] = {
		{"MEMGETINFO", MEMGETINFO},	{"MEMERASE", MEMERASE},		{"MEMERASE64", MEMERASE64},
		{"MEMWRITEOOB", MEMWRITEOOB},	{"MEMREADOOB", MEMREADOOB},	{"MEMWRITE", MEMWRITE},
		{"MEMLOCK", MEMLOCK},		{"MEMUNLOCK", MEMUNLOCK},	{"MEMISLOCKED", MEMISLOCKED},
		{"MEMGETBADBLOCK", MEMGETBADBLOCK}, {"MEMSETBADBLOCK", MEMSETBADBLOCK}, {"ECCGETSTATS", ECCGETSTATS},
		{"MEMGETREGIONCOUNT", MEMGETREGIONCOUNT}, {"MEMGETREGIONINFO", MEMGETREGIONINFO},
		{"MEMGETOOBSEL", MEMGETOOBSEL},	{"ECCGETLAYOUT", ECCGETLAYOUT}, {"OTPSELECT", OTPSELECT},
	};
	int fd = open_flash(O_RDWR);
	uint8_t before[4096], after[4096];
	expect_value("what is there", pread(fd, before, sizeof before, 0), sizeof before);
	for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
		hostile_ioctl(fd, calls[i].name, calls[i].request, (void *)8);
		hostile_ioctl(fd, calls[i].name, calls[i].request, (void *)-8L);
	}
	off_t size = flash_size(fd);
	struct erase_info_user64 erases[] = {
		{size, 0x10000}, {0, size + 0x10000}, {1, 0x10000}, {UINT64_MAX - 0xffff, 0x10000}, {0x10000, UINT64_MAX}, {0, 1},
	};
	for (size_t i = 0; i < sizeof erases / sizeof *erases; i++)
		expect_errno("an erase that cannot be", failed_with(ioctl(fd, MEMERASE64, &erases[i])), EINVAL);
	struct mtd_write_req writes[] = {
		{0, UINT64_MAX, 0, before - (uint8_t *)0, 0, 0, {0}},
		{size, 4096, 0, (uintptr_t)before, 0, 0, {0}},
		{UINT64_MAX, 4096, 0, (uintptr_t)before, 0, 0, {0}},
		{0, 4096, 0, 8, 0, 0, {0}},
		{0, 0, UINT64_MAX, 0, 8, 0, {0}},
		{0, 4096, 4096, 8, 8, 77, {0}},
	};
	for (size_t i = 0; i < sizeof writes / sizeof *writes; i++)
		hostile_ioctl(fd, "a MEMWRITE that cannot be", MEMWRITE, &writes[i]);
	expect_errno("a write from nowhere", failed_with(pwrite(fd, nowhere, 4096, 0)), EFAULT);
	struct iovec parts[1025] = {{before, 1}};
	expect_errno("too many parts", failed_with(pwritev(fd, parts, 1025, 0)), EINVAL);
	expect_value("what is there now", pread(fd, after, sizeof after, 0), sizeof after);
	expect_value("is what was there", memcmp(before, after, sizeof before), 0);
	return finish();
}

static int pulled(void)
{
	int fd = open_flash(O_RDWR);
	char bytes[64], line[64], again[64];
	lseek(fd, 100, SEEK_SET);
	printf("ready\n");
	fflush(stdout);
	if (!fgets(line, sizeof line, stdin) && !feof(stdin))
		give_up("no line");
	struct mtd_info_user info;
	struct erase_info_user erase = {0, 0x10000};
	struct pollfd polled = {fd, POLLIN | POLLOUT, 0};
	expect_errno("read", failed_with(read(fd, bytes, sizeof bytes)), ENODEV);
	expect_errno("read of nothing", failed_with(read(fd, bytes, 0)), ENODEV);
	expect_errno("write", failed_with(write(fd, bytes, sizeof bytes)), ENODEV);
	expect_errno("pread", failed_with(pread(fd, bytes, sizeof bytes, 0)), ENODEV);
	expect_errno("pread of nothing", failed_with(pread(fd, bytes, 0, 0)), ENODEV);
	expect_errno("pread beyond the end", failed_with(pread(fd, bytes, sizeof bytes, 1L << 40)), ENODEV);
	expect_errno("pwrite", failed_with(pwrite(fd, bytes, sizeof bytes, 0)), ENODEV);
	expect_errno("pwrite beyond the end", failed_with(pwrite(fd, bytes, sizeof bytes, 1L << 40)), ENODEV);
	expect_errno("MEMGETINFO", failed_with(ioctl(fd, MEMGETINFO, &info)), ENODEV);
	expect_errno("MEMERASE", failed_with(ioctl(fd, MEMERASE, &erase)), ENODEV);
	/* FUSE fetches what the number of an ioctl says, before it asks anybody. */
	int from_nowhere = getenv("OUTLIVE_CLIENT_FUSE") ? EFAULT : ENODEV;
	expect_errno("MEMERASE from nowhere", failed_with(ioctl(fd, MEMERASE, 8)), from_nowhere);
	expect_errno("mmap", mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0) == MAP_FAILED ? errno : 0, ENODEV);
	expect_value("poll", poll(&polled, 1, 0), 1);
	expect_value("HUP and ERR", polled.revents, zombie_bits(polled.events));
	/* It does not ask the device. */
	expect_value("the position", lseek(fd, 0, SEEK_CUR), 100);
	expect_value("the end", lseek(fd, 0, SEEK_END) > 0, 1);
	snprintf(again, sizeof again, "/proc/self/fd/%d", fd);
	expect_errno("opened again", failed_with(open(again, O_RDONLY)), ENODEV);
	expect_errno("by its name", failed_with(open(device_path(), O_RDONLY)), ENOENT);
	expect_errno("close", failed_with(close(fd)), 0);
	return finish();
}

static int loop(void)
{
	char bytes[4096];
	for (;;) {
		int fd = open(device_path(), O_RDONLY);
		if (fd < 0 && errno == ENOENT) {
			usleep(1000);
			continue;
		}
		if (fd < 0)
			give_up("open: %s", strerror(errno));
		printf("open\n");
		fflush(stdout);
		while (pread(fd, bytes, sizeof bytes, 0) == sizeof bytes)
			;
		printf("gone %s\n", errno_name(errno));
		fflush(stdout);
		close(fd);
	}
}

int main(int count, char **words)
{
	const char *word = count == 2 ? words[1] : "";
	if (strcmp(word, "position") == 0)
		return position();
	if (strcmp(word, "large") == 0)
		return large();
	if (strcmp(word, "refused") == 0)
		return refused();
	if (strcmp(word, "hostile") == 0)
		return hostile();
	if (strcmp(word, "pulled") == 0)
		return pulled();
	if (strcmp(word, "loop") == 0)
		return loop();
	give_up("usage: mtd position|large|refused|hostile|pulled|loop");
}
