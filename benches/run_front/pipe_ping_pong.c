/* One byte to another process and one back, over two pipes: two context switches and nothing else. The floor for
 * anything that asks another process by sleeping for it.
 *
 *   pipe_ping_pong CALLS           prints "bench ping-pong MEDIAN P99" in nanoseconds
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../figures.h"

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
	tell("ping-pong", times, calls);
	close(ping[1]);
	waitpid(child, NULL, 0);
	return 0;
}
