/* Fuzz: calls on descriptors of our devices, of what is around them, and of uevent sockets. */
#ifndef FUZZ_FILES_H
#define FUZZ_FILES_H

#include "fuzz.h"

#include <linux/netlink.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/select.h>
#include <sys/stat.h>
#include <sys/uio.h>

/* Vectors without a byte are 0 for any file, which is not asked (vfs_readv in fs/read_write.c); a read of no bytes is not. */
static inline void step_read(void)
{
	struct slot *slot = some(NONE);
	uint64_t length = any_length();
	void *to = any_pointer();
	struct iovec *parts = (void *)(scratch + SCRATCH / 2);
	uint64_t count = one_in(8) ? any_length() : below(5), asked = 0;
	long result;
	int plain = 0;
	if (!slot || slot->kind == IS_UEVENTS)
		return;
	for (int i = 0; i < 5; i++) {
		parts[i] = (struct iovec){.iov_base = any_pointer(), .iov_len = one_in(8) ? any_length() : below(64)};
		asked += (uint64_t)i < count ? parts[i].iov_len : 0;
	}
	switch (below(6)) {
	case 0: result = CALL_OR(offline(), pread64, slot->fd, to, length, one_in(2) ? 0 : draw()), asked = length; break;
	case 1: result = CALL_OR(offline(), readv, slot->fd, parts, count); break;
	case 2: result = CALL_OR(offline(), preadv, slot->fd, parts, count, below(16), 0); break;
	case 3: result = CALL_OR(offline(), preadv2, slot->fd, parts, count, -1, -1, one_in(2) ? below(64) : 0); break;
	default: result = CALL_OR(offline(), read, slot->fd, to, length), asked = length, plain = 1;
	}
	/* What had come to a board before it went stays readable (I18), by a read as it has to be, which then has the last word. */
	if (slot->kind == IS_UIO && result == -ENODEV && !(plain && length == 4))
		return;
	judge(slot, "a read", result, asked, (slot->kind == IS_I2C || slot->kind == IS_UIO) && (plain || asked > 0));
}

static inline void step_write(void)
{
	struct slot *slot = some(one_in(3) ? NONE : IS_I2C);
	uint64_t length = any_length();
	void *from = any_pointer();
	struct iovec *parts = (void *)(scratch + SCRATCH / 2);
	uint64_t count = one_in(8) ? any_length() : below(5), asked = 0;
	long result;
	int plain = 0;
	if (!slot || slot->kind == IS_UEVENTS || slot->kind == IS_FILE)
		return;
	for (int i = 0; i < 5; i++) {
		parts[i] = (struct iovec){.iov_base = any_pointer(), .iov_len = below(64)};
		asked += (uint64_t)i < count ? parts[i].iov_len : 0;
	}
	switch (below(5)) {
	case 0: result = CALL_OR(offline(), pwrite64, slot->fd, from, length, below(16)), asked = length; break;
	case 1: result = CALL_OR(offline(), writev, slot->fd, parts, count); break;
	case 2: result = CALL_OR(offline(), pwritev2, slot->fd, parts, count, -1, -1, one_in(2) ? below(64) : 0); break;
	default: result = CALL_OR(offline(), write, slot->fd, from, length), asked = length, plain = 1;
	}
	if (slot->kind != IS_UIO || result >= 0) /* a board that has gone keeps what had come for reading (I18) */
		judge(slot, "a write", result, asked, slot->kind == IS_I2C && (plain || asked > 0));
}

/* Something that looks like the structures of i2c-dev, more or less. Returns the argument. */
static inline uint64_t i2c_argument(uint32_t number)
{
	struct i2c_rdwr_ioctl_data *rdwr = (void *)scratch;
	struct i2c_smbus_ioctl_data *request = (void *)(scratch + 64);
	struct i2c_msg *messages = (void *)(scratch + 128);
	uint16_t chip = one_in(16) ? SLOW_AT : EEPROM_AT;
	*rdwr = (struct i2c_rdwr_ioctl_data){.msgs = one_in(6) ? any_pointer() : (void *)messages,
					     .nmsgs = one_in(8) ? draw() : below(4)};
	*request = (struct i2c_smbus_ioctl_data){.read_write = one_in(8) ? draw() : below(2), .command = draw(),
						 .size = one_in(8) ? draw() : below(9), .data = any_pointer()};
	for (int i = 0; i < 4; i++)
		messages[i] = (struct i2c_msg){.addr = one_in(6) ? draw() : chip, .flags = one_in(4) ? draw() : below(2),
					       .len = one_in(4) ? draw() : below(64), .buf = any_pointer()};
	if (one_in(8))
		return (uintptr_t)any_pointer();
	if (number == I2C_SLAVE || number == I2C_SLAVE_FORCE)
		return one_in(4) ? below(256) : chip;
	if (number == I2C_SMBUS)
		return (uintptr_t)request;
	return number == I2C_RDWR || number == I2C_FUNCS ? (uintptr_t)rdwr : below(4);
}

