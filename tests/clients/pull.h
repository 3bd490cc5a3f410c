/* For programs whose device is pulled in the middle: they say "ready", and go on when they are told that it is gone, by a
 * line on standard input or its end. */
#ifndef PULL_H
#define PULL_H

#include "bus.h"

#include <time.h>

static inline long long milliseconds(void)
{
	struct timespec time;
	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1000ll + time.tv_nsec / 1000000;
}

static inline void ready(void)
{
	printf("ready\n");
	fflush(stdout);
}

static inline void until_told(void)
{
	char line[256];
	if (read(0, line, sizeof line) < 0)
		give_up("standard input: %s", strerror(errno));
}

/* Whether the device is to be pulled: the program's last argument is `alive` or `pulled`. */
static inline int is_pulled(int argc, char **argv)
{
	const char *last = argc > 1 ? argv[argc - 1] : "";
	if (!strcmp(last, "pulled"))
		return 1;
	if (strcmp(last, "alive"))
		give_up("usage: %s ... alive | pulled", argv[0]);
	return 0;
}

/* What a call says that differs between systems, for the test to judge. */
static inline void tell(const char *what, int error)
{
	printf("note %s: %s\n", what, errno_name(error));
	fflush(stdout);
}

#endif
