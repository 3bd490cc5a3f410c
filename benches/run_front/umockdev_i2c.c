/* An I2C bus with one chip on umockdev, as like to ours as its interface allows: 256 bytes of registers, I2C_SLAVE,
 * I2C_FUNCS, I2C_SMBUS byte data, and read of the register that follows.
 *
 *   umockdev-wrapper umockdev_i2c CLIENT [ARGUMENT]...     runs CLIENT on /dev/i2c-7, and exits as it does
 *
 * The interface is that of umockdev.h: a handler is asked for each ioctl, fetches the argument's memory from the client
 * (resolve), changes its copy (update) and completes the call, which sends the memory back.
 */
#include <errno.h>
#include <linux/i2c-dev.h>
#include <linux/i2c.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <umockdev.h>

typedef struct {
	UMockdevIoctlBase parent;
	guint8 registers[256];
	guint8 pointer;
} Bus;

typedef struct {
	UMockdevIoctlBaseClass parent;
} BusClass;

GType bus_get_type(void);
G_DEFINE_TYPE(Bus, bus, UMOCKDEV_TYPE_IOCTL_BASE)

/* `length` bytes of the client's memory, to which `data` points at `offset`. NULL if it has none there. */
static UMockdevIoctlData *fetch(UMockdevIoctlData *data, gsize offset, gsize length)
{
	g_autoptr(GError) error = NULL;
	return umockdev_ioctl_data_resolve(data, offset, length, &error);
}

static int functions(UMockdevIoctlData *argument)
{
	g_autoptr(UMockdevIoctlData) memory = fetch(argument, 0, sizeof(unsigned long));
	unsigned long bits = I2C_FUNC_I2C | I2C_FUNC_SMBUS_EMUL;
	if (!memory)
		return EFAULT;
	umockdev_ioctl_data_update(memory, 0, (guint8 *)&bits, sizeof bits);
	return 0;
}

static int smbus(Bus *bus, UMockdevIoctlData *argument)
{
	g_autoptr(UMockdevIoctlData) memory = fetch(argument, 0, sizeof(struct i2c_smbus_ioctl_data));
	struct i2c_smbus_ioctl_data request;
	if (!memory)
		return EFAULT;
	memcpy(&request, memory->data, sizeof request);
	if (request.size != I2C_SMBUS_BYTE_DATA)
		return EOPNOTSUPP;
	g_autoptr(UMockdevIoctlData) value = fetch(memory, offsetof(struct i2c_smbus_ioctl_data, data), 1);
	if (!value)
		return EFAULT;
	if (request.read_write == I2C_SMBUS_READ)
		umockdev_ioctl_data_update(value, 0, &bus->registers[request.command], 1);
	else
		bus->registers[request.command] = value->data[0];
	bus->pointer = request.command + 1;
	return 0;
}

static gboolean on_ioctl(UMockdevIoctlBase *base, UMockdevIoctlClient *client)
{
	UMockdevIoctlData *argument = umockdev_ioctl_client_get_arg(client);
	int error;
	switch (umockdev_ioctl_client_get_request(client)) {
	case I2C_SLAVE: error = 0; break;
	case I2C_FUNCS: error = functions(argument); break;
	case I2C_SMBUS: error = smbus((Bus *)base, argument); break;
	default: error = ENOTTY;
	}
	umockdev_ioctl_client_complete(client, error ? -1 : 0, error);
	return TRUE;
}

static gboolean on_read(UMockdevIoctlBase *base, UMockdevIoctlClient *client)
{
	Bus *bus = (Bus *)base;
	UMockdevIoctlData *buffer = umockdev_ioctl_client_get_arg(client);
	for (int i = 0; i < buffer->data_len; i++)
		umockdev_ioctl_data_update(buffer, i, &bus->registers[bus->pointer++], 1);
	umockdev_ioctl_client_complete(client, buffer->data_len, 0);
	return TRUE;
}

static void bus_class_init(BusClass *class)
{
	class->parent.handle_ioctl = on_ioctl;
	class->parent.handle_read = on_read;
}

static void bus_init(Bus *bus)
{
	for (int i = 0; i < 256; i++)
		bus->registers[i] = i;
}

typedef struct {
	GMainLoop *loop;
	int status;
} Wait;

static void on_exit_of_client(GPid pid, gint status, gpointer data)
{
	Wait *wait = data;
	(void)pid;
	wait->status = status;
	g_main_loop_quit(wait->loop);
}

static void fail(const char *what, GError *error)
{
	fprintf(stderr, "umockdev_i2c: %s: %s\n", what, error ? error->message : "unknown");
	exit(2);
}

int main(int argc, char **argv)
{
	GError *error = NULL;
	GPid client;
	const char *preload = getenv("LD_PRELOAD");
	if (argc < 2 || !preload || !strstr(preload, "libumockdev-preload")) {
		fprintf(stderr, "usage: umockdev-wrapper umockdev_i2c CLIENT [ARGUMENT]...\n");
		return 2;
	}
	g_autoptr(GObject) testbed = G_OBJECT(umockdev_testbed_new());
	if (!umockdev_testbed_add_from_string(UMOCKDEV_TESTBED(testbed),
					      "P: /devices/i2c-7/i2c-dev/i2c-7\nN: i2c-7\nE: DEVNAME=/dev/i2c-7\n"
					      "E: SUBSYSTEM=i2c-dev\nA: dev=89:7\n", &error))
		fail("no device", error);
	g_autoptr(GObject) bus = g_object_new(bus_get_type(), NULL);
	if (!umockdev_testbed_attach_ioctl(UMOCKDEV_TESTBED(testbed), "/dev/i2c-7", UMOCKDEV_IOCTL_BASE(bus), &error))
		fail("no handler", error);
	if (!g_spawn_async(NULL, argv + 1, NULL, G_SPAWN_DO_NOT_REAP_CHILD | G_SPAWN_CHILD_INHERITS_STDIN, NULL, NULL,
			   &client, &error))
		fail("no client", error);
	Wait wait = {.loop = g_main_loop_new(NULL, FALSE)};
	g_child_watch_add(client, on_exit_of_client, &wait);
	g_main_loop_run(wait.loop);
	g_main_loop_unref(wait.loop);
	return WIFEXITED(wait.status) ? WEXITSTATUS(wait.status) : 128 + WTERMSIG(wait.status);
}
