/* A client that sends what no client should. Whatever it sends, it gets an error of its own and nothing else breaks.
 *
 *   hostile wild                   pointers into nowhere in every call: EFAULT
 *   hostile many-messages          I2C_RDWR of 42 messages, 43, 0, and as many as a counter holds
 *   hostile block-255              SMBus blocks longer than 32 bytes, sent and announced by the chip
 *   hostile random SEED N          N ioctls with random numbers and arguments
 *   hostile race N                 N transfers while another thread rewrites their counts, lengths and pointers
 *   hostile mmap                   mappings of the device, private and shared: ENODEV
 *
 * Needs a 24c02; `random` and `race` leave other content in it.
 */
#define _GNU_SOURCE
#include "bus.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/mman.h>

/* What i2c-dev takes in one message (drivers/i2c/i2c-dev.c). */
#define MESSAGE_MAX 8192
#define PAGE 4096

/* Fresh memory of `size` bytes, with a page behind it that cannot be touched. */
static uint8_t *fenced(size_t size)
{
	uint8_t *memory = mmap(NULL, size + PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED || mprotect(memory + size, PAGE, PROT_NONE))
		give_up("no memory: %s", strerror(errno));
	return memory;
}

static void still_works(int fd)
{
	uint8_t value = 0;
	unsigned long functions = 0;
	expect_errno("the device still answers I2C_FUNCS", functionality(fd, &functions), 0);
	expect_errno("  and an SMBus write", write_register(fd, 0x10, 0x5a), 0);
	expect_errno("  and an SMBus read", read_register(fd, 0x10, &value), 0);
	expect_value("  of what was written", value, 0x5a);
}

/* ---- wild ---- */

/* `bytes`: how many bytes there are at `wild` all the same, 0 or 1. */
static void wild_calls(int fd, const char *where, void *wild, int bytes)
{
	char what[128];
	struct i2c_msg message = {.addr = chip_address(), .flags = I2C_M_RD, .len = 4, .buf = wild};
	union i2c_smbus_data *data = wild;

#define WILD(call, result) \
	do { \
		snprintf(what, sizeof what, "%s, pointer %s", call, where); \
		expect_errno(what, result, EFAULT); \
	} while (0)
	WILD("I2C_FUNCS", failed_with(ioctl(fd, I2C_FUNCS, wild)));
	WILD("I2C_SMBUS", failed_with(ioctl(fd, I2C_SMBUS, wild)));
	WILD("I2C_RDWR", failed_with(ioctl(fd, I2C_RDWR, wild)));
	if (bytes == 0) { /* else a file layer may carry out the part that there is, as for any file */
		WILD("read", failed_with(read(fd, wild, 4)));
		WILD("write", failed_with(write(fd, wild, 4)));
	}
	if (!wild)
		return; /* NULL inside a structure is EINVAL: file_calls has that */
	if (bytes == 0)
		WILD("SMBus byte read", smbus(fd, I2C_SMBUS_READ, 0, I2C_SMBUS_BYTE_DATA, data));
	WILD("SMBus word write", smbus(fd, I2C_SMBUS_WRITE, 0, I2C_SMBUS_WORD_DATA, data));
	WILD("SMBus process call", smbus(fd, I2C_SMBUS_WRITE, 0, I2C_SMBUS_PROC_CALL, data));
	WILD("I2C block write", smbus(fd, I2C_SMBUS_WRITE, 0, I2C_SMBUS_I2C_BLOCK_DATA, data));
	WILD("I2C block read", smbus(fd, I2C_SMBUS_READ, 0, I2C_SMBUS_I2C_BLOCK_DATA, data));
	WILD("I2C_RDWR messages", transfer(fd, wild, 1));
	WILD("I2C_RDWR read buffer", transfer(fd, &message, 1));
	message.flags = 0;
	WILD("I2C_RDWR write buffer", transfer(fd, &message, 1));
#undef WILD
}

