/* A program that draws on a card: it makes buffers, maps them, shows them, and waits for events.
 *
 *   drm show [PATH]      shows a picture of four colours, says "ready", and ends when a line comes
 *   drm loop [ignore]    draws into two buffers and flips between them until a line comes, and a few times more; with `ignore`
 *                        it looks at no error, and does not wait for events that have failed. Says "ready" when it has begun
 *   drm read             says "ready", and sleeps in read for an event that nobody has asked for
 *   drm pulled           what is left after the removal, under the contract quiet: says "ready" with a flip under way that
 *                        a line follows when the card has gone
 *   drm errors           the same under the contracts strict and linux: OUTLIVE_CLIENT_CONTRACT
 *   drm reopened         opens the card again each time when a line has come, and says which connectors are there
 *   drm prime OTHER      gives a buffer to a second card, OTHER
 *   drm masters          who may be the master, and who is who
 *
 * The card is OUTLIVE_CLIENT_DEVICE, or /dev/dri/card0.
 */
#define _GNU_SOURCE
#include "picture.h"
#include "pull.h"

#include <poll.h>
#include <sys/syscall.h>
#include <sys/wait.h>

static const char *card_path(void)
{
	const char *path = getenv("OUTLIVE_CLIENT_DEVICE");
	return path ? path : "/dev/dri/card0";
}

static struct picture whole(const struct card *card)
{
	struct picture picture;
	int error = picture_make(card, card->mode.hdisplay, card->mode.vdisplay, &picture);
	if (error)
		give_up("a buffer: %s", errno_name(error));
	return picture;
}

static int is_told(int wait)
{
	struct pollfd input = {.fd = 0, .events = POLLIN};
	return poll(&input, 1, wait) == 1;
}

/* ---- show ---- */

static int show(void)
{
	struct card card = card_open(card_path());
	struct picture picture = whole(&card);

	picture_draw(&picture, 0);
	expect_errno("a mode is set", card_show(&card, &picture), 0);
	ready();
	until_told();
	return finish();
}

/* ---- loop ---- */

static int loop(int ignores)
{
	struct card card = card_open(card_path());
	struct picture pictures[2] = {whole(&card), whole(&card)};
	struct card_event event;
	unsigned long rounds = 0, events = 0, errors = 0, last = 0;

	errors += card_show(&card, &pictures[0]) != 0;
	while (!last || rounds < last) {
		struct pollfd news = {.fd = card.fd, .events = POLLIN};

		picture_draw(&pictures[rounds % 2], rounds);
		errors += card_flip(&card, &pictures[rounds % 2], rounds) != 0;
		if (ignores)
			usleep(2000);
		/* Of a card that has gone poll says so at once; a read waits for what was promised. */
		if (poll(&news, 1, ignores ? 0 : 1000) == 1 && (!ignores || news.revents & POLLIN))
			events += read(card.fd, &event, sizeof event) == sizeof event && event.type == CARD_EVENT_FLIP;
		if (rounds++ == 3)
			ready();
		if (!last && is_told(0))
			last = rounds + 5;
	}
	printf("note %lu rounds, %lu events, %lu errors\n", rounds, events, errors);
	/* Who ignores errors asks for flips while one is under way. */
	if (!ignores)
		expect_value("no error", errors, 0);
	expect_value("a flip each has its event", ignores || events == rounds, 1);
	return finish();
}

/* ---- read ---- */

static int sleeping_read(void)
{
	struct card card = card_open(card_path());
	struct card_event event;

	ready();
	expect_errno("the read", failed_with(read(card.fd, &event, sizeof event)), ENODEV);
	return finish();
}

/* ---- pulled ---- */

/* Points 6 and 3: what there is stays, and is disconnected. */
static void objects_stay(struct card *card)
{
	struct card_crtc crtc = {.crtc = card->crtc};
	uint32_t connection, modes;

	expect_errno("a connector can be asked", card_look(card, &connection, &modes), 0);
	expect_value("  and is disconnected", connection, CARD_DISCONNECTED);
	expect_value("  without a mode", modes, 0);
	expect_errno("a CRTC can be asked", card_call(card->fd, CARD_GETCRTC, &crtc), 0);
}

/* Point 8. */
static void promised_event_comes(const struct card *card, uint64_t data)
{
	struct card_event event = {0};

	expect_value("the event of the flip before comes", read(card->fd, &event, sizeof event), sizeof event);
	expect_value("  as a flip", event.type, CARD_EVENT_FLIP);
	expect_value("  of that one", event.user_data, data);
}

