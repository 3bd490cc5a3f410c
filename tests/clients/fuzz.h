/* What the rooms of fuzz.c stand on: numbers from a seed, memory to be wrong about, descriptors, and a call that is told
 * to the watcher before it is made and judged afterwards.
 */
#ifndef FUZZ_H
#define FUZZ_H

#include "bus.h"

#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#define PAGE 4096
#define SCRATCH (64 * 1024)
/* How long a call may take, in milliseconds: whoever plays with the devices blocks them for less. */
#define PATIENCE 30000

/* The devices; numbers that no real machine has. The chip at 0x50 is a 24c02, the one at 0x48 is slow. */
#define I2C "/dev/i2c-77"
#define UIO "/dev/uio70"
#define EEPROM_AT 0x50
#define SLOW_AT 0x48

/* ---- what all processes of a run share ---- */

struct task {
	atomic_llong since; /* when its call began, in milliseconds; 0: it makes none */
	atomic_int thread;
	atomic_ullong step;
	char call[64];
};
#define TASKS 256

static struct {
	atomic_ullong calls, succeeded, failed;
	struct task tasks[TASKS]; /* of thread TID at TID % TASKS */
} *common;

static uint64_t seed_of_run, step_now;
static char home[256]; /* the directory of this run, the only place where it makes files */
static char program[512];

static inline long long now(void)
{
	struct timespec time;
	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1000ll + time.tv_nsec / 1000000;
}

/* A finding: one line, in one write, whoever else writes. */
__attribute__((format(printf, 1, 2)))
static inline void found(const char *format, ...)
{
	char line[512];
	va_list arguments;
	int length = snprintf(line, sizeof line, "FAIL seed %llu step %llu, process %d: ", (unsigned long long)seed_of_run,
			      (unsigned long long)step_now, (int)getpid());
	va_start(arguments, format);
	length += vsnprintf(line + length, sizeof line - length - 1, format, arguments);
	va_end(arguments);
	if (length > (int)sizeof line - 2)
		length = sizeof line - 2;
	line[length++] = '\n';
	if (write(1, line, length) < 0)
		abort();
	atomic_fetch_add(&common->failed, 1);
}

/* ---- numbers ---- */

/* xorshift64*: each step has numbers of its own, so that what one step draws changes no other. */
static _Thread_local uint64_t random_state = 1;

static inline void random_from(uint64_t seed, uint64_t step)
{
	random_state = (seed * 0x9e3779b97f4a7c15 ^ (step + 1) * 0xbf58476d1ce4e5b9) | 1;
	for (int i = 0; i < 4; i++)
		random_state ^= random_state << 13, random_state ^= random_state >> 7, random_state ^= random_state << 17;
}

static inline uint64_t draw(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state * 0x2545f4914f6cdd1d >> 8;
}

static inline uint64_t below(uint64_t limit)
{
	return limit ? draw() % limit : 0;
}

static inline int one_in(int n)
{
	return below(n) == 0;
}

#define CHOICE(table) ((table)[below(sizeof(table) / sizeof *(table))])

/* ---- memory ---- */

static uint8_t *scratch; /* SCRATCH bytes, then a page that cannot be touched */
static uint8_t *constant; /* a page for reading */

