/* A client that makes calls without a plan: whatever comes to Outlive's run front, in any order, with any argument. The
 * same seed makes the same calls, as far as what it opens answers the same.
 *
 *   fuzz SEED STEPS [FIRST]     two processes do so many steps each, from step FIRST on; a step is one call or a small
 *                               game of several
 *   fuzz inherited ...          what it executes itself as
 *
 * It checks what can be checked of any call: errors that make sense, no more bytes than asked for, no success on a device
 * that has gone, no name of the devices changed, no call that sleeps for ever. It ends by itself, makes files in a
 * directory of its own only, which it removes, and kills its own children only. Who takes the devices away, or kills who
 * has them open, may do so: it goes on.
 *
 * Needs i2c:24c02@0x50,bus=77, i2c:lm75@0x48,bus=77,slow=20ms and uio:timer,num=70,size=8KiB,ram=4KiB,period=5ms.
 * OUTLIVE_CLIENT_OFFLINE says that they may go offline, and say EIO.
 */
#define _GNU_SOURCE
#include "fuzz.h"
#include "fuzz_files.h"
#include "fuzz_names.h"
#include "fuzz_tasks.h"

#include <dirent.h>

#define WORKERS 2

static const struct {
	void (*step)(void);
	int weight;
} STEPS[] = {
	{step_open_plainly, 10}, {step_open, 14}, {step_ask, 12}, {step_change, 4}, {step_wander, 3}, {step_link, 2},
	{step_list, 5}, {step_read, 10}, {step_write, 8}, {step_ioctl, 16}, {step_refuse, 6}, {step_wait, 5}, {step_map, 6},
	{step_number, 10}, {step_pass, 4}, {step_socket, 2}, {step_hear, 6}, {step_storm, 1}, {step_fork, 2}, {step_sleep, 1},
	{step_exec, 1}, {step_race, 1}, {step_spy, 3},
};

static void any_step(void)
{
	int total = 0;
	for (size_t i = 0; i < sizeof STEPS / sizeof *STEPS; i++)
		total += STEPS[i].weight;
	int left = below(total);
	for (size_t i = 0; i < sizeof STEPS / sizeof *STEPS; i++)
		if ((left -= STEPS[i].weight) < 0) {
			STEPS[i].step();
			return;
		}
}

static void some_steps(uint64_t count)
{
	while (count--)
		any_step();
}

/* ---- a worker ---- */

/* The step that each is at: where another goes on if it is killed. */
static atomic_ullong *at_step;

static void work(int worker, uint64_t first, uint64_t steps)
{
	for (uint64_t step = first; step < steps; step++) {
		atomic_store(&at_step[worker], step);
		step_now = step;
		random_from(seed_of_run + worker * 0x51ed270b, step);
		any_step();
	}
	_exit(0);
}

static int inherited(int argc, char **argv)
{
	if (argc < 5)
		give_up("usage: fuzz inherited HOME SEED STEPS FD:KIND:DEAD...");
	snprintf(home, sizeof home, "%s", argv[2]);
	seed_of_run = argument_number(argv[3]);
	depth = DEPTH;
	random_from(seed_of_run, 0);
	for (int i = 5; i < argc && i - 5 < SLOTS; i++) {
		int kind = NONE;
		struct slot *slot = &slots[i - 5];
		if (sscanf(argv[i], "%d:%d:%d", &slot->fd, &kind, &slot->dead) == 3 && fcntl(slot->fd, F_GETFD) >= 0)
			slot->kind = kind;
	}
	some_steps(argument_number(argv[4]));
	return atomic_load(&common->failed) ? 1 : 0;
}

/* ---- the watcher, which has no device open ---- */

static pid_t workers[WORKERS];
static unsigned killed;

static void start(int worker, uint64_t first, uint64_t steps)
{
	if ((workers[worker] = fork()) == 0)
		work(worker, first, steps);
	if (workers[worker] < 0)
		give_up("fork: %s", strerror(errno));
}

/* Whether a thread is there and goes on, rather than being a zombie or stopped. */
static int runs(int thread)
{
	char path[64], line[512], *after;
	snprintf(path, sizeof path, "/proc/%d/stat", thread);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t got = fd < 0 ? 0 : read(fd, line, sizeof line - 1);
	close(fd);
	line[got > 0 ? got : 0] = 0;
	after = strrchr(line, ')');
	return after && !strchr("ZXTt", after[2]);
}

