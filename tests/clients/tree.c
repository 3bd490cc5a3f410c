/* What is around a device in /dev, /sys and /proc, by raw calls.
 *
 *   tree listing DIRECTORY NAME    lists with buffers of every size, from every position, by several descriptors
 *   tree attribute PATH            reads an attribute; sleeps in poll until its device goes, then tries everything. A line
 *                                  on standard input says that the device is there again
 *   tree hostile DIRECTORY         opens without end, long paths, links in circles, changes
 */
#define _GNU_SOURCE
#include "expect.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Where there is no FUSE, an attribute is a file of memory, which is always ready; a directory is one that is not there any
 * more (docs/roads.md). */
static int on_plain(void)
{
	return getenv("OUTLIVE_CLIENT_PLAIN") != NULL;
}

struct entry {
	char name[256];
	int64_t next;
	int type;
};

/* One call: how many entries it gave, or -1. */
static int list_some(int number, int fd, size_t size, struct entry *entries)
{
	char buffer[65536];
	long bytes = syscall(number, fd, buffer, size);
	int count = 0;

	for (long at = 0; at < bytes; count++) {
		uint16_t length;
		memcpy(&entries[count].next, buffer + at + 8, 8);
		memcpy(&length, buffer + at + 16, 2);
		int old = number == SYS_getdents;
		entries[count].type = old ? buffer[at + length - 1] : buffer[at + 18];
		snprintf(entries[count].name, sizeof entries[count].name, "%s", buffer + at + (old ? 18 : 19));
		at += length;
	}
	return bytes < 0 ? -1 : count;
}

static int list_all(int number, int fd, size_t size, struct entry *entries)
{
	int all = 0, some;
	while ((some = list_some(number, fd, size, entries + all)) > 0)
		all += some;
	return some < 0 ? -1 : all;
}

static int same(const struct entry *a, const struct entry *b, int count)
{
	for (int i = 0; i < count; i++)
		if (strcmp(a[i].name, b[i].name) || a[i].type != b[i].type)
			return 0;
	return 1;
}

static void listing(const char *directory, const char *name)
{
	static struct entry all[8192], again[8192];
	int fd = open(directory, O_RDONLY | O_DIRECTORY), found = 0, twice = 0;
	if (fd < 0)
		give_up("%s: %s", directory, strerror(errno));
	int count = list_all(SYS_getdents64, fd, 32768, all);
	for (int i = 0; i < count; i++) {
		found += strcmp(all[i].name, name) == 0;
		for (int j = 0; j < i; j++)
			twice += strcmp(all[i].name, all[j].name) == 0;
	}
	expect_value("it is there once", found, 1);
	expect_value("nothing is there twice", twice, 0);
	expect_value("the end stays the end", list_some(SYS_getdents64, fd, 32768, again), 0);
	for (size_t size = 280; size < 1200; size += 90) {
		lseek(fd, 0, SEEK_SET);
		int number = size % 180 ? SYS_getdents64 : SYS_getdents;
		int got = list_all(number, fd, size, again);
		if (got != count || !same(all, again, count))
			failed("the same with a small buffer", "%d entries of %d with %zu bytes", got, count, size);
		else
			passed("the same with a small buffer");
	}
	/* seekdir: from after each entry on come those that came then. */
	int wrong = 0;
	for (int i = 0; i < count - 1; i++) {
		lseek(fd, all[i].next, SEEK_SET);
		int got = list_all(SYS_getdents64, fd, 32768, again);
		wrong += got != count - 1 - i || !same(all + i + 1, again, got);
	}
	expect_value("positions that list something else", wrong, 0);
	/* A duplicate shares the position; another open does not. */
	lseek(fd, 0, SEEK_SET);
	int copy = dup(fd), other = open(directory, O_RDONLY | O_DIRECTORY);
	int first = list_some(SYS_getdents64, fd, 280, again);
	int rest = list_all(SYS_getdents64, copy, 280, again + first);
	expect_value("a duplicate goes on", first + rest, count);
	expect_value("another reader begins", list_all(SYS_getdents64, other, 280, again), count);
	lseek(fd, 0, SEEK_SET);
	expect_errno("no room at all", failed_with(syscall(SYS_getdents64, fd, again, 8)), EINVAL);
	lseek(fd, 0, SEEK_SET);
	expect_errno("no memory", failed_with(syscall(SYS_getdents64, fd, 8, 32768)), EFAULT);
	lseek(fd, 0, SEEK_SET);
	expect_value("and nothing is lost", list_all(SYS_getdents64, fd, 32768, again), count);
	expect_errno("of no directory", failed_with(syscall(SYS_getdents64, 0, again, 8192)), ENOTDIR);
}

