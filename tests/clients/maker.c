/* Makes an input device by libevdev, looks at it by its own name, and makes another on the same descriptor. */
#include <errno.h>
#include <fcntl.h>
#include <libevdev/libevdev-uinput.h>
#include <linux/uinput.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

static void must(int holds, const char *what)
{
	if (holds)
		return;
	printf("not so: %s (errno %d)\n", what, errno);
	exit(1);
}

static int look(struct libevdev_uinput *made, const char *name)
{
	const char *node = libevdev_uinput_get_devnode(made), *sys = libevdev_uinput_get_syspath(made);
	must(node && sys, "libevdev finds the node");
	must(strncmp(sys, "/sys/devices/virtual/input/input", 32) == 0, "it is below virtual");
	struct stat status;
	must(stat(node, &status) == 0 && S_ISCHR(status.st_mode) && major(status.st_rdev) == 13, "the node is there");
	int fd = open(node, O_RDWR | O_NONBLOCK);
	struct libevdev *seen;
	must(fd >= 0 && libevdev_new_from_fd(fd, &seen) == 0, "it can be opened");
	must(strcmp(libevdev_get_name(seen), name) == 0, "it has its name");
	must(libevdev_get_abs_maximum(seen, ABS_MT_SLOT) == 4 && libevdev_get_num_slots(seen) == 5, "it has slots");
	must(libevdev_get_abs_resolution(seen, ABS_X) == 7, "it has a resolution");
	must(libevdev_uinput_write_event(made, EV_ABS, ABS_X, 9) == 0, "an event can be written");
	must(libevdev_uinput_write_event(made, EV_SYN, SYN_REPORT, 0) == 0, "and its end");
	struct input_event event;
	must(libevdev_next_event(seen, LIBEVDEV_READ_FLAG_NORMAL, &event) == 0, "it comes");
	must(event.type == EV_ABS && event.code == ABS_X && event.value == 9, "as it was written");
	must(libevdev_kernel_set_led_value(seen, LED_NUML, LIBEVDEV_LED_ON) == 0, "its LED can be lit");
	struct pollfd wait = { .fd = libevdev_uinput_get_fd(made), .events = POLLIN };
	must(poll(&wait, 1, 5000) == 1 && wait.revents == POLLIN, "its maker is told");
	must(read(wait.fd, &event, sizeof event) == sizeof event && event.type == EV_LED, "of the LED");
	libevdev_free(seen);
	return fd;
}

int main(void)
{
	struct libevdev *about = libevdev_new();
	struct input_absinfo axis = { .maximum = 99, .resolution = 7 }, slot = { .maximum = 4 };
	libevdev_set_name(about, "by libevdev");
	libevdev_set_phys(about, "here");
	libevdev_enable_event_code(about, EV_ABS, ABS_X, &axis);
	libevdev_enable_event_code(about, EV_ABS, ABS_MT_SLOT, &slot);
	libevdev_enable_event_code(about, EV_ABS, ABS_MT_POSITION_X, &axis);
	libevdev_enable_event_code(about, EV_LED, LED_NUML, NULL);
	libevdev_enable_property(about, INPUT_PROP_DIRECT);
	int fd = open("/dev/uinput", O_RDWR | O_CLOEXEC);
	struct stat status;
	must(fd >= 0 && fstat(fd, &status) == 0 && status.st_rdev == makedev(10, 223), "uinput is 10:223");
	unsigned version = 0;
	must(ioctl(fd, UI_GET_VERSION, &version) == 0 && version == 5, "it is version 5");
	for (int turn = 0; turn < 2; turn++) {
		struct libevdev_uinput *made;
		must(libevdev_uinput_create_from_device(about, fd, &made) == 0, "it can be made");
		int seen = look(made, "by libevdev");
		libevdev_uinput_destroy(made);
		char byte[24];
		while (read(seen, byte, sizeof byte) > 0)
			continue;
		must(errno == ENODEV, "it is gone with its maker's word");
		must(read(fd, byte, sizeof byte) == -1 && errno == ENODEV, "and there is nothing to read of it");
		char name[16];
		must(ioctl(fd, UI_GET_SYSNAME(sizeof name), name) == -1 && errno == ENOENT, "nor has it a name");
	}
	printf("all as it should be\n");
	return 0;
}