/* Numbers that the kernel's file layer answers itself, for any file (fs/ioctl.c), among them some that would change this
 * process or a file system, by the type byte. */
static inline int is_generic(uint32_t number)
{
	uint8_t type = number >> 8;
	return type == 0x00 || type == 'T' || type == 'X' || type == 'f' || type == 0x94 || type == 0x15 || type == 0x89;
}

static inline void step_ioctl(void)
{
	static const uint32_t known[] = {I2C_RETRIES, I2C_TIMEOUT, I2C_SLAVE, I2C_TENBIT, I2C_FUNCS, I2C_SLAVE_FORCE,
					 I2C_RDWR, I2C_RDWR, I2C_RDWR, I2C_PEC, I2C_SMBUS, I2C_SMBUS, I2C_SMBUS};
	struct slot *slot = some(one_in(6) ? NONE : IS_I2C);
	uint32_t number = CHOICE(known);
	if (!slot || slot->kind == IS_FILE)
		return;
	if (one_in(6))
		do
			number = one_in(2) ? 0x0700 | below(256) : draw();
		while (is_generic(number));
	long result = CALL_OR(offline(), ioctl, slot->fd, (uint64_t)number, i2c_argument(number));
	/* I2C_RDWR says how many messages were carried out, the others 0. */
	if (slot->kind == IS_I2C)
		judge(slot, "an ioctl", result, I2C_RDWR_IOCTL_MAX_MSGS, 1);
}

/* What the kernel answers for other files, and refuses for ours; flags; locks that do not wait. */
static inline void step_refuse(void)
{
	struct slot *slot = some(NONE), *other = some(NONE);
	int ends[2];
	if (!slot || !other || slot->kind == IS_FILE || slot->kind == IS_UEVENTS || pipe2(ends, O_NONBLOCK | O_CLOEXEC))
		return;
	switch (below(13)) {
	case 0: CALL(lseek, slot->fd, draw(), below(6)); break;
	case 1: CALL(ftruncate, slot->fd, below(3)); break;
	case 2: CALL(fallocate, slot->fd, 0, 0, 1); break;
	case 3: CALL_OR(offline(), fsync, slot->fd); break;
	case 4: CALL_OR(offline(), sendfile, ends[1], slot->fd, 0, below(64)); break;
	case 5: CALL_OR(offline(), splice, slot->fd, 0, ends[1], 0, below(64), 3); break;
	case 6: CALL_OR(offline(), copy_file_range, slot->fd, 0, ends[1], 0, below(64), 0); break;
	case 7: CALL(flock, slot->fd, LOCK_NB | (1 << below(4))); break;
	case 8: CALL(fcntl, slot->fd, F_SETFL, O_NONBLOCK | (draw() & (O_APPEND | O_ASYNC))); break;
	case 9: CALL(fcntl, slot->fd, F_GETFL); break;
	case 10: CALL(fstat, slot->fd, any_pointer()); break;
	case 11: CALL(fgetxattr, slot->fd, "user.fuzz", scratch, below(64)); break;
	default: CALL(statx, slot->fd, "", AT_EMPTY_PATH | below(0x8000), draw(), any_pointer());
	}
	close(ends[0]);
	close(ends[1]);
}

/* Every way to wait, none for longer than 20 ms, with forged sets. */
static inline void step_wait(void)
{
	struct pollfd files[8];
	struct epoll_event event = {.events = draw()};
	struct timespec time = {.tv_nsec = below(20) * 1000000};
	struct slot *slot = some(NONE);
	fd_set set;
	long result = 0, count = below(8);
	if (!slot)
		return;
	for (int i = 0; i < 8; i++)
		files[i] = (struct pollfd){.fd = one_in(4) ? (int)below(1100) : slots[below(SLOTS)].fd, .events = draw()};
	switch (below(4)) {
	case 0: result = CALL(poll, one_in(8) ? any_pointer() : files, count, below(20)); break;
	case 1: result = CALL(ppoll, files, count, &time, 0, 8); break;
	case 2:
		FD_ZERO(&set);
		if (slot->fd < FD_SETSIZE)
			FD_SET(slot->fd, &set);
		count = 1;
		result = CALL(pselect6, FD_SETSIZE, &set, 0, 0, &time, 0);
		break;
	default: {
		int epoll = epoll_create1(EPOLL_CLOEXEC);
		long added = CALL(epoll_ctl, epoll, EPOLL_CTL_ADD, slot->fd, &event);
		CALL(epoll_ctl, epoll, EPOLL_CTL_MOD, slot->fd, one_in(8) ? any_pointer() : (void *)&event);
		count = 1;
		result = added < 0 ? 0 : CALL(epoll_wait, epoll, scratch, below(4), below(20));
		close(epoll);
	}
	}
	if (result > count)
		found("a call that waits for %ld files says %ld", count, result);
}