static int wild(int fd)
{
	uint8_t *memory = fenced(PAGE);
	uint8_t *constant = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	union i2c_smbus_data *read_only = (void *)constant;
	struct i2c_msg message = {.addr = chip_address(), .flags = I2C_M_RD, .len = 4, .buf = constant};

	wild_calls(fd, "0", NULL, 0);
	wild_calls(fd, "1", (void *)1, 0);
	wild_calls(fd, "to a page without access", memory + PAGE, 0);
	wild_calls(fd, "to the last byte before one", memory + PAGE - 1, 1);
	wild_calls(fd, "to the kernel", (void *)0xffff888000000000, 0);
	wild_calls(fd, "to no address at all", (void *)0x8000000000000000, 0);
	wild_calls(fd, "to the last byte of all", (void *)~0ul, 0);
	expect_errno("I2C_FUNCS into a constant", failed_with(ioctl(fd, I2C_FUNCS, constant)), EFAULT);
	expect_errno("SMBus read into a constant", smbus(fd, I2C_SMBUS_READ, 0, I2C_SMBUS_BYTE_DATA, read_only), EFAULT);
	expect_errno("I2C_RDWR read into a constant", transfer(fd, &message, 1), EFAULT);
	expect_errno("read into a constant", failed_with(read(fd, constant, 4)), EFAULT);
	still_works(fd);
	return finish();
}

/* ---- many-messages ---- */

static int many_messages(int fd)
{
	static struct i2c_msg messages[64];
	static uint8_t bytes[64];
	for (int i = 0; i < 64; i++)
		messages[i] = (struct i2c_msg){.addr = chip_address(), .flags = I2C_M_RD, .len = 1, .buf = &bytes[i]};

	expect_errno("42 messages", transfer(fd, messages, 42), 0);
	expect_errno("43 messages", transfer(fd, messages, 43), EINVAL);
	expect_errno("64 messages", transfer(fd, messages, 64), EINVAL);
	expect_errno("no message", transfer(fd, messages, 0), EINVAL);
	expect_errno("4294967295 messages", transfer(fd, messages, UINT32_MAX), EINVAL);
	expect_errno("43 messages that are no memory", transfer(fd, (struct i2c_msg *)1, 43), EINVAL);
	messages[41].len = MESSAGE_MAX + 1;
	expect_errno("42 messages, the last too long", transfer(fd, messages, 42), EINVAL);
	messages[41].len = 1;
	messages[41].addr = 0x33;
	expect_errno("42 messages, the last to nobody", transfer(fd, messages, 42), ENXIO);
	still_works(fd);
	return finish();
}

/* ---- block-255 ---- */

static int block_write(int fd, uint32_t size, uint8_t length)
{
	union i2c_smbus_data data;
	memset(&data, 0x11, sizeof data);
	data.block[0] = length;
	return smbus(fd, I2C_SMBUS_WRITE, 0x20, size, &data);
}

static int block_read(int fd, uint32_t size, union i2c_smbus_data *data, uint8_t length)
{
	data->block[0] = length;
	return smbus(fd, I2C_SMBUS_READ, 0x40, size, data);
}

