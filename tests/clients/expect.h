/* Checks for client programs: one line each, and a count for the exit status.
 *
 * A program prints "ok WHAT" or "FAIL WHAT: got ..., expected ..." for each check, "note ..." for what it only tells,
 * and ends with "N ok, N failed". It exits with 0 if nothing failed, 1 if something did, 2 if it could not start (no
 * device, bad arguments).
 */
#ifndef EXPECT_H
#define EXPECT_H

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "give_up.h"

static int checks_ok, checks_failed;

/* What poll says of a zombie to who asked for these bits: HUP and ERR; on the road without FUSE IN and OUT besides. */
static inline int zombie_bits(int asked)
{
	return 0x18 | (getenv("OUTLIVE_CLIENT_PLAIN") ? asked & 0x5 : 0);
}

/* The name of an errno as strerrorname_np gives it; "OK" for 0. */
static inline const char *errno_name(int number)
{
	static _Thread_local char unknown[32];
	static const struct {
		int number;
		const char *name;
	} names[] = {
		{0, "OK"},			{EPERM, "EPERM"},	{ENOENT, "ENOENT"},	{EINTR, "EINTR"},
		{EIO, "EIO"},			{ENXIO, "ENXIO"},	{EBADF, "EBADF"},	{EAGAIN, "EAGAIN"},
		{ENOMEM, "ENOMEM"},		{EACCES, "EACCES"},	{EFAULT, "EFAULT"},	{EBUSY, "EBUSY"},
		{EEXIST, "EEXIST"},		{ENODEV, "ENODEV"},	{ENOTDIR, "ENOTDIR"},	{EINVAL, "EINVAL"},
		{EMFILE, "EMFILE"},		{ENOTTY, "ENOTTY"},	{ENOSPC, "ENOSPC"},	{ESPIPE, "ESPIPE"},
		{EPIPE, "EPIPE"},		{ENOSYS, "ENOSYS"},	{ELOOP, "ELOOP"},	{EPROTO, "EPROTO"},
		{EBADMSG, "EBADMSG"},		{EREMOTEIO, "EREMOTEIO"}, {EOPNOTSUPP, "EOPNOTSUPP"},
		{ENOTCONN, "ENOTCONN"},		{ETIMEDOUT, "ETIMEDOUT"}, {EOVERFLOW, "EOVERFLOW"},
		{ENOBUFS, "ENOBUFS"},		{EMSGSIZE, "EMSGSIZE"},
	};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (names[i].number == number)
			return names[i].name;
	snprintf(unknown, sizeof unknown, "errno %d", number);
	return unknown;
}

/* The errno with that name, -1 if it is none that errno_name knows. */
static inline int errno_number(const char *name)
{
	for (int number = 0; number < 134; number++)
		if (strcmp(errno_name(number), name) == 0)
			return number;
	return -1;
}

/* The errno of a call that says -1 for failure, 0 for a success. To be used on the call itself: errno is read now. */
static inline int failed_with(long result)
{
	return result == -1 ? errno : 0;
}

static inline void passed(const char *what)
{
	checks_ok++;
	printf("ok %s\n", what);
	fflush(stdout);
}

__attribute__((format(printf, 2, 3)))
static inline void failed(const char *what, const char *format, ...)
{
	va_list arguments;
	checks_failed++;
	printf("FAIL %s: ", what);
	va_start(arguments, format);
	vprintf(format, arguments);
	va_end(arguments);
	printf("\n");
	fflush(stdout);
}

static inline int expect_value(const char *what, long long got, long long expected)
{
	if (got == expected)
		passed(what);
	else
		failed(what, "got %lld (0x%llx), expected %lld (0x%llx)", got, got, expected, expected);
	return got == expected;
}

/* `got` and `expected` are errno numbers, 0 for success. */
static inline int expect_errno(const char *what, int got, int expected)
{
	if (got == expected)
		passed(what);
	else
		failed(what, "got %s, expected %s", errno_name(got), errno_name(expected));
	return got == expected;
}

/* The last line and the exit status. No check at all is a failure. */
static inline int finish(void)
{
	printf("%d ok, %d failed\n", checks_ok, checks_failed);
	return checks_failed == 0 && checks_ok > 0 ? 0 : 1;
}

/* A number of the command line: decimal, or hexadecimal with 0x. */
static inline unsigned long argument_number(const char *text)
{
	char *end;
	errno = 0;
	unsigned long number = strtoul(text, &end, 0);
	if (errno || end == text || *end)
		give_up("'%s' is not a number", text);
	return number;
}

#endif
