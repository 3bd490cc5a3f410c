/* How long large calls take that write a file from its beginning to its end, and read it.
 *
 *   sequential FILE BYTES PASSES     FILE: of memory that can be written over, BYTES long (a multiple of 1 MiB)
 *
 * Prints a line a kind of call, in nanoseconds:
 *   bench write-64K MEDIAN P99
 *   bench read-64K MEDIAN P99
 *   bench write-1M MEDIAN P99
 *   bench read-1M MEDIAN P99
 * A call that fails, moves less than it was asked for, or brings other bytes than were written ends the program with 1.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#include "../figures.h"

enum { LARGEST = 1 << 20 };

static uint8_t memory[LARGEST] __attribute__((aligned(4096)));

static void give_up(const char *what)
{
	perror(what);
	exit(1);
}

/* What the first word of a call at `at` is, in a pass that is `pass`. */
static uint64_t mark(size_t at, size_t pass)
{
	return (at + 1) * 0x9e3779b97f4a7c15u + pass;
}

static uint64_t write_one(int fd, size_t at, size_t size, size_t pass)
{
	uint64_t word = mark(at, pass);
	memcpy(memory, &word, sizeof word);
	memcpy(memory + size - sizeof word, &word, sizeof word);
	uint64_t begin = now();
	if (write(fd, memory, size) != (ssize_t)size)
		give_up("write");
	return now() - begin;
}

static uint64_t read_one(int fd, size_t at, size_t size, size_t pass)
{
	uint64_t word = mark(at, pass);
	memset(memory, 0, sizeof word);
	uint64_t begin = now();
	if (read(fd, memory, size) != (ssize_t)size)
		give_up("read");
	uint64_t took = now() - begin;
	if (memcmp(memory, &word, sizeof word) || memcmp(memory + size - sizeof word, &word, sizeof word)) {
		fprintf(stderr, "read: other bytes than were written at %zu\n", at);
		exit(1);
	}
	return took;
}

static void measure(int fd, size_t bytes, size_t passes, size_t size, const char *writing, const char *reading)
{
	size_t calls = bytes / size, count = 0;
	uint64_t *writes = calloc(calls * passes, sizeof *writes), *reads = calloc(calls * passes, sizeof *reads);
	if (!writes || !reads)
		give_up("calloc");
	for (size_t pass = 0; pass < passes; pass++) {
		if (lseek(fd, 0, SEEK_SET))
			give_up("lseek");
		for (size_t call = 0; call < calls; call++)
			writes[count + call] = write_one(fd, call * size, size, pass);
		if (lseek(fd, 0, SEEK_SET))
			give_up("lseek");
		for (size_t call = 0; call < calls; call++)
			reads[count + call] = read_one(fd, call * size, size, pass);
		count += calls;
	}
	tell(writing, writes, count);
	tell(reading, reads, count);
	free(writes);
	free(reads);
}

int main(int argc, char **argv)
{
	size_t bytes = argc == 4 ? strtoul(argv[2], NULL, 10) : 0, passes = argc == 4 ? strtoul(argv[3], NULL, 10) : 0;
	if (!bytes || bytes % LARGEST || !passes) {
		fprintf(stderr, "usage: sequential FILE BYTES PASSES\n");
		return 2;
	}
	int fd = open(argv[1], O_RDWR | O_CLOEXEC);
	if (fd < 0)
		give_up(argv[1]);
	memset(memory, 0x5a, sizeof memory);
	measure(fd, bytes, passes, 64 << 10, "write-64K", "read-64K");
	measure(fd, bytes, passes, 1 << 20, "write-1M", "read-1M");
	return 0;
}
