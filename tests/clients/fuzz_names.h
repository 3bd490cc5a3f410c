/* Fuzz: calls by name. Names are spelled in many ways; what changes names is tried on exact names of ours only, which no
 * call may change, whatever happens. */
#ifndef FUZZ_NAMES_H
#define FUZZ_NAMES_H

#include "fuzz.h"

#include <limits.h>
#include <linux/openat2.h>
#include <sys/stat.h>

struct target {
	const char *path;
	enum kind kind;
};

#define PLATFORM "/sys/devices/platform/outlive.0"
static const struct target TARGETS[] = {
	{I2C, IS_I2C}, {I2C, IS_I2C}, {I2C, IS_I2C}, {UIO, IS_UIO}, {UIO, IS_UIO}, {"/sys/class/i2c-dev/i2c-77", IS_ENTRY},
	{"/sys/class/i2c-dev/i2c-77/name", IS_ENTRY}, {"/sys/bus/i2c/devices/i2c-77", IS_ENTRY},
	{"/sys/class/uio/uio70/maps/map0/size", IS_ENTRY}, {"/sys/class/uio/uio70/event", IS_ENTRY},
	{"/sys/dev/char/89:77", IS_ENTRY}, {"/sys/dev/char/240:70/uevent", IS_ENTRY}, {PLATFORM, IS_ENTRY},
	{PLATFORM "/i2c-77/state", IS_ENTRY}, {PLATFORM "/uio/uio70/device/../uio/uio70", IS_ENTRY},
	{"/dev", IS_ENTRY}, {"/sys/class", IS_ENTRY}, {"/sys/class/uio", IS_ENTRY}, {"/sys", IS_ENTRY},
	{"/proc/devices", IS_ENTRY}, {"/dev/i2c-99", NONE}, {"status", IS_ENTRY},
};

/* What is ours alone. */
static const char *const OURS[] = {I2C, UIO, "/sys/class/i2c-dev/i2c-77/name", PLATFORM "/i2c-77/state",
				   PLATFORM "/uio/uio70/maps/map0/size", PLATFORM "/i2c-77"};

struct name {
	int at; /* to be closed if it is not AT_FDCWD */
	enum kind kind;
	int exact; /* no byte of it is wrong */
	char *path; /* ends where memory ends */
};

/* The path once more, with detours that lead nowhere else. */
static inline void detour(char *to, size_t size, const char *path)
{
	static const char *const before[] = {"", "/", "/.", "/dev/..", "/proc/self/root", "/proc/thread-self/root",
					     "/sys/class/../..", "/./", "/proc/self/fd/../../.."};
	size_t length = snprintf(to, size, "%s", CHOICE(before));
	for (; *path && length < size - 8; path++) {
		if (*path == '/' && one_in(4))
			length += snprintf(to + length, size - length, one_in(2) ? "/" : "/.");
		to[length++] = *path;
	}
	to[length] = 0;
}

/* By a directory of its own, a link in `home`, or a descriptor. */
static inline int relative(char *to, size_t size, const char *path)
{
	char directory[PATH_MAX];
	static const char *const steps[] = {"..", "../..", ".", "../i2c-77", "uevent", "../../uio70", "", "../dev"};
	const char *last = strrchr(path, '/');
	struct slot *slot = some(NONE);
	int at = AT_FDCWD;
	switch (below(6)) {
	case 0: /* from its directory */
		snprintf(directory, sizeof directory, "%.*s/", (int)(last - path), path);
		at = CALL(openat, AT_FDCWD, directory, O_RDONLY | O_DIRECTORY | (one_in(2) ? O_PATH : 0));
		snprintf(to, size, "%s", last + 1);
		return at < 0 ? AT_FDCWD : at;
	case 1: /* from the root */
		at = CALL(openat, AT_FDCWD, "/", O_PATH | O_DIRECTORY);
		snprintf(to, size, "%s", path + 1);
		return at < 0 ? AT_FDCWD : at;
	case 2: /* by a link to the root */
		snprintf(to, size, "%.200s/root%.2000s", home, path);
		return at;
	case 3: /* from something open, up and down */
		snprintf(to, size, "%s", CHOICE(steps));
		return slot ? (int)CALL(dup, slot->fd) : at;
	case 4: /* by a link that somebody else makes and removes */
		snprintf(to, size, "%.200s/to-%.100s", home, last + 1);
		return at;
	default:
		snprintf(to, size, one_in(2) ? "/proc/self/fd/%d" : "/dev/fd/%d", slot ? slot->fd : 900);
		return at;
	}
}