static void watch_calls(void)
{
	for (int i = 0; i < TASKS; i++) {
		struct task *task = &common->tasks[i];
		long long since = atomic_load(&task->since);
		int thread = atomic_load(&task->thread);
		if (!since || now() - since < PATIENCE)
			continue;
		if (runs(thread) && atomic_load(&task->since) == since) {
			step_now = atomic_load(&task->step);
			found("thread %d has been in %s for %d s", thread, task->call, PATIENCE / 1000);
			kill(thread, SIGKILL);
		}
		atomic_store(&task->since, 0);
	}
}

/* Reaps whoever has ended; goes on for a worker that was killed. Whether one is still at work. */
static int look_after(uint64_t steps)
{
	int status, left = 0;
	pid_t ended;
	while ((ended = waitpid(-1, &status, WNOHANG)) > 0)
		for (int i = 0; i < WORKERS; i++) {
			if (ended != workers[i])
				continue;
			workers[i] = 0;
			step_now = atomic_load(&at_step[i]);
			if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)
				killed++, start(i, step_now + 1, steps);
			else if (WIFSIGNALED(status))
				found("worker %d died of signal %d", i, WTERMSIG(status));
			else if (WEXITSTATUS(status))
				found("worker %d gave up (%d)", i, WEXITSTATUS(status));
		}
	for (int i = 0; i < WORKERS; i++)
		left |= workers[i] > 0;
	return left;
}

/* Children of killed workers come to us (PR_SET_CHILD_SUBREAPER): nothing of ours stays. */
static void end_children(void)
{
	char path[64], line[4096];
	int status;
	snprintf(path, sizeof path, "/proc/self/task/%d/children", (int)getpid());
	for (;;) {
		int fd = open(path, O_RDONLY | O_CLOEXEC);
		ssize_t got = fd < 0 ? 0 : read(fd, line, sizeof line - 1);
		close(fd);
		line[got > 0 ? got : 0] = 0;
		for (char *word = strtok(line, " "); word; word = strtok(NULL, " "))
			kill(atoi(word), SIGKILL);
		if (waitpid(-1, &status, 0) < 0 && errno == ECHILD)
			return;
	}
}

/* ---- its directory ---- */

static void make_home(void)
{
	const char *place = getenv("TMPDIR");
	char path[512];
	snprintf(home, sizeof home, "%s/fuzz-XXXXXX", place ? place : "/tmp");
	if (!mkdtemp(home) || chmod(home, 0755) || chdir(home))
		give_up("%s: %s", home, strerror(errno));
	snprintf(path, sizeof path, "%s/root", home);
	if (symlink("/", path))
		give_up("%s: %s", path, strerror(errno));
	snprintf(path, sizeof path, "%s/file", home);
	close(open(path, O_CREAT | O_WRONLY, 0600));
}

static void remove_home(void)
{
	DIR *directory = opendir(home);
	struct dirent *entry;
	while (directory && (entry = readdir(directory)))
		if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, ".."))
			unlinkat(dirfd(directory), entry->d_name, 0);
	if (directory)
		closedir(directory);
	if (rmdir(home))
		found("%s stays: %s", home, strerror(errno));
}

int main(int argc, char **argv)
{
	common = mmap(NULL, sizeof *common, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	at_step = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (common == MAP_FAILED || at_step == MAP_FAILED || readlink("/proc/self/exe", program, sizeof program - 1) < 0)
		give_up("no memory: %s", strerror(errno));
	make_memory();
	find_above();
	signal(SIGPIPE, SIG_IGN);
	if (argc > 1 && !strcmp(argv[1], "inherited"))
		return inherited(argc, argv);
	if (argc < 3)
		give_up("usage: fuzz SEED STEPS [FIRST]");
	seed_of_run = argument_number(argv[1]);
	uint64_t steps = argument_number(argv[2]), first = argc > 3 ? argument_number(argv[3]) : 0;
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	make_home();
	for (int i = 0; i < WORKERS; i++)
		start(i, first, steps);
	while (look_after(steps)) {
		watch_calls();
		usleep(10000);
	}
	end_children();
	remove_home();
	printf("note calls %llu, of which succeeded %llu; workers killed %u\n", (unsigned long long)atomic_load(&common->calls),
	       (unsigned long long)atomic_load(&common->succeeded), killed);
	expect_value("findings", atomic_load(&common->failed), 0);
	expect_value("some calls succeeded", atomic_load(&common->succeeded) > 0, 1);
	return finish();
}