/* Point 7. */
static void commits_are_accepted(struct card *card, struct picture *other, uint32_t active)
{
	struct card_cap atomic = {3, 1};

	expect_errno("a flip is accepted", card_flip(card, other, 42), 0);
	promised_event_comes(card, 42);
	expect_errno("a mode set is accepted", card_show(card, other), 0);
	expect_errno("atomic can be asked for", card_call(card->fd, CARD_SET_CLIENT_CAP, &atomic), 0);
	expect_errno("a commit is tested", card_commit_off(card, active, CARD_TEST_ONLY | CARD_ALLOW_MODESET), 0);
	expect_errno("  and accepted", card_commit_off(card, active, CARD_ALLOW_MODESET), 0);
	expect_errno("what is wrong is refused as ever", card_commit_off(card, 0xffff, CARD_ALLOW_MODESET), ENOENT);
}

/* Point 13: `before` was mapped and never touched beyond its first page. */
static void memory_stays(struct card *card, struct picture *before)
{
	struct picture late;
	volatile uint32_t *pixels = before->pixels;

	for (uint64_t at = 0; at < before->size / 4; at += PAGE / 4)
		pixels[at] += 1;
	passed("pages that were not touched before are memory");
	expect_errno("it is mapped again", picture_map(card, before), 0);
	before->pixels[before->size / 4 - 1] = 7;
	expect_value("  and both are the same memory", pixels[before->size / 4 - 1], 7);
	expect_errno("a new buffer is made", picture_make(card, 640, 480, &late), 0);
	picture_draw(&late, 0);
	passed("  and is memory");
	expect_errno("its framebuffer goes", card_call(card->fd, CARD_RMFB, &late.fb), 0);
	expect_errno("it goes itself", card_call(card->fd, CARD_DESTROY_DUMB, &late.handle), 0);
}

/* Points 2, 9 and 12. */
static void nothing_new(const struct card *card, int lent)
{
	struct card_lease lease = {.objects = (uintptr_t)&card->crtc, .count = 1};
	struct card_prime import = {.fd = lent};

	expect_errno("a lease is refused", card_call(card->fd, CARD_CREATE_LEASE, &lease), ENODEV);
	expect_errno("an import, too", card_call(card->fd, CARD_FD_TO_HANDLE, &import), ENODEV);
	expect_errno("nothing is opened by the name", failed_with(open(card_path(), O_RDWR)), ENOENT);
}

static void is_a_zombie_to_poll(int fd)
{
	struct pollfd polled = {.fd = fd, .events = POLLIN};
	expect_value("poll returns at once", poll(&polled, 1, 60000), 1);
	expect_value("  with HUP and ERR", polled.revents & (POLLHUP | POLLERR), POLLHUP | POLLERR);
}

/* Point 11: what the file that OUTLIVE_STATUS names says, to who asks. */
static void the_truth_is_told(void)
{
	char text[65536] = "";
	FILE *file = fopen(getenv("OUTLIVE_STATUS") ? getenv("OUTLIVE_STATUS") : "/dev/null", "r");

	if (file && fread(text, 1, sizeof text - 1, file) == 0)
		printf("note no status\n");
	expect_value("whoever asks is told that it has gone", strstr(text, "\"gone\"") != NULL, 1);
	if (file)
		fclose(file);
}

static int lend(const struct card *card, uint32_t handle)
{
	struct card_prime prime = {.handle = handle, .flags = O_RDWR | O_CLOEXEC, .fd = -1};
	int error = card_call(card->fd, CARD_HANDLE_TO_FD, &prime);
	expect_errno("a buffer is lent", error, 0);
	return prime.fd;
}