/* Makes `name` one of many spellings of a name of ours. */
static inline void spell(struct name *name)
{
	char path[PATH_MAX + 1], other[PATH_MAX + 1];
	const struct target *target = &CHOICE(TARGETS);
	const char *status = getenv("OUTLIVE_STATUS");

	*name = (struct name){.at = AT_FDCWD, .kind = target->kind, .exact = 1};
	snprintf(path, sizeof path, "%s", strcmp(target->path, "status") ? target->path : status ? status : I2C);
	if (one_in(3))
		detour(other, PATH_MAX, path), strcpy(path, other);
	else if (one_in(3)) {
		name->at = relative(other, PATH_MAX, path), strcpy(path, other);
		if (strstr(path, "/fd/") || (path[0] != '/' && !strstr(path, "i2c") && !strstr(path, "uio")))
			name->kind = NONE; /* whatever that is */
	}
	size_t length = strlen(path);
	if (one_in(12)) {
		name->exact = 0;
		if (one_in(2))
			path[below(length)] ^= 1 << below(7);
		else
			path[length = below(length)] = 0;
	} else if (one_in(24)) {
		memset(path, '/', PATH_MAX);
		length = PATH_MAX - below(3);
		strcpy(path + length - strlen(I2C), I2C), name->exact = 0;
	}
	length = strlen(path);
	name->path = (char *)scratch + SCRATCH - length - 1 - (one_in(8) ? -1 : 0); /* seldom: it does not end */
	memcpy(name->path, path, (char *)scratch + SCRATCH - name->path < (long)length + 1 ? length : length + 1);
	if (one_in(32))
		name->path = any_pointer(), name->exact = 0;
}

static inline void unspell(struct name *name)
{
	if (name->at != AT_FDCWD)
		close(name->at);
}

/* Opens never wait (O_NONBLOCK), and make or cut files only by exact names. */
static inline uint64_t open_flags(const struct name *name)
{
	static const uint64_t odd[] = {O_CREAT, O_TRUNC, O_EXCL, O_CREAT | O_EXCL, O_APPEND, O_DIRECTORY, O_NOFOLLOW, O_PATH,
				       O_CLOEXEC, O_SYNC, O_DIRECT, O_TMPFILE, O_NOATIME, O_ASYNC};
	uint64_t flags = one_in(2) ? O_RDWR : below(4);
	if (!name->exact || name->kind == IS_ENTRY || name->kind == NONE)
		return O_RDONLY | O_NONBLOCK | (one_in(3) ? O_DIRECTORY : 0) | (one_in(8) ? O_PATH : 0) | (one_in(4) ? O_NOFOLLOW : 0);
	if (one_in(3))
		flags |= CHOICE(odd);
	return (flags & ~O_CREAT) | O_NONBLOCK | O_NOCTTY;
}

static inline void step_open(void)
{
	struct name name;
	spell(&name);
	uint64_t flags = open_flags(&name);
	struct open_how how = {.flags = flags | (one_in(16) ? draw() & ~0x600040ull : 0), .resolve = one_in(2) ? below(64) : 0};
	long fd;
	switch (below(4)) {
	case 0: fd = CALL(open, name.path, flags & ~O_TMPFILE, 0600); break;
	case 1: {
		size_t size = one_in(4) ? any_length() : sizeof how;
		memcpy(scratch, &how, sizeof how);
		fd = CALL(openat2, name.at, name.path, one_in(16) ? any_pointer() : (void *)scratch, size);
		break;
	}
	default: fd = CALL(openat, name.at, name.path, flags & ~O_TMPFILE, 0600);
	}
	unspell(&name);
	if (name.exact && name.kind != NONE && !(flags & O_PATH))
		keep(fd, name.kind, 0);
	else if (fd >= 0)
		close(fd);
}