static int block_255(int fd)
{
	union i2c_smbus_data *data = (void *)(fenced(PAGE) + PAGE - sizeof *data);
	uint8_t *memory = fenced(MESSAGE_MAX);
	struct i2c_msg message = {.addr = chip_address(), .flags = I2C_M_RD | I2C_M_RECV_LEN, .len = 255, .buf = memory};

	for (int length = 33; length <= 255; length += 222) {
		printf("note length %d\n", length);
		expect_errno("SMBus block write", block_write(fd, I2C_SMBUS_BLOCK_DATA, length), EINVAL);
		expect_errno("I2C block write", block_write(fd, I2C_SMBUS_I2C_BLOCK_DATA, length), EINVAL);
		expect_errno("old I2C block write", block_write(fd, I2C_SMBUS_I2C_BLOCK_BROKEN, length), EINVAL);
		expect_errno("block process call", block_write(fd, I2C_SMBUS_BLOCK_PROC_CALL, length), EINVAL);
		expect_errno("I2C block read", block_read(fd, I2C_SMBUS_I2C_BLOCK_DATA, data, length), EINVAL);
		expect_errno("write of what the chip will announce", write_register(fd, 0x40, length), 0);
		expect_errno("SMBus block read of what it announces", block_read(fd, I2C_SMBUS_BLOCK_DATA, data, 0), EPROTO);
	}
	expect_errno("old I2C block read has a length of its own", block_read(fd, I2C_SMBUS_I2C_BLOCK_BROKEN, data, 255), 0);
	expect_value("  which is 32", data->block[0], 32);
	expect_errno("write of an announcement of 0", write_register(fd, 0x40, 0), 0);
	expect_errno("SMBus block read of it", block_read(fd, I2C_SMBUS_BLOCK_DATA, data, 0), EPROTO);
	/* i2c-dev wants room for a block of 32 besides what buf[0] asks for. */
	memory[0] = 0;
	expect_errno("I2C_M_RECV_LEN that asks for 0", transfer(fd, &message, 1), EINVAL);
	memory[0] = 255;
	expect_errno("I2C_M_RECV_LEN without room for the block", transfer(fd, &message, 1), EINVAL);
	still_works(fd);
	return finish();
}

/* ---- random ---- */

/* Numbers that the kernel's file layer answers itself, for any file, before the device is asked (fs/ioctl.c): by the
 * type byte. Among them are ones that would change this process or freeze a file system. */
static int is_generic(uint32_t number)
{
	uint8_t type = number >> 8;
	return type == 0x00 || type == 'T' || type == 'X' || type == 'f' || type == 0x94 || type == 0x15;
}

static int is_i2c(uint32_t number)
{
	return (number >= I2C_RETRIES && number <= I2C_PEC) || number == I2C_SMBUS;
}

/* Numbers of other classes are ENOTTY. One that says of itself that it carries an argument of that size may be EFAULT: a
 * FUSE file's argument is copied before anybody looks at the number (fs/fuse/ioctl.c). */
static int is_refused(uint32_t number, int error)
{
	return error == ENOTTY || (error == EFAULT && _IOC_DIR(number) & _IOC_WRITE && _IOC_SIZE(number) > 0);
}

/* What an I2C ioctl may say to nonsense. EIO is not among them: that would be an answer that was forgotten. */
static int is_sensible(int error)
{
	static const int sensible[] = {0, EINVAL, EFAULT, ENXIO, EREMOTEIO, EOPNOTSUPP, EBUSY, EPROTO, EBADMSG};
	for (size_t i = 0; i < sizeof sensible / sizeof *sensible; i++)
		if (error == sensible[i])
			return 1;
	return 0;
}

/* xorshift64: the same seed, the same calls. */
static uint64_t random_state;

static uint64_t random_number(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state;
}

#define SCRATCH (64 * 1024)
static uint8_t *scratch;

/* A pointer into the scratch memory, or one that certainly is to nothing of ours. */
static uint64_t random_pointer(void)
{
	switch (random_number() % 8) {
	case 0: return random_number() % PAGE;
	case 1: return random_number() | 1ull << 63;
	default: return (uintptr_t)scratch + random_number() % SCRATCH;
	}
}