static int pulled(void)
{
	struct card card = card_open(card_path());
	struct picture shown = whole(&card), other = whole(&card);
	uint32_t active = card_property_of(&card, card.crtc, CARD_CRTC, "ACTIVE");
	int lent = lend(&card, other.handle);
	struct card_event before;

	if (!active) {
		struct card_cap atomic = {3, 1};
		card_call(card.fd, CARD_SET_CLIENT_CAP, &atomic);
		active = card_property_of(&card, card.crtc, CARD_CRTC, "ACTIVE");
	}
	picture_draw(&shown, 0);
	expect_errno("a mode is set", card_show(&card, &shown), 0);
	ready();
	until_told();
	/* From one picture to the next: so that the flip that follows is under way for the whole of one. */
	expect_errno("a flip is asked for", card_flip(&card, &other, 40), 0);
	expect_value("  and is done", read(card.fd, &before, sizeof before), sizeof before);
	/* While it was there: its event comes although it goes before that is read. */
	expect_errno("another is asked for", card_flip(&card, &shown, 41), 0);
	ready();
	until_told();
	is_a_zombie_to_poll(card.fd);
	promised_event_comes(&card, 41);
	objects_stay(&card);
	commits_are_accepted(&card, &other, active);
	memory_stays(&card, &other);
	nothing_new(&card, lent);
	is_a_zombie_to_poll(card.fd);
	the_truth_is_told();
	expect_errno("a framebuffer goes", card_call(card.fd, CARD_RMFB, &shown.fb), 0);
	expect_errno("so does its buffer", card_call(card.fd, CARD_DESTROY_DUMB, &shown.handle), 0);
	picture_draw(&shown, 1);
	passed("  whose mapping stays");
	expect_errno("it is closed", failed_with(close(card.fd)), 0);
	return finish();
}

/* ---- errors ---- */

static int errors(void)
{
	struct card card = card_open(card_path());
	struct picture shown = whole(&card);
	uint32_t connection, modes;
	int strict = !strcmp(getenv("OUTLIVE_CLIENT_CONTRACT"), "strict");
	struct pollfd polled = {.fd = card.fd, .events = POLLIN};

	expect_errno("a mode is set", card_show(&card, &shown), 0);
	ready();
	until_told();
	expect_errno("a flip", card_flip(&card, &shown, 1), ENODEV);
	expect_errno("a mode set", card_show(&card, &shown), ENODEV);
	expect_errno("a connector", card_look(&card, &connection, &modes), ENODEV);
	expect_errno("another mapping", picture_map(&card, &shown), ENODEV);
	expect_errno("RMFB", card_call(card.fd, CARD_RMFB, &shown.fb), strict ? 0 : ENODEV);
	picture_draw(&shown, 1);
	passed("the mapping is memory");
	expect_value("poll", poll(&polled, 1, strict ? 60000 : 0), strict);
	return finish();
}

/* ---- reopened ---- */

static int reopened(void)
{
	struct card old = card_open(card_path());
	uint32_t connection, modes;

	ready();
	until_told();
	for (int round = 0; round < 3; round++) {
		struct card card = card_open(card_path());
		struct picture picture = whole(&card);

		card_look(&card, &connection, &modes);
		expect_value("the new one is connected", connection, CARD_CONNECTED);
		expect_errno("  and shows", card_show(&card, &picture), 0);
		card_look(&old, &connection, &modes);
		expect_value("the old one stays as it is", connection, CARD_DISCONNECTED);
		ready();
		until_told();
	}
	return finish();
}

/* ---- prime ---- */

static int prime(const char *second_path)
{
	struct card card = card_open(card_path()), second = card_open(second_path);
	struct picture picture = whole(&card);
	struct card_prime import = {.fd = lend(&card, picture.handle)}, wrong = {.fd = 0};
	struct card_fb fb = {.width = picture.width, .height = picture.height, .pitch = picture.pitch, .bpp = 32, .depth = 24};
	uint32_t *pixels = mmap(NULL, picture.size, PROT_READ | PROT_WRITE, MAP_SHARED, import.fd, 0);
	struct card_prime reading = {.handle = picture.handle, .flags = 0};
	uint64_t close_it;

	expect_value("what is lent can be mapped", pixels != MAP_FAILED, 1);
	expect_value("it is as large as the buffer", lseek(import.fd, 0, SEEK_END), picture.size);
	expect_value("it is closed on exec", fcntl(import.fd, F_GETFD), FD_CLOEXEC);
	pixels[5] = 0x123456;
	expect_value("  and is that buffer", picture.pixels[5], 0x123456);
	expect_errno("it is lent for reading", card_call(card.fd, CARD_HANDLE_TO_FD, &reading), 0);
	expect_value("  and not closed on exec", fcntl(reading.fd, F_GETFD), 0);
	expect_errno("  and not to be written", failed_with((long)mmap(NULL, PAGE, PROT_WRITE, MAP_SHARED, reading.fd, 0)),
		     EACCES);
	expect_errno("the second card takes it", card_call(second.fd, CARD_FD_TO_HANDLE, &import), 0);
	expect_errno("the first one knows it", card_call(card.fd, CARD_FD_TO_HANDLE, &reading), 0);
	expect_value("  by its number", reading.handle, picture.handle);
	fb.handle = import.handle;
	expect_errno("a framebuffer is made of it", card_call(second.fd, CARD_ADDFB, &fb), 0);
	picture.fb = fb.fb;
	picture_draw(&picture, 0);
	expect_errno("  and shown there", card_show(&second, &picture), 0);
	expect_errno("a file of another kind is none", card_call(second.fd, CARD_FD_TO_HANDLE, &wrong), EINVAL);
	wrong.fd = 1000;
	expect_errno("  nor is what is not there", card_call(second.fd, CARD_FD_TO_HANDLE, &wrong), EBADF);
	ready();
	until_told();
	/* The first card has gone, and what it lent stays (point 12). */
	pixels[6] = 0x654321;
	expect_value("after the removal it is the same memory", picture.pixels[6], 0x654321);
	close_it = import.handle;
	expect_errno("the second card lets go of it", card_call(second.fd, CARD_GEM_CLOSE, &close_it), 0);
	expect_errno("  and takes it again", card_call(second.fd, CARD_FD_TO_HANDLE, &import), 0);
	return finish();
}

