/* What showing something costs its client.
 *
 *   flips NODE COUNT
 *
 * NODE: a card's /dev/dri/cardN, with a display of 1920x1080. COUNT: so many times of each; frames: a hundredth of that and 5.
 *
 * The mode that is set has a vertical blanking every 100 µs, so that the client is what a flip waits for least. Prints, in
 * nanoseconds:
 *   bench dirty MEDIAN P99     DIRTYFB of one framebuffer
 *   bench test MEDIAN P99      ATOMIC with one plane's framebuffer, TEST_ONLY: all checks, and nothing is shown
 *   bench flip MEDIAN P99      PAGE_FLIP with an event: the call alone
 *   bench commit MEDIAN P99    ATOMIC with one plane's framebuffer, which does not wait, with an event: the call alone
 *   bench cycle MEDIAN P99     from one PAGE_FLIP to the next, with a read of the event between them
 *   bench frame MEDIAN P99     a frame of 1920x1080, drawn into the mapping of a framebuffer that is shown: processor time
 *   bench memory MEDIAN P99    the same, drawn into memory of the client's own
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../../tests/clients/drm.h"
#include "../../tests/clients/give_up.h"
#include "../figures.h"

#define WIDTH 1920
#define HEIGHT 1080
#define FRAME (4ul * WIDTH * HEIGHT)

static int card;
static size_t count;
static uint64_t *times;
/* Two pictures, and what shows them. */
static uint32_t pictures[2], crtc, plane, fb_id;
static unsigned char *shown;

static void ask(const char *what, unsigned long command, void *argument)
{
	if (ioctl(card, command, argument) < 0)
		give_up("%s: %s", what, strerror(errno));
}

/* ---- pictures ---- */

static uint32_t make_picture(unsigned char **mapping)
{
	struct card_dumb dumb = {.width = WIDTH, .height = HEIGHT, .bpp = 32};
	ask("CREATE_DUMB", CARD_CREATE_DUMB, &dumb);
	if (dumb.pitch != 4 * WIDTH)
		give_up("lines of %u bytes", dumb.pitch);
	struct card_fb fb = {
		.width = WIDTH, .height = HEIGHT, .pitch = dumb.pitch, .bpp = 32, .depth = 24, .handle = dumb.handle,
	};
	ask("ADDFB", CARD_ADDFB, &fb);
	struct card_map map = {.handle = dumb.handle};
	ask("MAP_DUMB", CARD_MAP_DUMB, &map);
	*mapping = mmap(NULL, FRAME, PROT_READ | PROT_WRITE, MAP_SHARED, card, map.offset);
	if (*mapping == MAP_FAILED)
		give_up("mmap: %s", strerror(errno));
	return fb.fb;
}

/* The first connector of the first CRTC shows the first picture, as often a second as there can be pictures. */
static void light(void)
{
	uint32_t crtcs[32], connectors[32];
	struct card_resources all = {
		.crtcs = (uintptr_t)crtcs, .connectors = (uintptr_t)connectors, .count_crtcs = 32, .count_connectors = 32,
	};
	ask("GETRESOURCES", CARD_GETRESOURCES, &all);
	crtc = crtcs[0];
	struct card_crtc set = {
		.connectors = (uintptr_t)connectors, .count_connectors = 1, .crtc = crtc, .fb = pictures[0], .mode_valid = 1,
		.mode = {
			.clock = (WIDTH + 3) * (HEIGHT + 3) * 10, .hdisplay = WIDTH, .hsync_start = WIDTH + 1, .hsync_end = WIDTH + 2,
			.htotal = WIDTH + 3, .vdisplay = HEIGHT, .vsync_start = HEIGHT + 1, .vsync_end = HEIGHT + 2,
			.vtotal = HEIGHT + 3, .name = "bench",
		},
	};
	ask("SETCRTC", CARD_SETCRTC, &set);
}

