/* A card and what it shows, without libdrm: structures and numbers of drm/drm.h and drm/drm_mode.h. */
#ifndef CARD_H
#define CARD_H

#include "expect.h"

#include <fcntl.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

struct card_mode {
	uint32_t clock;
	uint16_t hdisplay, hsync_start, hsync_end, htotal, hskew;
	uint16_t vdisplay, vsync_start, vsync_end, vtotal, vscan;
	uint32_t vrefresh, flags, type;
	char name[32];
};

struct card_resources {
	uint64_t fbs, crtcs, connectors, encoders;
	uint32_t count_fbs, count_crtcs, count_connectors, count_encoders;
	uint32_t min_width, max_width, min_height, max_height;
};

struct card_crtc {
	uint64_t connectors;
	uint32_t count_connectors, crtc, fb, x, y, gamma_size, mode_valid;
	struct card_mode mode;
};

struct card_connector {
	uint64_t encoders, modes, properties, values;
	uint32_t count_modes, count_properties, count_encoders, encoder, connector, type, number, connection;
	uint32_t width, height, subpixel, pad;
};

struct card_fb {
	uint32_t fb, width, height, pitch, bpp, depth, handle;
};

struct card_flip {
	uint32_t crtc, fb, flags, reserved;
	uint64_t data;
};

struct card_dumb {
	uint32_t height, width, bpp, flags, handle, pitch;
	uint64_t size;
};

struct card_map {
	uint32_t handle, pad;
	uint64_t offset;
};

struct card_prime {
	uint32_t handle, flags;
	int32_t fd;
};

struct card_pair {
	uint64_t first, second;
};

struct card_atomic {
	uint32_t flags, count;
	uint64_t objects, counts, properties, values, reserved, data;
};

struct card_lease {
	uint64_t objects;
	uint32_t count, flags, lessee;
	int32_t fd;
};

struct card_properties {
	uint64_t properties, values;
	uint32_t count, object, type;
};

struct card_property {
	uint64_t values, enums;
	uint32_t property, flags;
	char name[32];
	uint32_t count_values, count_enums;
};

struct card_event {
	uint32_t type, length;
	uint64_t data;
	uint32_t seconds, microseconds, sequence, crtc;
};

#define CARD_GEM_CLOSE		_IOW('d', 0x09, uint64_t)
#define CARD_SET_CLIENT_CAP	_IOW('d', 0x0d, struct card_pair)
#define CARD_HANDLE_TO_FD	_IOWR('d', 0x2d, struct card_prime)
#define CARD_FD_TO_HANDLE	_IOWR('d', 0x2e, struct card_prime)
#define CARD_RESOURCES		_IOWR('d', 0xa0, struct card_resources)
#define CARD_GET_CRTC		_IOWR('d', 0xa1, struct card_crtc)
#define CARD_SET_CRTC		_IOWR('d', 0xa2, struct card_crtc)
#define CARD_CONNECTOR		_IOWR('d', 0xa7, struct card_connector)
#define CARD_PROPERTY		_IOWR('d', 0xaa, struct card_property)
#define CARD_ADD_FB		_IOWR('d', 0xae, struct card_fb)
#define CARD_REMOVE_FB		_IOWR('d', 0xaf, uint32_t)
#define CARD_FLIP		_IOWR('d', 0xb0, struct card_flip)
#define CARD_CREATE_DUMB	_IOWR('d', 0xb2, struct card_dumb)
#define CARD_MAP_DUMB		_IOWR('d', 0xb3, struct card_map)
#define CARD_DESTROY_DUMB	_IOWR('d', 0xb4, uint32_t)
#define CARD_PROPERTIES		_IOWR('d', 0xb9, struct card_properties)
#define CARD_ATOMIC		_IOWR('d', 0xbc, struct card_atomic)
#define CARD_CREATE_LEASE	_IOWR('d', 0xc6, struct card_lease)

#define CARD_EVENT_FLIP		2
#define CARD_CONNECTED		1
#define CARD_DISCONNECTED	2
#define CARD_FLIP_EVENT		1
#define CARD_TEST_ONLY		0x100
#define CARD_ALLOW_MODESET	0x400
#define CARD_CRTC_OBJECT	0xcccccccc

#define PAGE 4096

/* A buffer that can be shown. */
struct picture {
	uint32_t handle, fb, width, height, pitch;
	uint64_t size;
	uint32_t *pixels;
};

struct card {
	int fd;
	uint32_t crtc, connector;
	struct card_mode mode;
};

static inline int card_call(int fd, unsigned long number, void *argument)
{
	return failed_with(ioctl(fd, number, argument));
}

