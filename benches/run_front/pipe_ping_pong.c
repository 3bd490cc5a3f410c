/* One byte to another process and one back, over two pipes: two context switches and nothing else. The floor for
 * anything that asks another process by sleeping for it.
 *
 *   pipe_ping_pong CALLS           prints "bench ping-pong MEDIAN P99" in nanoseconds
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static uint64_t now(void)
{
	struct timespec time;
	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1000000000ull + time.tv_nsec;
}

static int by_size(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return (x > y) - (x < y);
}

static void answer(int from, int to)
{
	char byte;
	while (read(from, &byte, 1) == 1)
		if (write(to, &byte, 1) != 1)
			_exit(1);
	_exit(0);
}

static void ask(int to, int from)
{
	char byte = 0;
	if (write(to, &byte, 1) != 1 || read(from, &byte, 1) != 1) {
		perror("ping-pong");
		exit(1);
	}
}

int main(int argc, char **argv)
{
	size_t calls = argc == 2 ? strtoul(argv[1], NULL, 10) : 0;
	uint64_t *times = calls ? calloc(calls, sizeof *times) : NULL;
	int ping[2], pong[2];
	if (!times || pipe(ping) || pipe(pong)) {
		fprintf(stderr, "usage: pipe_ping_pong CALLS\n");
		return 2;
	}
	pid_t child = fork();
	if (child < 0) {
		perror("fork");
		return 1;
	}
	if (child == 0) {
		close(ping[1]);
		close(pong[0]);
		answer(ping[0], pong[1]);
	}
	close(ping[0]);
	close(pong[1]);
	for (size_t i = 0; i < calls / 10; i++)
		ask(ping[1], pong[0]);
	for (size_t i = 0; i < calls; i++) {
		uint64_t start = now();
		ask(ping[1], pong[0]);
		times[i] = now() - start;
	}
	qsort(times, calls, sizeof *times, by_size);
	printf("bench ping-pong %llu %llu\n", (unsigned long long)times[calls / 2],
	       (unsigned long long)times[calls * 99 / 100]);
	close(ping[1]);
	waitpid(child, NULL, 0);
	return 0;
}