/* Fills the scratch memory with something that looks like the structures of the class, more or less. */
static void random_structures(void)
{
	struct i2c_rdwr_ioctl_data *rdwr = (void *)scratch;
	struct i2c_smbus_ioctl_data *request = (void *)(scratch + 64);
	struct i2c_msg *messages = (void *)(scratch + 128);

	rdwr->msgs = random_number() % 4 ? messages : (void *)random_pointer();
	rdwr->nmsgs = random_number() % 8 ? random_number() % 4 : random_number();
	request->read_write = random_number() % 8 ? random_number() % 2 : random_number();
	request->command = random_number();
	request->size = random_number() % 8 ? random_number() % 9 : random_number();
	request->data = (void *)random_pointer();
	for (int i = 0; i < 4; i++) {
		messages[i].addr = random_number() % 4 ? chip_address() : random_number();
		messages[i].flags = random_number() % 4 ? random_number() & I2C_M_RD : random_number();
		messages[i].len = random_number() % 4 ? random_number() % 64 : random_number();
		messages[i].buf = (void *)random_pointer();
	}
}

static uint64_t random_argument(void)
{
	switch (random_number() % 8) {
	case 0: return random_number() % 256;
	case 1: return random_pointer();
	case 2: return chip_address();
	case 3:
	case 4: return (uintptr_t)scratch;
	default: return (uintptr_t)scratch + 64;
	}
}

static uint32_t random_request(void)
{
	static const uint32_t known[] = {I2C_RETRIES, I2C_TIMEOUT, I2C_SLAVE, I2C_TENBIT, I2C_FUNCS, I2C_SLAVE_FORCE,
					 I2C_RDWR, I2C_RDWR, I2C_PEC, I2C_SMBUS, I2C_SMBUS, I2C_SMBUS};
	uint32_t number;
	if (random_number() % 2)
		return known[random_number() % (sizeof known / sizeof *known)];
	do
		number = random_number() % 2 ? 0x0700 | random_number() % 256 : random_number();
	while (is_generic(number));
	return number;
}

static int random_calls(int fd, uint64_t seed, uint64_t count)
{
	static uint64_t seen[256];
	uint64_t wrong = 0;
	scratch = fenced(SCRATCH);
	random_state = seed * 0x9e3779b97f4a7c15 | 1;
	for (uint64_t i = 0; i < count; i++) {
		uint32_t number = random_request();
		random_structures();
		uint64_t argument = random_argument();
		int error = failed_with(ioctl(fd, (unsigned long)number, argument));
		seen[error < 256 ? error : 255]++;
		if (is_i2c(number) ? is_sensible(error) : is_refused(number, error))
			continue;
		if (wrong++ < 20)
			printf("note call %llu: ioctl 0x%x argument 0x%llx: %s\n", (unsigned long long)i, number,
			       (unsigned long long)argument, errno_name(error));
	}
	for (int error = 0; error < 256; error++)
		if (seen[error])
			printf("note %llu times %s\n", (unsigned long long)seen[error], errno_name(error));
	expect_value("calls with an answer that makes no sense", wrong, 0);
	if (count >= 1000)
		expect_value("some calls succeeded", seen[0] > 0, 1);
	expect_errno("I2C_TENBIT off", failed_with(ioctl(fd, I2C_TENBIT, 0ul)), 0);
	expect_errno("I2C_PEC off", failed_with(ioctl(fd, I2C_PEC, 0ul)), 0);
	expect_errno("I2C_SLAVE", select_chip(fd, chip_address()), 0);
	still_works(fd);
	return finish();
}

/* ---- race ---- */

/* Everything that the flipping thread rewrites, and behind each buffer a canary for what must never be written. */
static struct {
	struct i2c_rdwr_ioctl_data request;
	struct i2c_msg messages[64];
	atomic_int stop;
	uint8_t *buffer; /* MESSAGE_MAX bytes, then CANARY bytes of 0xc5 */
} shared;
#define CANARY (64 * 1024)