/* ---- masters ---- */

/* What a process of somebody else's is told that has the same file. */
static int by_another(int fd, unsigned long number)
{
	pid_t child = fork();
	int status = 0;

	if (child == 0) {
		if (geteuid() == 0 && setuid(65534))
			_exit(255);
		_exit(card_call(fd, number, NULL));
	}
	if (child < 0 || waitpid(child, &status, 0) != child || !WIFEXITED(status))
		give_up("a child");
	return WEXITSTATUS(status);
}

/* What SET_MASTER says once the close of the former master has come to the card, for which close(2) does not wait. */
static int after_a_close(int fd)
{
	int error;

	for (int left = 5000; (error = card_call(fd, CARD_SET_MASTER, NULL)) == EBUSY && left; left--)
		usleep(1000);
	return error;
}

/* drm_master_check_perm of the kernel: who opened the file, and CAP_SYS_ADMIN. */
static int masters(void)
{
	int may = geteuid() == 0, first = open(card_path(), O_RDWR), second = open(card_path(), O_RDWR);
	struct card_client client = {.index = 0};

	ready();
	expect_errno("it asks who it is", card_call(first, CARD_GET_CLIENT, &client), 0);
	expect_value("  its thread", (long long)client.pid, syscall(SYS_gettid));
	expect_value("  which is let in", client.auth, 1);
	expect_errno("a second file", card_call(second, CARD_GET_CLIENT, &client), 0);
	expect_value("  is let in if it is root's", client.auth, may);
	expect_errno("there is a master", card_call(second, CARD_SET_MASTER, NULL), may ? EBUSY : EACCES);
	expect_errno("another process is not it", by_another(first, CARD_SET_MASTER), EACCES);
	expect_errno("  and lets nobody else be it", by_another(first, CARD_DROP_MASTER), EACCES);
	expect_errno("the master lets go", card_call(first, CARD_DROP_MASTER, NULL), 0);
	expect_errno("the second is it, if it is root's", card_call(second, CARD_SET_MASTER, NULL), may ? 0 : EACCES);
	expect_errno("  and lets go", card_call(second, CARD_DROP_MASTER, NULL), may ? 0 : EACCES);
	expect_errno("the first is it again", card_call(first, CARD_SET_MASTER, NULL), 0);
	close(first);
	expect_errno("  until it is closed", after_a_close(second), may ? 0 : EACCES);
	until_told();
	return finish();
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "", *second = argc > 2 ? argv[2] : "";

	if (!strcmp(what, "show"))
		return show();
	if (!strcmp(what, "loop"))
		return loop(!strcmp(second, "ignore"));
	if (!strcmp(what, "read"))
		return sleeping_read();
	if (!strcmp(what, "pulled"))
		return pulled();
	if (!strcmp(what, "errors"))
		return errors();
	if (!strcmp(what, "reopened"))
		return reopened();
	if (!strcmp(what, "prime"))
		return prime(second);
	if (!strcmp(what, "masters"))
		return masters();
	give_up("usage: %s show | loop [ignore] | read | pulled | errors | reopened | prime OTHER | masters", argv[0]);
}
