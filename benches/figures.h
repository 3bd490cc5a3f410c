/* What the clients of benches have in common: clocks, and the line of a kind of call (`xtask/src/bench/serve/said.rs`). */
#ifndef FIGURES_H
#define FIGURES_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* Nanoseconds of a clock. */
static inline uint64_t by(clockid_t clock)
{
	struct timespec time;

	clock_gettime(clock, &time);
	return time.tv_sec * 1000000000ull + time.tv_nsec;
}

static inline uint64_t now(void)
{
	return by(CLOCK_MONOTONIC);
}

static inline int by_size(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* Prints "bench KIND MEDIAN P99" of so many times, which it sorts. */
static inline void tell(const char *kind, uint64_t *times, size_t count)
{
	qsort(times, count, sizeof *times, by_size);
	printf("bench %s %llu %llu\n", kind, (unsigned long long)times[count / 2],
	       (unsigned long long)times[count * 99 / 100]);
	fflush(stdout);
}

#endif
