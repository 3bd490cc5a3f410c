/*
 * Calls on a card, /dev/dri/cardN.
 *
 * Who waits for a vertical blanking wakes with everybody else who waits for that one, so each call of a file is about
 * another CRTC: the first file of a card, which turns them on, has the lower half of them, the others the upper one.
 */
#ifndef CARD_H
#define CARD_H

#include <string.h>
#include <sys/mman.h>

#include "drm.h"

#define CARD_CRTCS 16
#define CARD_WIDTH 64
#define CARD_HEIGHT 32
/* In kHz: 10000 pictures a second, of lines that are a little longer than what is shown. */
#define CARD_CLOCK ((CARD_WIDTH + 3) * (CARD_HEIGHT + 3) * 10)
#define CARD_FILES 65536

/* Of each file: how many calls it has made, which half is its own, and its picture. */
static unsigned char card_turn[CARD_FILES], card_half[CARD_FILES];
static uint32_t card_picture[CARD_FILES];

static int card_resources(int fd, uint32_t *crtcs, uint32_t *connectors)
{
	struct card_resources all = {
		.crtcs = (uintptr_t)crtcs, .connectors = (uintptr_t)connectors,
		.count_crtcs = CARD_CRTCS, .count_connectors = CARD_CRTCS,
	};

	return ioctl(fd, CARD_GETRESOURCES, &all) < 0 ? -1 : (int)all.count_crtcs;
}

static long card_dumb(int fd)
{
	struct card_dumb dumb = { .width = CARD_WIDTH, .height = CARD_HEIGHT, .bpp = 32 };

	return ioctl(fd, CARD_CREATE_DUMB, &dumb) < 0 ? -1 : (long)dumb.handle;
}

/* Has each CRTC show one picture, in a mode with as many of them a second as there can be; -1 of who is not the master. */
static int card_light(int fd)
{
	uint32_t crtcs[CARD_CRTCS], connectors[CARD_CRTCS];
	int count = card_resources(fd, crtcs, connectors);
	long handle = count < 0 ? -1 : card_dumb(fd);
	struct card_fb fb = {
		.width = CARD_WIDTH, .height = CARD_HEIGHT, .pitch = 4 * CARD_WIDTH, .bpp = 32, .depth = 24, .handle = handle,
	};

	if (handle < 0 || ioctl(fd, CARD_ADDFB, &fb) < 0)
		return -1;
	card_picture[fd % CARD_FILES] = handle;
	for (int i = 0; i < count && i < CARD_CRTCS; i++) {
		struct card_crtc set = {
			.connectors = (uintptr_t)&connectors[i], .count_connectors = 1, .crtc = crtcs[i], .fb = fb.fb,
			.mode_valid = 1,
			.mode = {
				.clock = CARD_CLOCK, .hdisplay = CARD_WIDTH, .hsync_start = CARD_WIDTH + 1, .hsync_end = CARD_WIDTH + 2,
				.htotal = CARD_WIDTH + 3, .vdisplay = CARD_HEIGHT, .vsync_start = CARD_HEIGHT + 1,
				.vsync_end = CARD_HEIGHT + 2, .vtotal = CARD_HEIGHT + 3, .name = "64x32",
			},
		};

		if (ioctl(fd, CARD_SETCRTC, &set) < 0)
			return -1;
	}
	return 0;
}

/* A file has been opened. */
static void card_opened(int fd)
{
	card_turn[fd % CARD_FILES] = 0;
	card_half[fd % CARD_FILES] = card_light(fd) < 0;
}

/* The number of a CRTC that no other call of these files is about. */
static unsigned card_crtc(int fd)
{
	unsigned turn = __atomic_fetch_add(&card_turn[fd % CARD_FILES], 1, __ATOMIC_RELAXED);

	return turn % (CARD_CRTCS / 2) + card_half[fd % CARD_FILES] * (CARD_CRTCS / 2);
}

/* Waits for the next vertical blanking. */
static long card_blank(int fd)
{
	struct card_vblank wait = { .type = 1 | card_crtc(fd) << 1, .sequence = 1 };

	return ioctl(fd, CARD_WAIT_VBLANK, &wait);
}

/* Asks for an event at the next one. */
static long card_queue(int fd)
{
	struct card_vblank event = { .type = 1 | 0x04000000 | card_crtc(fd) << 1, .sequence = 1 };

	return ioctl(fd, CARD_WAIT_VBLANK, &event);
}

static long card_offset(int fd, uint64_t *offset)
{
	struct card_map map = { .handle = card_picture[fd % CARD_FILES] };
	long result = ioctl(fd, CARD_MAP_DUMB, &map);

	*offset = map.offset;
	return result;
}

static long card_map_picture(int fd, size_t length)
{
	uint64_t offset;

	if (card_offset(fd, &offset) < 0)
		return -1;
	return (long)mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED, fd, offset);
}

#endif
