/*
 * What goes over to a card, /dev/dri/cardN: structures and numbers as in drm/drm.h and drm/drm_mode.h, so that no package
 * has to be there.
 */
#ifndef DRM_H
#define DRM_H

#include <stdint.h>
#include <sys/ioctl.h>

struct card_vblank { uint32_t type, sequence; uint64_t signal, pad; };
struct card_resources {
	uint64_t fbs, crtcs, connectors, encoders;
	uint32_t count_fbs, count_crtcs, count_connectors, count_encoders;
	uint32_t min_width, max_width, min_height, max_height;
};
struct card_mode {
	uint32_t clock;
	uint16_t hdisplay, hsync_start, hsync_end, htotal, hskew, vdisplay, vsync_start, vsync_end, vtotal, vscan;
	uint32_t vrefresh, flags, type;
	char name[32];
};
struct card_crtc {
	uint64_t connectors;
	uint32_t count_connectors, crtc, fb, x, y, gamma_size, mode_valid;
	struct card_mode mode;
};
struct card_connector {
	uint64_t encoders, modes, props, values;
	uint32_t count_modes, count_props, count_encoders, encoder, connector, type, number, connection;
	uint32_t width, height, subpixel, pad;
};
struct card_fb { uint32_t fb, width, height, pitch, bpp, depth, handle; };
struct card_dumb { uint32_t height, width, bpp, flags, handle, pitch; uint64_t size; };
struct card_map { uint32_t handle, pad; uint64_t offset; };
struct card_cap { uint64_t capability, value; };
struct card_flip { uint32_t crtc, fb, flags, reserved; uint64_t user_data; };
struct card_client { int32_t index, auth; uint64_t pid, uid, magic, calls; };
struct card_prime { uint32_t handle, flags; int32_t fd; };
struct card_lease { uint64_t objects; uint32_t count, flags, lessee; int32_t fd; };
struct card_dirty { uint32_t fb, flags, color, count; uint64_t clips; };
struct card_planes { uint64_t planes; uint32_t count, pad; };
struct card_plane { uint32_t plane, crtc, fb, possible_crtcs, gamma_size, count_formats; uint64_t formats; };
struct card_properties { uint64_t props, values; uint32_t count, object, kind, pad; };
struct card_property { uint64_t values, enums; uint32_t property, flags; char name[32]; uint32_t count_values, count_enums; };
struct card_atomic {
	uint32_t flags, count;
	uint64_t objects, counts, props, values, reserved, user_data;
};

/* What read gives. */
struct card_event { uint32_t type, length; uint64_t user_data; uint32_t seconds, microseconds, sequence, crtc; };

#define CARD_CRTC 0xcccccccc
#define CARD_PLANE 0xeeeeeeee
#define CARD_EVENT 0x01
#define CARD_TEST_ONLY 0x0100
#define CARD_NONBLOCK 0x0200
#define CARD_ALLOW_MODESET 0x0400
#define CARD_EVENT_FLIP 2
#define CARD_CONNECTED 1
#define CARD_DISCONNECTED 2

#define CARD_GET_CLIENT _IOWR('d', 0x05, struct card_client)
#define CARD_GEM_CLOSE _IOW('d', 0x09, uint64_t)
#define CARD_SET_MASTER _IO('d', 0x1e)
#define CARD_DROP_MASTER _IO('d', 0x1f)
#define CARD_SET_CLIENT_CAP _IOW('d', 0x0d, struct card_cap)
#define CARD_HANDLE_TO_FD _IOWR('d', 0x2d, struct card_prime)
#define CARD_FD_TO_HANDLE _IOWR('d', 0x2e, struct card_prime)
#define CARD_WAIT_VBLANK _IOWR('d', 0x3a, struct card_vblank)
#define CARD_GETRESOURCES _IOWR('d', 0xa0, struct card_resources)
#define CARD_GETCRTC _IOWR('d', 0xa1, struct card_crtc)
#define CARD_SETCRTC _IOWR('d', 0xa2, struct card_crtc)
#define CARD_GETCONNECTOR _IOWR('d', 0xa7, struct card_connector)
#define CARD_GETPROPERTY _IOWR('d', 0xaa, struct card_property)
#define CARD_ADDFB _IOWR('d', 0xae, struct card_fb)
#define CARD_RMFB _IOWR('d', 0xaf, uint32_t)
#define CARD_PAGE_FLIP _IOWR('d', 0xb0, struct card_flip)
#define CARD_DIRTYFB _IOWR('d', 0xb1, struct card_dirty)
#define CARD_CREATE_DUMB _IOWR('d', 0xb2, struct card_dumb)
#define CARD_MAP_DUMB _IOWR('d', 0xb3, struct card_map)
#define CARD_DESTROY_DUMB _IOWR('d', 0xb4, uint32_t)
#define CARD_GETPLANERESOURCES _IOWR('d', 0xb5, struct card_planes)
#define CARD_GETPLANE _IOWR('d', 0xb6, struct card_plane)
#define CARD_OBJ_GETPROPERTIES _IOWR('d', 0xb9, struct card_properties)
#define CARD_ATOMIC _IOWR('d', 0xbc, struct card_atomic)
#define CARD_CREATE_LEASE _IOWR('d', 0xc6, struct card_lease)

_Static_assert(sizeof(struct card_vblank) == 24 && sizeof(struct card_resources) == 64, "as in the headers");
_Static_assert(sizeof(struct card_mode) == 68 && sizeof(struct card_crtc) == 104, "as in the headers");
_Static_assert(sizeof(struct card_property) == 64 && sizeof(struct card_atomic) == 56, "as in the headers");

#endif
