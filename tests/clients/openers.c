/* Ways to open that only some programs use.
 *
 *   openers                        openat2 with its restrictions, O_TRUNC, O_APPEND, paths at the ends of pages
 *   openers storm                  opens and closes without end
 */
#define _GNU_SOURCE
#include "bus.h"

#include <linux/openat2.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/vfs.h>

static int openat2_with(size_t size, uint64_t flags, uint64_t mode, uint64_t resolve)
{
	struct {
		struct open_how how;
		uint64_t more;
	} how = {.how = {.flags = flags, .mode = mode, .resolve = resolve}};
	int fd = syscall(SYS_openat2, AT_FDCWD, device_path(), &how, size);
	int error = failed_with(fd);
	if (fd >= 0)
		close(fd);
	return error;
}

static void openat2_calls(void)
{
	expect_errno("openat2", openat2_with(24, O_RDWR, 0, 0), 0);
	expect_errno("openat2 of a longer structure with nothing new", openat2_with(32, O_RDWR, 0, 0), 0);
	expect_errno("openat2 of a shorter structure", openat2_with(16, O_RDWR, 0, 0), EINVAL);
	expect_errno("openat2 with a mode and nothing to create", openat2_with(24, O_RDWR, 0600, 0), EINVAL);
	expect_errno("openat2 with an unknown flag", openat2_with(24, O_RDWR | 1ull << 40, 0, 0), EINVAL);
	expect_errno("openat2 with RESOLVE_BENEATH", openat2_with(24, O_RDWR, 0, RESOLVE_BENEATH), EXDEV);
	expect_errno("openat2 with RESOLVE_NO_SYMLINKS", openat2_with(24, O_RDWR, 0, RESOLVE_NO_SYMLINKS), 0);
	expect_errno("openat2 with an unknown restriction", openat2_with(24, O_RDWR, 0, 0x800), EINVAL);
}

static void paths_at_page_ends(void)
{
	const char *device = device_path();
	size_t size = strlen(device);
	char *memory = mmap(NULL, 3 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED || mprotect(memory + 8192, 4096, PROT_NONE))
		give_up("no memory: %s", strerror(errno));
	strcpy(memory + 4096 - 5, device);
	expect_errno("a path across pages", failed_with(open(memory + 4096 - 5, O_RDWR)), 0);
	strcpy(memory + 8192 - size - 1, device);
	expect_errno("a path that ends with its memory", failed_with(open(memory + 8192 - size - 1, O_RDWR)), 0);
	memcpy(memory + 8192 - size, device, size);
	expect_errno("a path without an end", failed_with(open(memory + 8192 - size, O_RDWR)), EFAULT);
	for (size_t length = 4095; length <= 4096; length++) {
		char *path = memory + 8192 - length - 1;
		memset(path, '/', length);
		memcpy(path + length - size, device, size);
		path[length] = 0;
		int error = failed_with(open(path, O_RDWR));
		expect_errno(length == 4095 ? "a path of 4095 bytes" : "a path of 4096 bytes", error,
			     length == 4095 ? 0 : ENAMETOOLONG);
	}
}

static void unusual_opens(void)
{
	struct statfs filesystem;
	int fd = open(device_path(), O_RDWR | O_TRUNC);
	expect_errno("open with O_TRUNC", failed_with(fd), 0);
	expect_errno("ftruncate", failed_with(ftruncate(fd, 0)), EINVAL);
	expect_errno("fsync", failed_with(fsync(fd)), EINVAL);
	expect_errno("fstatfs", failed_with(fstatfs(fd, &filesystem)), 0);
	char again[64];
	snprintf(again, sizeof again, "/proc/self/fd/%d", fd);
	expect_errno("open of /proc/self/fd/N with O_TRUNC", failed_with(open(again, O_RDWR | O_TRUNC)), 0);
	expect_errno("open with O_APPEND", failed_with(open(device_path(), O_WRONLY | O_APPEND)), 0);
}

int main(int argc, char **argv)
{
	while (argc == 2 && !strcmp(argv[1], "storm"))
		close(open(device_path(), O_RDWR));
	if (argc != 1)
		give_up("usage: openers [storm]");
	openat2_calls();
	paths_at_page_ends();
	unusual_opens();
	return finish();
}