static inline void make_memory(void)
{
	scratch = mmap(NULL, SCRATCH + PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	constant = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (scratch == MAP_FAILED || constant == MAP_FAILED || mprotect(scratch + SCRATCH, PAGE, PROT_NONE))
		give_up("no memory: %s", strerror(errno));
}

/* A pointer into the scratch memory, seldom to its end, or one that is to nothing of ours. */
static inline void *any_pointer(void)
{
	switch (below(16)) {
	case 0: return (void *)below(PAGE);
	case 1: return (void *)(draw() | 1ull << 63);
	case 2: return constant + below(PAGE);
	case 3: return scratch + SCRATCH - below(16);
	case 4: return scratch + SCRATCH + below(PAGE);
	default: return scratch + below(SCRATCH / 2);
	}
}

static inline uint64_t any_length(void)
{
	static const uint64_t odd[] = {0, 1, 2, 3, 4, 4, 8, 32, 33, 4095, 4096, 8191, 8192, 8193, 65535, 65536,
				       INT32_MAX, 0x80000000, UINT32_MAX, INT64_MAX, UINT64_MAX};
	return one_in(2) ? CHOICE(odd) : below(64);
}

/* ---- calls ---- */

/* What Linux says to some call of ours on some file. ENOSYS, EIO, ENOTCONN, ECONNABORTED, ESTALE, ETIMEDOUT and their like
 * are not among them: they would be a part of the front that has gone, or an answer that was forgotten. */
static inline int is_sane(int error)
{
	static const int sane[] = {
		0, EPERM, ENOENT, EINTR, ENXIO, E2BIG, EBADF, ECHILD, EAGAIN, ENOMEM, EACCES, EFAULT, EBUSY, EEXIST,
		EXDEV, ENODEV, ENOTDIR, EISDIR, EINVAL, EMFILE, ENOTTY, EFBIG, ESPIPE, EROFS, ERANGE, ENAMETOOLONG, ELOOP,
		ENODATA, EPROTO, EOVERFLOW, EBADMSG, ENOTSOCK, EMSGSIZE, ENOPROTOOPT, EOPNOTSUPP, ENOBUFS, EREMOTEIO,
		ESRCH, EDESTADDRREQ,
	};
	for (size_t i = 0; i < sizeof sane / sizeof *sane; i++)
		if (error == sane[i])
			return 1;
	return 0;
}

static inline struct task *this_task(void)
{
	return &common->tasks[syscall(SYS_gettid) % TASKS];
}

/* Whether another thread changes what our numbers are. A call that was let through for one file is made on another then:
 * on a uevent socket, or on what stands for a device on the road without FUSE, both of which are sockets. */
static int racing;

static inline int is_of_a_race(int error)
{
	return racing && (error == EPIPE || error == ECONNRESET);
}

/* Whether this process keeps itself from others (PR_SET_DUMPABLE 0), as an ordinary user: nobody can see then which file a
 * number of its is (docs/differences.md). */
static int hidden;

/* Makes a call that may also say `also`. Returns what it returned, or minus its errno. */
static inline long call_or(int also, const char *name, long number, long a, long b, long c, long d, long e, long f)
{
	struct task *task = this_task();
	snprintf(task->call, sizeof task->call, "%s(%lx, %lx, %lx)", name, a, b, c);
	atomic_store(&task->step, step_now);
	atomic_store(&task->thread, syscall(SYS_gettid));
	atomic_store(&task->since, now());
	long result = syscall(number, a, b, c, d, e, f);
	int error = result == -1 ? errno : 0;
	atomic_store(&task->since, 0);
	atomic_fetch_add(&common->calls, 1);
	if (!error) {
		atomic_fetch_add(&common->succeeded, 1);
		return result;
	}
	if (error != also && !is_sane(error) && !is_of_a_race(error))
		found("%s(0x%lx, 0x%lx, 0x%lx, 0x%lx, 0x%lx) says %s", name, a, b, c, d, e, errno_name(error));
	return -error;
}

#define ARGUMENTS(also, name, a, b, c, d, e, f, ...) \
	call_or(also, #name, SYS_##name, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))
#define CALL_OR(also, name, ...) ARGUMENTS(also, name, __VA_ARGS__, 0, 0, 0, 0, 0, 0)
#define CALL(name, ...) CALL_OR(0, name, __VA_ARGS__)

/* EIO, if it can be: what a device says that is offline, and a board without interrupts. */
static inline int offline(void)
{
	return getenv("OUTLIVE_CLIENT_OFFLINE") ? EIO : 0;
}

/* ---- descriptors ---- */

enum kind { NONE, IS_I2C, IS_UIO, IS_ENTRY, IS_UEVENTS, IS_FILE };

struct slot {
	int fd;
	enum kind kind;
	int dead; /* a call on it has said ENODEV: no later one may succeed */
};
#define SLOTS 12
static struct slot slots[SLOTS];

static inline void drop(struct slot *slot)
{
	if (slot->kind != NONE)
		close(slot->fd);
	slot->kind = NONE;
}

/* What closes numbers, or gives them to other files, tells it here. */
static inline void forget(unsigned first, unsigned last)
{
	for (int i = 0; i < SLOTS; i++)
		if (slots[i].kind != NONE && (unsigned)slots[i].fd >= first && (unsigned)slots[i].fd <= last)
			slots[i].kind = NONE;
}

/* Keeps a descriptor that a call gave, in some slot; whatever was there is closed. */
static inline void keep(long fd, enum kind kind, int dead)
{
	struct slot *slot = &slots[below(SLOTS)];
	if (fd < 0)
		return;
	drop(slot);
	*slot = (struct slot){.fd = fd, .kind = kind, .dead = dead};
}

/* Some slot in use of that kind (any: NONE); NULL if there is none. */
static inline struct slot *some(enum kind kind)
{
	uint64_t first = below(SLOTS);
	for (int i = 0; i < SLOTS; i++) {
		struct slot *slot = &slots[(first + i) % SLOTS];
		if (slot->kind != NONE && (kind == NONE || slot->kind == kind))
			return slot;
	}
	return NULL;
}

/* Judges a call on a device: `moved` says whether it moves something, which no device that has gone does. */
static inline void judge(struct slot *slot, const char *what, long result, uint64_t asked, int moved)
{
	if (result == -ENODEV)
		slot->dead = 1;
	else if (moved && result >= 0 && slot->dead && !(hidden && asked == 0))
		found("%s of %llu says %ld on a device that has gone", what, (unsigned long long)asked, result);
	if (result > 0 && (uint64_t)result > asked)
		found("%s says %ld, asked for %llu", what, result, (unsigned long long)asked);
}

#endif