static void *flip(void *unused)
{
	static const uint32_t counts[] = {1, 42, 43, UINT32_MAX, 2};
	static const uint16_t lengths[] = {1, MESSAGE_MAX, MESSAGE_MAX + 1, UINT16_MAX, 4};
	volatile struct i2c_rdwr_ioctl_data *request = &shared.request;
	for (uint64_t i = 0; !atomic_load_explicit(&shared.stop, memory_order_relaxed); i++) {
		volatile struct i2c_msg *message = &shared.messages[i % 3];
		request->nmsgs = counts[i % 5];
		message->len = lengths[i / 3 % 5];
		message->flags = i / 5 % 2 ? I2C_M_RD : I2C_M_RD | I2C_M_RECV_LEN;
		message->buf = i / 7 % 16 ? shared.buffer : (uint8_t *)1;
	}
	return unused;
}

static int race(int fd, uint64_t count)
{
	static uint64_t seen[256];
	uint64_t wrong = 0, overrun = 0;
	pthread_t flipper;
	shared.buffer = fenced(MESSAGE_MAX + CANARY);
	memset(shared.buffer + MESSAGE_MAX, 0xc5, CANARY);
	shared.request.msgs = shared.messages;
	for (int i = 0; i < 64; i++)
		shared.messages[i] = (struct i2c_msg){
			.addr = chip_address(), .flags = I2C_M_RD, .len = 4, .buf = shared.buffer};
	shared.request.nmsgs = 1;
	if (pthread_create(&flipper, NULL, flip, NULL))
		give_up("no thread");
	for (uint64_t i = 0; i < count; i++) {
		int error = failed_with(ioctl(fd, I2C_RDWR, &shared.request));
		seen[error < 256 ? error : 255]++;
		wrong += !is_sensible(error);
	}
	atomic_store(&shared.stop, 1);
	pthread_join(flipper, NULL);
	for (int error = 0; error < 256; error++)
		if (seen[error])
			printf("note %llu times %s\n", (unsigned long long)seen[error], errno_name(error));
	for (int i = 0; i < CANARY; i++)
		overrun += shared.buffer[MESSAGE_MAX + i] != 0xc5;
	expect_value("transfers with an answer that makes no sense", wrong, 0);
	expect_value("bytes written beyond a buffer", overrun, 0);
	still_works(fd);
	return finish();
}

/* ---- mmap ---- */

static int map_with(int fd, int protection, int flags)
{
	return mmap(NULL, PAGE, protection, flags, fd, 0) == MAP_FAILED ? errno : 0;
}

static int mappings(int fd)
{
	expect_errno("private mapping", map_with(fd, PROT_READ, MAP_PRIVATE), ENODEV);
	expect_errno("private writable mapping", map_with(fd, PROT_READ | PROT_WRITE, MAP_PRIVATE), ENODEV);
	expect_errno("shared mapping", map_with(fd, PROT_READ, MAP_SHARED), ENODEV);
	expect_errno("shared writable mapping", map_with(fd, PROT_READ | PROT_WRITE, MAP_SHARED), ENODEV);
	still_works(fd);
	return finish();
}

int main(int argc, char **argv)
{
	const char *mode = argc > 1 ? argv[1] : "";
	int fd;

	if (!(argc == 2 && (!strcmp(mode, "wild") || !strcmp(mode, "many-messages") || !strcmp(mode, "block-255") ||
			    !strcmp(mode, "mmap"))) &&
	    !(argc == 3 && !strcmp(mode, "race")) && !(argc == 4 && !strcmp(mode, "random")))
		give_up("usage: hostile wild|many-messages|block-255|mmap|random SEED N|race N");
	fd = open_device(O_RDWR);
	int error = select_chip(fd, chip_address());
	if (error)
		give_up("I2C_SLAVE 0x%x: %s", chip_address(), errno_name(error));
	if (!strcmp(mode, "wild"))
		return wild(fd);
	if (!strcmp(mode, "many-messages"))
		return many_messages(fd);
	if (!strcmp(mode, "block-255"))
		return block_255(fd);
	if (!strcmp(mode, "random"))
		return random_calls(fd, argument_number(argv[2]), argument_number(argv[3]));
	if (!strcmp(mode, "race"))
		return race(fd, argument_number(argv[2]));
	return mappings(fd);
}