/* Maps boards (and what cannot be mapped: of files in /proc EIO says so), uses what it got, and moves it about. */
static inline void step_map(void)
{
	struct slot *slot = some(one_in(6) ? NONE : IS_UIO);
	uint64_t length = one_in(3) ? any_length() & 0xfffff : (1 + below(2)) * PAGE;
	int protection = one_in(2) ? PROT_READ | PROT_WRITE : (int)below(8), flags = one_in(4) ? MAP_PRIVATE : MAP_SHARED;
	off_t offset = one_in(3) ? (off_t)draw() : (off_t)below(2) * PAGE;
	if (!slot || slot->kind == IS_FILE || slot->kind == IS_UEVENTS || hidden)
		return;
	flags |= one_in(4) ? (int)draw() & (MAP_POPULATE | MAP_LOCKED | MAP_NORESERVE | MAP_HUGETLB | MAP_32BIT) : 0;
	long at = CALL_OR(slot->kind == IS_ENTRY ? EIO : 0, mmap, 0, length, protection, flags, slot->fd, offset);
	if (at < 0 && at > -PAGE)
		return;
	if (slot->kind == IS_I2C)
		found("a bus was mapped");
	if (slot->kind == IS_UIO && protection & PROT_READ)
		for (uint64_t i = 0; i + 4 <= length && i < PAGE; i += 512)
			(void)*(volatile uint32_t *)(at + i);
	/* Registers beyond the control and the count of interrupts; what the board makes of them is its own affair. */
	if (slot->kind == IS_UIO && (protection & (PROT_WRITE | PROT_READ)) == (PROT_WRITE | PROT_READ) && length >= PAGE)
		*(volatile uint32_t *)(at + 16) = draw();
	if (one_in(3)) {
		long moved = CALL(mremap, at, length, PAGE, MREMAP_MAYMOVE);
		if (moved > 0)
			at = moved, length = length > PAGE ? PAGE : length;
	}
	if (one_in(3))
		CALL(mprotect, at, PAGE, below(4));
	if (one_in(3))
		CALL(madvise, at, length, one_in(2) ? MADV_DONTNEED : MADV_WILLNEED);
	if (one_in(3))
		CALL(msync, at, length, MS_SYNC);
	munmap((void *)at, length);
}

/* Numbers: copied, moved, replaced, closed in whole ranges; 0 to 2 stay. */
static inline void step_number(void)
{
	struct slot *slot = some(NONE);
	unsigned first = 3 + below(1100), last = first + below(64);
	if (!slot)
		return;
	struct slot was = *slot;
	switch (below(7)) {
	case 0: keep(CALL(dup, was.fd), was.kind, was.dead); break;
	case 1:
	case 2: {
		unsigned to = one_in(2) ? (unsigned)slots[below(SLOTS)].fd : first;
		if (to < 3 || (int)to == was.fd)
			return;
		long fd = CALL(dup3, was.fd, to, one_in(2) ? O_CLOEXEC : 0);
		if (fd >= 0)
			forget(to, to), keep(fd, was.kind, was.dead);
		break;
	}
	case 3: keep(CALL(fcntl, was.fd, one_in(2) ? F_DUPFD : F_DUPFD_CLOEXEC, first), was.kind, was.dead); break;
	case 4:
		if (CALL(close_range, first, last, 0) >= 0)
			forget(first, last);
		break;
	case 5: CALL(close_range, first, last, 4 /* CLOSE_RANGE_CLOEXEC */); break;
	default:
		forget(was.fd, was.fd);
		CALL(close, was.fd);
	}
}