/* The plane that shows it, and the property that says what it shows. */
static void find_plane(void)
{
	for (uint64_t capability = 2; capability <= 3; capability++)
		ask("SET_CLIENT_CAP", CARD_SET_CLIENT_CAP, &(struct card_cap){capability, 1});
	uint32_t planes[64], props[64];
	uint64_t values[64];
	struct card_planes all = {.planes = (uintptr_t)planes, .count = 64};
	ask("GETPLANERESOURCES", CARD_GETPLANERESOURCES, &all);
	for (uint32_t i = 0; i < all.count && !plane; i++) {
		struct card_plane one = {.plane = planes[i]};
		ask("GETPLANE", CARD_GETPLANE, &one);
		if (one.crtc == crtc)
			plane = planes[i];
	}
	struct card_properties its = {
		.props = (uintptr_t)props, .values = (uintptr_t)values, .count = 64, .object = plane, .kind = CARD_PLANE,
	};
	ask("OBJ_GETPROPERTIES", CARD_OBJ_GETPROPERTIES, &its);
	for (uint32_t i = 0; i < its.count && !fb_id; i++) {
		struct card_property property = {.property = props[i]};
		ask("GETPROPERTY", CARD_GETPROPERTY, &property);
		if (!strcmp(property.name, "FB_ID"))
			fb_id = props[i];
	}
	if (!plane || !fb_id)
		give_up("no plane shows the picture");
}

/* ---- calls ---- */

static void read_event(void)
{
	char event[1024];
	if (read(card, event, sizeof event) <= 0)
		give_up("read: %s", strerror(errno));
}

static void dirty(size_t turn)
{
	(void)turn;
	ask("DIRTYFB", CARD_DIRTYFB, &(struct card_dirty){.fb = pictures[0]});
}

static void atomic(size_t turn, uint32_t flags)
{
	uint32_t props = 1;
	uint64_t value = pictures[turn % 2];
	struct card_atomic commit = {
		.flags = flags, .count = 1, .objects = (uintptr_t)&plane, .counts = (uintptr_t)&props,
		.props = (uintptr_t)&fb_id, .values = (uintptr_t)&value,
	};
	ask("ATOMIC", CARD_ATOMIC, &commit);
}

static void test(size_t turn)
{
	atomic(turn, CARD_TEST_ONLY);
}

static void commit(size_t turn)
{
	atomic(turn, CARD_NONBLOCK | CARD_EVENT);
}

static void flip(size_t turn)
{
	ask("PAGE_FLIP", CARD_PAGE_FLIP, &(struct card_flip){.crtc = crtc, .fb = pictures[turn % 2], .flags = CARD_EVENT});
}

/* `events`: the call sends one, which is read outside of the time that is taken. */
static void calls(const char *kind, void (*call)(size_t), int events)
{
	for (size_t i = 0; i < count; i++) {
		uint64_t start = now();
		call(i);
		times[i] = now() - start;
		if (events)
			read_event();
	}
	tell(kind, times, count);
}

static void cycle(void)
{
	for (size_t i = 0; i < count; i++) {
		uint64_t start = now();
		flip(i);
		read_event();
		times[i] = now() - start;
	}
	tell("cycle", times, count);
}

/* ---- frames ---- */

static uint64_t draw(unsigned char *into, const unsigned char *picture)
{
	/* It takes about as long as a thread may run at a stretch, so others' turns are not counted. */
	uint64_t start = by(CLOCK_THREAD_CPUTIME_ID);
	memcpy(into, picture, FRAME);
	return by(CLOCK_THREAD_CPUTIME_ID) - start;
}

static unsigned char *own_memory(void)
{
	unsigned char *memory = mmap(NULL, FRAME, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED)
		give_up("no memory");
	memset(memory, 0x55, FRAME);
	return memory;
}

/* In turn, so that both meet the same moments: what is shown, and memory that nobody else has. */
static void frames(void)
{
	unsigned char *picture = own_memory(), *own = own_memory();
	const size_t many = count / 100 + 5;
	uint64_t *alone = calloc(many, sizeof *alone);
	if (!alone)
		give_up("no memory");
	memcpy(shown, picture, FRAME);
	for (size_t i = 0; i < many; i++) {
		times[i] = draw(shown, picture);
		alone[i] = draw(own, picture);
	}
	tell("frame", times, many);
	times = alone;
	tell("memory", times, many);
}

int main(int argc, char **argv)
{
	unsigned char *other;
	count = argc == 3 ? strtoul(argv[2], NULL, 10) : 0;
	times = count ? calloc(count + 10, sizeof *times) : NULL;
	if (!times)
		give_up("usage: flips NODE COUNT");
	card = open(argv[1], O_RDWR | O_CLOEXEC);
	if (card < 0)
		give_up("%s: %s", argv[1], strerror(errno));
	pictures[0] = make_picture(&shown);
	pictures[1] = make_picture(&other);
	light();
	find_plane();
	calls("dirty", dirty, 0);
	calls("test", test, 0);
	calls("flip", flip, 1);
	calls("commit", commit, 1);
	cycle();
	frames();
	return 0;
}