/* The plain way to a device, so that there always are some. */
static inline void step_open_plainly(void)
{
	int uio = one_in(3);
	long fd = CALL(openat, AT_FDCWD, uio ? UIO : I2C, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (fd >= 0 && !uio)
		CALL_OR(offline(), ioctl, fd, I2C_SLAVE, one_in(8) ? SLOW_AT : EEPROM_AT);
	keep(fd, uio ? IS_UIO : IS_I2C, 0);
}

static inline void step_ask(void)
{
	struct name name;
	void *to = one_in(6) ? any_pointer() : scratch;
	uint64_t size = one_in(3) ? any_length() & INT32_MAX : 256;
	long result;
	spell(&name);
	switch (below(12)) {
	case 0: CALL(stat, name.path, to); break;
	case 1: CALL(lstat, name.path, to); break;
	case 2: CALL(newfstatat, name.at, name.path, to, one_in(2) ? AT_SYMLINK_NOFOLLOW : below(0x2000)); break;
	case 3: CALL(statx, name.at, name.path, below(0x8000), draw(), to); break;
	case 4: CALL(access, name.path, below(9)); break;
	case 5: CALL(faccessat2, name.at, name.path, below(9), one_in(2) ? 0 : below(0x2000)); break;
	case 6:
		result = CALL(readlinkat, name.at, name.path, to, size);
		if (result > (long)size)
			found("readlinkat says %ld, asked for %llu", result, (unsigned long long)size);
		break;
	case 7: CALL(getxattr, name.path, "user.fuzz", to, size); break;
	case 8: CALL(listxattr, name.path, to, size); break;
	case 9: CALL(statfs, name.path, to); break;
	case 10: CALL(readlink, name.path, to, size); break;
	default: CALL(lgetxattr, name.path, one_in(4) ? any_pointer() : "security.selinux", to, size);
	}
	unspell(&name);
}

/* Nobody changes what is ours, nor puts anything in its place, also when it has just gone. */
static inline void step_change(void)
{
	const char *path = CHOICE(OURS);
	char mine[512];
	struct timespec times[2] = {{.tv_nsec = UTIME_NOW}, {.tv_nsec = UTIME_OMIT}};
	long result;
	snprintf(mine, sizeof mine, "%s/file", home);
	switch (below(13)) {
	case 0: result = CALL(unlink, path); break;
	case 1: result = CALL(unlinkat, AT_FDCWD, path, one_in(2) ? AT_REMOVEDIR : 0); break;
	case 2: result = CALL(rename, path, mine); break;
	case 3: result = CALL(renameat2, AT_FDCWD, path, AT_FDCWD, mine, below(8)); break;
	case 4: result = CALL(chmod, path, below(010000)); break;
	case 5: result = CALL(fchmodat, AT_FDCWD, path, 0600); break;
	case 6: result = CALL(chown, path, -1, -1); break;
	case 7: result = CALL(fchownat, AT_FDCWD, path, -1, -1, AT_SYMLINK_NOFOLLOW); break;
	case 8: result = CALL(utimensat, AT_FDCWD, path, times, 0); break;
	case 9: result = CALL(setxattr, path, "user.fuzz", "x", 1, 0); break;
	case 10: result = CALL(removexattr, path, "user.fuzz"); break;
	case 11: result = CALL(rmdir, path); break;
	default: result = CALL(linkat, AT_FDCWD, path, AT_FDCWD, mine, 0);
	}
	if (result >= 0)
		found("a name of ours has been changed: %s", path);
}

/* Directories: there and back again. */
static inline void step_wander(void)
{
	static const char *const places[] = {"/dev", "/sys/class/uio", "/sys/class/i2c-dev/i2c-77", PLATFORM "/uio/uio70/maps",
					     PLATFORM, "/sys/bus/i2c/devices", "/", "/proc/self"};
	static const char *const from[] = {"i2c-77", "uio70", "../uio70", "uio70/maps/map0/size", "name", "..", ".",
					   "device/uevent", "dev/i2c-77"};
	struct slot *slot = some(IS_ENTRY);
	if (one_in(4) && slot)
		CALL(fchdir, slot->fd);
	else
		CALL(chdir, CHOICE(places));
	long result = CALL(getcwd, one_in(4) ? any_pointer() : scratch, one_in(4) ? any_length() : 4096);
	if (result > PATH_MAX)
		found("getcwd says %ld", result);
	for (int i = 0; i < 3; i++) {
		long fd = CALL(openat, AT_FDCWD, CHOICE(from), O_RDONLY | O_NONBLOCK);
		if (fd >= 0)
			close(fd);
		CALL(newfstatat, AT_FDCWD, CHOICE(from), scratch, 0);
	}
	int lost;
	while ((lost = chdir(home)) && errno == EINTR) /* as a signal in any call by name (docs/differences.md) */
		;
	if (lost)
		found("the way home is lost: %s", strerror(errno));
}

/* Links that come and go while others walk by them. */
static inline void step_link(void)
{
	static const char *const paths[] = {I2C, UIO, "/dev/../dev/i2c-77", "/sys/class/uio/uio70", "/proc/self/root/dev/i2c-77"};
	const char *path = CHOICE(paths);
	char link[512];
	snprintf(link, sizeof link, "%s/to-%s", home, strrchr(path, '/') + 1);
	if (one_in(3))
		unlink(link);
	else
		CALL(symlink, path, link);
}

/* Every buffer for listings; what comes is walked as a program would. */
static inline void step_list(void)
{
	static const char *const places[] = {"/dev", "/sys/class/uio", "/sys/class/i2c-dev", "/sys/bus/i2c/devices", PLATFORM,
					     PLATFORM "/uio/uio70", "/sys/dev/char", "/sys/class"};
	long fd = CALL(openat, AT_FDCWD, CHOICE(places), O_RDONLY | O_DIRECTORY), got = 0;
	uint64_t size = one_in(3) ? any_length() & UINT32_MAX : below(512) + 24;
	void *to = one_in(8) ? any_pointer() : scratch;
	if (fd < 0)
		return;
	for (int i = 0; i < 4; i++) {
		if (one_in(4))
			CALL(lseek, fd, one_in(2) ? 0 : (off_t)draw(), one_in(8) ? below(6) : SEEK_SET);
		got = CALL(getdents64, fd, to, size);
		if (got > (long)(size & UINT32_MAX))
			found("getdents64 says %ld, asked for %llu", got, (unsigned long long)size);
		for (long at = 0; to == scratch && at < got;) {
			uint16_t length;
			memcpy(&length, scratch + at + 16, sizeof length);
			if (length < 20 || at + length > got || !memchr(scratch + at + 19, 0, length - 19)) {
				found("a listing has an entry of %u bytes at %ld of %ld", length, at, got);
				break;
			}
			at += length;
		}
	}
	close(fd);
}

#endif