/* What there is on its first connector: connected or not, and what it can show. */
static inline int card_look(struct card *card, uint32_t *connection, uint32_t *modes)
{
	static struct card_mode room[64];
	struct card_connector asked = {
		.connector = card->connector, .modes = (uintptr_t)room, .count_modes = 64,
	};
	int error = card_call(card->fd, CARD_CONNECTOR, &asked);

	*connection = asked.connection;
	*modes = asked.count_modes;
	if (!error && asked.count_modes)
		card->mode = room[0];
	return error;
}

static inline struct card card_open(const char *path)
{
	static uint32_t crtcs[32], connectors[32];
	struct card_resources resources = {
		.crtcs = (uintptr_t)crtcs, .connectors = (uintptr_t)connectors,
		.count_crtcs = 32, .count_connectors = 32,
	};
	struct card card = {.fd = open(path, O_RDWR)};
	uint32_t connection, modes;

	if (card.fd < 0)
		give_up("%s: %s", path, strerror(errno));
	if (card_call(card.fd, CARD_RESOURCES, &resources))
		give_up("%s: %s", path, strerror(errno));
	card.crtc = crtcs[0];
	card.connector = connectors[0];
	if (card_look(&card, &connection, &modes))
		give_up("%s: %s", path, strerror(errno));
	return card;
}

static inline int picture_map(const struct card *card, struct picture *picture)
{
	struct card_map map = {.handle = picture->handle};
	int error = card_call(card->fd, CARD_MAP_DUMB, &map);
	void *mapped;

	if (error)
		return error;
	mapped = mmap(NULL, picture->size, PROT_READ | PROT_WRITE, MAP_SHARED, card->fd, map.offset);
	if (mapped == MAP_FAILED)
		return errno;
	picture->pixels = mapped;
	return 0;
}

static inline int picture_make(const struct card *card, uint32_t width, uint32_t height, struct picture *picture)
{
	struct card_dumb dumb = {.height = height, .width = width, .bpp = 32};
	struct card_fb fb = {.width = width, .height = height, .bpp = 32, .depth = 24};
	int error = card_call(card->fd, CARD_CREATE_DUMB, &dumb);

	if (error)
		return error;
	fb.pitch = dumb.pitch;
	fb.handle = dumb.handle;
	error = card_call(card->fd, CARD_ADD_FB, &fb);
	*picture = (struct picture){dumb.handle, fb.fb, width, height, dumb.pitch, dumb.size, NULL};
	return error ? error : picture_map(card, picture);
}

/* Four quarters: red, green, blue, white; a `step` shifts what is where. */
static inline void picture_draw(struct picture *picture, unsigned step)
{
	static const uint32_t colours[4] = {0xff0000, 0x00ff00, 0x0000ff, 0xffffff};
	for (uint32_t y = 0; y < picture->height; y++)
		for (uint32_t x = 0; x < picture->width; x++) {
			unsigned quarter = 2 * (y >= picture->height / 2) + (x >= picture->width / 2);
			picture->pixels[y * (picture->pitch / 4) + x] = colours[(quarter + step) % 4];
		}
}

static inline int card_show(const struct card *card, const struct picture *picture)
{
	uint32_t connector = card->connector;
	struct card_crtc crtc = {
		.connectors = (uintptr_t)&connector, .count_connectors = 1,
		.crtc = card->crtc, .fb = picture->fb, .mode_valid = 1, .mode = card->mode,
	};
	return card_call(card->fd, CARD_SET_CRTC, &crtc);
}

static inline int card_flip(const struct card *card, const struct picture *picture, uint64_t data)
{
	struct card_flip flip = {card->crtc, picture->fb, CARD_FLIP_EVENT, 0, data};
	return card_call(card->fd, CARD_FLIP, &flip);
}

/* The number of a property of an object, by its name. */
static inline uint32_t card_property_of(const struct card *card, uint32_t object, uint32_t type, const char *name)
{
	uint32_t numbers[64];
	uint64_t values[64];
	struct card_properties all = {(uintptr_t)numbers, (uintptr_t)values, 64, object, type};

	if (card_call(card->fd, CARD_PROPERTIES, &all))
		return 0;
	for (uint32_t i = 0; i < all.count && i < 64; i++) {
		struct card_property one = {.property = numbers[i]};
		if (!card_call(card->fd, CARD_PROPERTY, &one) && !strcmp(one.name, name))
			return numbers[i];
	}
	return 0;
}

/* Asks to switch its CRTC off, in one atomic commit. */
static inline int card_commit_off(const struct card *card, uint32_t active, uint32_t flags)
{
	uint32_t object = card->crtc, count = 1;
	uint64_t value = 0;
	struct card_atomic atomic = {
		.flags = flags, .count = 1, .objects = (uintptr_t)&object, .counts = (uintptr_t)&count,
		.properties = (uintptr_t)&active, .values = (uintptr_t)&value,
	};
	return card_call(card->fd, CARD_ATOMIC, &atomic);
}

#endif