static int poll_now(int fd, int timeout)
{
	struct pollfd watched = {.fd = fd, .events = POLLIN | POLLOUT | POLLPRI};
	return poll(&watched, 1, timeout) < 0 ? -1 : watched.revents;
}

static void wait_for_line(void)
{
	char line[16];
	if (!fgets(line, sizeof line, stdin))
		give_up("no line came");
}

static void attribute(const char *path)
{
	char text[256], first[256] = "";
	struct stat before, after;
	int fd = open(path, O_RDONLY);
	if (fd < 0)
		give_up("%s: %s", path, strerror(errno));
	int unread = on_plain() ? 0 : POLLPRI | POLLERR, gone = on_plain() ? POLLIN | POLLOUT : POLLERR | POLLHUP;
	expect_value("poll of what has not been read", poll_now(fd, 0), POLLIN | POLLOUT | unread);
	ssize_t size = read(fd, first, sizeof first);
	printf("note it says %.*s\n", (int)strcspn(first, "\n"), first);
	expect_value("poll of what has been read", poll_now(fd, 0), POLLIN | POLLOUT);
	expect_value("at the end", read(fd, text, sizeof text), 0);
	expect_value("in the middle", pread(fd, text, 2, 1), 2);
	expect_value("the same there", memcmp(text, first + 1, 2), 0);
	expect_value("from the beginning", lseek(fd, 0, SEEK_SET), 0);
	expect_value("all of it again", read(fd, text, sizeof text), size);
	expect_errno("fstat", failed_with(fstat(fd, &before)), 0);
	expect_value("its mode", before.st_mode, S_IFREG | 0444);
	expect_value("its size", before.st_size, 4096);
	expect_errno("ioctl", failed_with(ioctl(fd, 0x0703, 0x50)), ENOTTY);
	expect_errno("mmap", mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0) == MAP_FAILED ? errno : 0, ENODEV);
	printf("ready\n");
	fflush(stdout);
	struct pollfd watched = {.fd = fd, .events = POLLPRI};
	if (on_plain()) {
		while (access(path, F_OK) == 0)
			usleep(1000);
	} else {
		poll(&watched, 1, -1);
		expect_value("poll woke", watched.revents, gone);
	}
	expect_value("and says so still", poll_now(fd, 0), gone);
	expect_errno("read", failed_with(read(fd, text, sizeof text)), ENODEV);
	expect_errno("pread", failed_with(pread(fd, text, sizeof text, 0)), ENODEV);
	expect_errno("read of nothing", failed_with(read(fd, text, 0)), ENODEV);
	expect_errno("ioctl on what has gone", failed_with(ioctl(fd, 0x0703, 0x50)), ENODEV);
	expect_errno("fstat of what has gone", failed_with(fstat(fd, &after)), 0);
	expect_value("the same inode", after.st_ino == before.st_ino, 1);
	expect_errno("its path", failed_with(stat(path, &after)), ENOENT);
	expect_errno("open", failed_with(open(path, O_RDONLY)), ENOENT);
	printf("gone\n");
	fflush(stdout);
	wait_for_line();
	expect_errno("open of what came back", failed_with(open(path, O_RDONLY)), 0);
	expect_errno("stat of what came back", failed_with(stat(path, &after)), 0);
	expect_value("another inode", after.st_ino != before.st_ino, 1);
	expect_errno("the old one stays dead", failed_with(pread(fd, text, sizeof text, 0)), ENODEV);
	expect_errno("close", failed_with(close(fd)), 0);
}

