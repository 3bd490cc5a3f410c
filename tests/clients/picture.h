/* A card, and the pictures that it shows. */
#ifndef PICTURE_H
#define PICTURE_H

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "drm.h"
#include "expect.h"

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
	int error = card_call(card->fd, CARD_GETCONNECTOR, &asked);

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
	if (card_call(card.fd, CARD_GETRESOURCES, &resources))
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
	error = card_call(card->fd, CARD_ADDFB, &fb);
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
	return card_call(card->fd, CARD_SETCRTC, &crtc);
}

static inline int card_flip(const struct card *card, const struct picture *picture, uint64_t data)
{
	struct card_flip flip = {card->crtc, picture->fb, CARD_EVENT, 0, data};
	return card_call(card->fd, CARD_PAGE_FLIP, &flip);
}

/* The number of a property of an object, by its name. */
static inline uint32_t card_property_of(const struct card *card, uint32_t object, uint32_t type, const char *name)
{
	uint32_t numbers[64];
	uint64_t values[64];
	struct card_properties all = {(uintptr_t)numbers, (uintptr_t)values, 64, object, type, 0};

	if (card_call(card->fd, CARD_OBJ_GETPROPERTIES, &all))
		return 0;
	for (uint32_t i = 0; i < all.count && i < 64; i++) {
		struct card_property one = {.property = numbers[i]};
		if (!card_call(card->fd, CARD_GETPROPERTY, &one) && !strcmp(one.name, name))
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
		.props = (uintptr_t)&active, .values = (uintptr_t)&value,
	};
	return card_call(card->fd, CARD_ATOMIC, &atomic);
}

#endif
