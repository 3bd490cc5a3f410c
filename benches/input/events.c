/* What an event costs on its way from who sends it to its clients.
 *
 *   events NODE COUNT GAP
 *
 * NODE: a mouse's /dev/input/eventN, or `uinput`: one that this program has the kernel make. COUNT: so many times of each; GAP: µs
 * between two sends, in which who waits goes to sleep.
 *
 * Events are sent by a write to the node, which gives them to all clients as the device's own (`evdev_write` in
 * drivers/input/evdev.c), so that the sender is the same on both sides. A client is an open file. Prints, in nanoseconds:
 *   bench latency MEDIAN P99   from before the write of one movement until a read that slept has returned
 *   bench to-1 MEDIAN P99      a write of 16 movements, and all 32 events read by one client
 *   bench to-10, to-100        the same by so many, one after the other
 *   bench one                  a write of one movement, and a read of it, by the same thread
 *   bench one-beside-10        the same while ten others have the device open and never read
 *   bench one-beside-stopped   the same while a process that slept in a read is stopped
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/uinput.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../tests/clients/give_up.h"
#include "../figures.h"

#define MOVEMENTS 16
#define EVENTS (2 * MOVEMENTS)
#define MOST 100

static const char *node;
static char made[300];
static size_t count, gap;
static uint64_t *times;

static int open_node(int flags)
{
	int fd = open(node, flags | O_CLOEXEC);
	if (fd < 0)
		give_up("%s: %s", node, strerror(errno));
	return fd;
}

static void move(int to, int movements)
{
	struct input_event events[EVENTS] = {0};
	for (int i = 0; i < movements; i++) {
		/* Not twice the same, of which something could make less. */
		events[2 * i] = (struct input_event){.type = EV_REL, .code = i % 2 ? REL_Y : REL_X, .value = 1};
		events[2 * i + 1] = (struct input_event){.type = EV_SYN, .code = SYN_REPORT};
	}
	ssize_t size = 2 * movements * sizeof *events;
	if (write(to, events, size) != size)
		give_up("write: %s", strerror(errno));
}

static void take(int from, int events)
{
	struct input_event room[EVENTS];
	for (int got = 0; got < events;) {
		ssize_t size = read(from, room, sizeof room);
		if (size <= 0)
			give_up("read: %s", size ? strerror(errno) : "nothing");
		for (size_t i = 0; i < size / sizeof *room; i++)
			if (room[i].type == EV_SYN && room[i].code == SYN_DROPPED)
				give_up("events were lost");
		got += size / sizeof *room;
	}
}

/* ---- one that sleeps ---- */

static volatile uint64_t arrived;

static void *sleeper(void *client)
{
	for (size_t i = 0; i < count; i++) {
		take((int)(long)client, 2);
		arrived = now();
	}
	return NULL;
}

static void latency(int sender)
{
	int client = open_node(O_RDONLY);
	pthread_t thread;
	if (pthread_create(&thread, NULL, sleeper, (void *)(long)client))
		give_up("no thread");
	for (size_t i = 0; i < count; i++) {
		usleep(gap);
		uint64_t start = now();
		arrived = 0;
		move(sender, 1);
		while (!arrived)
			usleep(gap / 4);
		times[i] = arrived - start;
	}
	pthread_join(thread, NULL);
	close(client);
	tell("latency", times, count);
}

/* ---- many ---- */

static void to_many(int sender, int many)
{
	int clients[MOST];
	char kind[16];
	size_t rounds = count / many + 10;
	for (int i = 0; i < many; i++)
		clients[i] = open_node(O_RDONLY);
	for (size_t round = 0; round < rounds; round++) {
		uint64_t start = now();
		move(sender, MOVEMENTS);
		for (int i = 0; i < many; i++)
			take(clients[i], EVENTS);
		times[round] = now() - start;
	}
	for (int i = 0; i < many; i++)
		close(clients[i]);
	snprintf(kind, sizeof kind, "to-%d", many);
	tell(kind, times, rounds);
}

/* ---- one beside others ---- */

static void one(const char *kind, int sender)
{
	int client = open_node(O_RDONLY);
	for (size_t i = 0; i < count; i++) {
		uint64_t start = now();
		move(sender, 1);
		take(client, 2);
		times[i] = now() - start;
	}
	close(client);
	tell(kind, times, count);
}

static void one_beside_lazy(int sender)
{
	int others[10];
	for (int i = 0; i < 10; i++)
		others[i] = open_node(O_RDONLY);
	one("one-beside-10", sender);
	for (int i = 0; i < 10; i++)
		close(others[i]);
}

static void one_beside_stopped(int sender)
{
	pid_t other = fork();
	if (other < 0)
		give_up("fork: %s", strerror(errno));
	if (other == 0) {
		int client = open_node(O_RDONLY);
		for (;;)
			take(client, 2);
	}
	usleep(100000);
	kill(other, SIGSTOP);
	usleep(10000);
	one("one-beside-stopped", sender);
	kill(other, SIGKILL);
	waitpid(other, NULL, 0);
}

/* ---- the kernel's own ---- */

static int make_mouse(void)
{
	struct uinput_setup setup = {.id = {.bustype = BUS_USB, .vendor = 0x1209, .product = 2}, .name = "Outlive bench"};
	char name[64], path[200];
	int fd = open("/dev/uinput", O_RDWR | O_CLOEXEC);
	if (fd < 0)
		give_up("/dev/uinput: %s", strerror(errno));
	int failed = ioctl(fd, UI_SET_EVBIT, EV_REL) | ioctl(fd, UI_SET_RELBIT, REL_X) | ioctl(fd, UI_SET_RELBIT, REL_Y) |
		     ioctl(fd, UI_SET_EVBIT, EV_KEY) | ioctl(fd, UI_SET_KEYBIT, BTN_LEFT);
	if (failed || ioctl(fd, UI_DEV_SETUP, &setup) || ioctl(fd, UI_DEV_CREATE) ||
	    ioctl(fd, UI_GET_SYSNAME(sizeof name), name) < 0)
		give_up("uinput: %s", strerror(errno));
	for (int number = 0; number < 32; number++) {
		snprintf(path, sizeof path, "/sys/devices/virtual/input/%s/event%d", name, number);
		if (!access(path, F_OK)) {
			snprintf(made, sizeof made, "/dev/input/event%d", number);
			node = made;
			return fd;
		}
	}
	give_up("%s has no event node: load the module evdev", name);
}

static size_t number(const char *text)
{
	char *end;
	size_t value = strtoul(text, &end, 10);
	if (*end || !value)
		give_up("'%s' is not a number", text);
	return value;
}

int main(int argc, char **argv)
{
	if (argc != 4)
		give_up("usage: events NODE|uinput COUNT GAP");
	node = argv[1];
	count = number(argv[2]);
	gap = number(argv[3]);
	times = calloc(count + 10, sizeof *times);
	if (!times)
		give_up("no memory");
	int mouse = strcmp(node, "uinput") ? -1 : make_mouse();
	int sender = open_node(O_WRONLY);
	latency(sender);
	to_many(sender, 1);
	to_many(sender, 10);
	to_many(sender, MOST);
	one("one", sender);
	one_beside_lazy(sender);
	one_beside_stopped(sender);
	return mouse == -1 ? 0 : ioctl(mouse, UI_DEV_DESTROY) != 0;
}