static void hostile(const char *directory)
{
	char path[PATH_MAX + 256], made[] = "/tmp/tree-XXXXXX";
	int wrong = 0;

	snprintf(path, sizeof path, "%s/name", directory);
	for (int i = 0; i < 3000; i++) {
		char text[64];
		int fd = open(path, O_RDONLY);
		wrong += fd < 0 || read(fd, text, sizeof text) <= 0 || close(fd);
	}
	expect_value("opens that failed", wrong, 0);
	int kept[900];
	for (int i = 0; i < 900; i++)
		wrong += (kept[i] = open(i % 2 ? path : directory, O_RDONLY)) < 0;
	for (int i = 0; i < 900; i++)
		close(kept[i]);
	expect_value("opens at once that failed", wrong, 0);

	expect_errno("for writing", failed_with(open(path, O_WRONLY)), EACCES);
	expect_errno("for both", failed_with(open(path, O_RDWR)), EACCES);
	expect_errno("to be made anew", failed_with(open(path, O_CREAT | O_EXCL | O_RDONLY, 0600)), EEXIST);
	expect_errno("as a directory", failed_with(open(path, O_DIRECTORY)), ENOTDIR);
	expect_errno("with direct I/O", failed_with(open(path, O_DIRECT)), EINVAL);
	expect_errno("a directory for writing", failed_with(open(directory, O_WRONLY)), EISDIR);
	int base = open(directory, O_RDONLY | O_DIRECTORY);
	expect_errno("by its directory", failed_with(openat(base, "name", O_RDONLY)), 0);
	expect_errno("by its directory and back", failed_with(openat(base, "../../i2c-dev/../name", O_RDONLY)), 0);
	expect_errno("what is not there", failed_with(openat(base, "nothing", O_RDONLY)), ENOENT);
	expect_errno("below a file", failed_with(openat(base, "name/x", O_RDONLY)), ENOTDIR);
	expect_errno("a file as a directory", failed_with(openat(base, "name/", O_RDONLY)), ENOTDIR);
	expect_errno("a link, not followed", failed_with(openat(base, "device", O_RDONLY | O_NOFOLLOW)), ELOOP);
	expect_errno("a link, followed", failed_with(openat(base, "device/name", O_RDONLY)), 0);
	expect_errno("something made there", failed_with(mkdirat(base, "x", 0700)), on_plain() ? ENOENT : EPERM);
	expect_errno("something removed", failed_with(unlinkat(base, "name", 0)), EPERM);
	expect_errno("the way out", failed_with(openat(base, "subsystem/../../../etc/passwd", O_RDONLY)), 0);
	expect_errno("into it", failed_with(fchdir(base)), 0);
	expect_errno("from there", failed_with(open("name", O_RDONLY)), 0);
	char here[PATH_MAX], *real = realpath(directory, NULL);
	if (!getcwd(here, sizeof here))
		failed("getcwd", "%s", strerror(errno));
	else
		expect_value("getcwd", strcmp(here, real), 0);
	chdir("/");

	for (int length = PATH_MAX - 2; length <= PATH_MAX; length++) {
		size_t own = strlen(directory);
		memcpy(path, directory, own);
		while (own < (size_t)length - 5)
			path[own++] = '/';
		strcpy(path + own, "/name");
		int expected = length < PATH_MAX ? 0 : ENAMETOOLONG;
		expect_errno("a long path", failed_with(open(path, O_RDONLY)), expected);
	}
	path[0] = 0;
	for (int i = 0; i < 39; i++)
		strcat(path, "subsystem/i2c-7/");
	strcat(path, "name");
	expect_errno("too many links", failed_with(openat(base, path, O_RDONLY)), ELOOP);
	memcpy(path, "subsystem/i2c-7/name", 21);
	expect_errno("some links", failed_with(openat(base, path, O_RDONLY)), 0);

	if (!mkdtemp(made))
		give_up("mkdtemp: %s", strerror(errno));
	char circle[128], way[128];
	snprintf(circle, sizeof circle, "%s/circle", made);
	snprintf(way, sizeof way, "%s/way", made);
	snprintf(path, sizeof path, "%s/device/../../../../..%s/x", directory, circle);
	symlink(path, circle);
	expect_errno("in a circle", failed_with(open(circle, O_RDONLY)), ELOOP);
	symlink(directory, way);
	snprintf(path, sizeof path, "%s/name", way);
	expect_errno("a link in the middle", failed_with(open(path, O_RDONLY)), 0);
	struct stat found;
	expect_errno("and not followed at the end", failed_with(lstat(path, &found)), 0);
	unlink(circle);
	unlink(way);
	rmdir(made);
}

int main(int argc, char **argv)
{
	if (argc == 4 && strcmp(argv[1], "listing") == 0)
		listing(argv[2], argv[3]);
	else if (argc == 3 && strcmp(argv[1], "attribute") == 0)
		attribute(argv[2]);
	else if (argc == 3 && strcmp(argv[1], "hostile") == 0)
		hostile(argv[2]);
	else
		give_up("tree listing DIRECTORY NAME | attribute PATH | hostile DIRECTORY");
	return finish();
}