/* A descriptor through a socket, by control messages that are right, or nearly. */
static inline void step_pass(void)
{
	struct slot *slot = some(NONE);
	int ends[2], fd;
	struct iovec part = {.iov_base = "x", .iov_len = 1};
	struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = scratch, .msg_controllen = CMSG_SPACE(4)};
	struct cmsghdr *header = (void *)scratch;
	if (!slot || socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends))
		return;
	struct slot was = *slot;
	memset(scratch, 0, 256);
	*header = (struct cmsghdr){.cmsg_level = SOL_SOCKET, .cmsg_type = one_in(8) ? (int)below(4) : SCM_RIGHTS,
				   .cmsg_len = one_in(4) ? any_length() : CMSG_LEN(4)};
	memcpy(CMSG_DATA(header), one_in(8) ? (void *)"\xff\xff\xff\x7f" : (void *)&was.fd, 4);
	if (one_in(8))
		message.msg_controllen = any_length() & 0xffff;
	CALL_OR(ETOOMANYREFS, sendmsg, ends[0], &message, MSG_DONTWAIT | MSG_NOSIGNAL);
	message.msg_controllen = one_in(6) ? below(32) : 64, message.msg_control = scratch;
	part.iov_base = scratch + 1024;
	memset(scratch, 0, 256);
	long got = CALL(recvmsg, ends[1], &message, MSG_DONTWAIT | (one_in(2) ? MSG_CMSG_CLOEXEC : 0));
	header = got > 0 ? CMSG_FIRSTHDR(&message) : NULL;
	if (header && header->cmsg_type == SCM_RIGHTS && header->cmsg_len == CMSG_LEN(4)) {
		memcpy(&fd, CMSG_DATA(header), 4);
		keep(fd, was.kind, was.dead);
	}
	close(ends[0]);
	close(ends[1]);
}

static inline void step_socket(void)
{
	int type = (one_in(2) ? SOCK_RAW : SOCK_DGRAM) | SOCK_NONBLOCK | (one_in(2) ? SOCK_CLOEXEC : 0);
	struct sockaddr_nl address = {.nl_family = one_in(16) ? draw() : AF_NETLINK, .nl_groups = one_in(8) ? draw() : 1 + below(3)};
	long fd = CALL(socket, AF_NETLINK, type, NETLINK_KOBJECT_UEVENT);
	if (fd >= 0)
		CALL_OR(EADDRINUSE, bind, fd, one_in(8) ? any_pointer() : (void *)&address, one_in(8) ? any_length() : sizeof address);
	keep(fd, IS_UEVENTS, 0);
}

static inline void step_hear(void)
{
	struct slot *slot = some(IS_UEVENTS);
	struct iovec *parts = (void *)(scratch + 4096);
	struct mmsghdr *messages = (void *)(scratch + 8192);
	struct timespec *time = (void *)scratch;
	int flags = MSG_DONTWAIT | (one_in(4) ? MSG_TRUNC : 0) | (one_in(4) ? MSG_PEEK : 0);
	long result = 0;
	if (!slot)
		return;
	*time = (struct timespec){.tv_nsec = 1000000};
	for (int i = 0; i < 4; i++) {
		parts[i] = (struct iovec){.iov_base = any_pointer(), .iov_len = one_in(8) ? any_length() : below(4096)};
		messages[i].msg_hdr = (struct msghdr){
			.msg_name = one_in(2) ? any_pointer() : NULL, .msg_namelen = one_in(4) ? draw() : 12, .msg_iov = parts + i,
			.msg_iovlen = one_in(8) ? any_length() & 0xffff : below(4 - i + 1), .msg_control = any_pointer(),
			.msg_controllen = one_in(4) ? any_length() & 0xffff : below(64)};
	}
	switch (below(9)) {
	case 0: result = CALL(recvfrom, slot->fd, any_pointer(), any_length(), flags, any_pointer(), any_pointer()); break;
	case 1: result = CALL(recvmmsg, slot->fd, messages, one_in(8) ? any_length() : below(5), flags, time); break;
	case 2: result = CALL_OR(EDOM, setsockopt, slot->fd, one_in(2) ? SOL_SOCKET : below(300), below(70), any_pointer(), any_length()); break;
	case 3: result = CALL(getsockopt, slot->fd, one_in(2) ? SOL_SOCKET : below(300), below(70), any_pointer(), any_pointer()); break;
	case 4: result = CALL(getsockname, slot->fd, any_pointer(), any_pointer()); break;
	case 5: result = CALL_OR(ENOTCONN, getpeername, slot->fd, any_pointer(), any_pointer()); break;
	case 6: result = CALL_OR(EPIPE, sendto, slot->fd, scratch, below(64), MSG_DONTWAIT | MSG_NOSIGNAL, 0, 0); break;
	case 7: result = CALL_OR(ECONNREFUSED, connect, slot->fd, any_pointer(), any_length()); break;
	default: result = CALL(recvmsg, slot->fd, one_in(8) ? any_pointer() : messages, flags);
	}
	if (result > INT32_MAX)
		found("a call on a uevent socket says %ld", result);
}

#endif
