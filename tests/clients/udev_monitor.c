/* What a program on libudev hears of devices: one line an event.
 *
 *   udev_monitor kernel|udev [subsystem=NAME[/TYPE]] [tag=NAME] [asleep]
 *
 * Says "ready" when it listens. With "asleep" it reads nothing until its standard input ends. Ends with its standard input.
 */
#include "expect.h"
#include <libudev.h>
#include <poll.h>

static void hear(struct udev_monitor *monitor)
{
	struct udev_device *device = udev_monitor_receive_device(monitor);
	if (!device)
		return;
	const char *values[] = {
		udev_device_get_action(device),	   udev_device_get_subsystem(device),
		udev_device_get_devpath(device),   udev_device_get_devnode(device),
		udev_device_get_property_value(device, "OUTLIVE_GENERATION"),
		udev_device_get_property_value(device, "OUTLIVE_STATE"),
		udev_device_get_property_value(device, "DRIVER"),
	};
	printf("event");
	for (size_t i = 0; i < sizeof values / sizeof *values; i++)
		printf(" %s", values[i] ? values[i] : "-");
	printf(" initialized=%d tag=%d\n", udev_device_get_is_initialized(device),
	       udev_device_has_tag(device, "outlive"));
	fflush(stdout);
	udev_device_unref(device);
}

int main(int count, char **words)
{
	struct udev *udev = udev_new();
	struct udev_monitor *monitor = count > 1 ? udev_monitor_new_from_netlink(udev, words[1]) : NULL;
	int asleep = 0;
	if (!monitor)
		give_up("no monitor");
	for (int i = 2; i < count; i++) {
		char *value = strchr(words[i], '='), *type = value ? strchr(value, '/') : NULL;
		if (type)
			*type++ = 0;
		if (strcmp(words[i], "asleep") == 0)
			asleep = 1;
		else if (value && strncmp(words[i], "subsystem", 9) == 0)
			udev_monitor_filter_add_match_subsystem_devtype(monitor, value + 1, type);
		else if (value && strncmp(words[i], "tag", 3) == 0)
			udev_monitor_filter_add_match_tag(monitor, value + 1);
		else
			give_up("what is %s?", words[i]);
	}
	if (udev_monitor_enable_receiving(monitor) < 0)
		give_up("it cannot receive");
	printf("ready\n");
	fflush(stdout);
	struct pollfd watched[] = {{.fd = 0, .events = POLLIN}, {.fd = udev_monitor_get_fd(monitor), .events = POLLIN}};
	for (;;) {
		if (poll(watched, asleep ? 1 : 2, -1) < 0)
			give_up("poll: %s", strerror(errno));
		if (watched[1].revents && !asleep)
			hear(monitor);
		else if (watched[0].revents)
			break;
	}
	udev_monitor_unref(monitor);
	udev_unref(udev);
	return 0;
}
