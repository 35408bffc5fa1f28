// SPDX-License-Identifier: GPL-2.0-only
/* What the command tells of objects while they change: watch, trace, and show of holders. */
#include "command.h"

#include <poll.h>

#define TRACING "/tmp/shstate-tracing"
static const char *const users[] = {
	TRACING "/instances/lib_watch_1", TRACING "/instances/lib_watch_2"
};

FIXTURE(lib_watch) {
	struct shs_pipe ready, go;
};

FIXTURE_SETUP(lib_watch)
{
	SHS_MOUNT("");
	unsetenv("SHSTATE_DIR");
	self->ready = shs_pipe();
	self->go = shs_pipe();
}

FIXTURE_TEARDOWN(lib_watch)
{
	for (int i = 0; i < ARRAY_SIZE(users); i++)
		rmdir(users[i]);
}

/* A command that goes on: its output is read as it comes. */
struct running {
	pid_t pid;
	int output;
	size_t size;
};

static struct running start(const char *line)
{
	struct running running = { };
	char copy[256], *rest = copy, *words[32] = { "shstate" };
	int output[2], count = 1;

	snprintf(copy, sizeof(copy), "%s", line);
	while (count < ARRAY_SIZE(words) - 1 && (words[count] = strsep(&rest, " ")))
		count++;
	if (pipe(output))
		abort();
	running.pid = shs_fork();
	if (!running.pid) {
		dup2(output[1], 1);
		dup2(output[1], 2);
		close(output[0]);
		execv("/bin/shstate", words);
		_exit(99);
	}
	close(output[1]);
	running.output = output[0];
	said[0] = 0;
	return running;
}

/* Nothing in that time, or before a signal; it has ended; it said something. */
enum heard { NOTHING, ENDED, SOMETHING };

static enum heard hear_more(struct running *running, int milliseconds)
{
	struct pollfd output = { .fd = running->output, .events = POLLIN };
	ssize_t got;

	if (poll(&output, 1, milliseconds) <= 0)
		return NOTHING;
	got = read(running->output, said + running->size, sizeof(said) - 1 - running->size);
	if (got <= 0)
		return ENDED;
	running->size += got;
	said[running->size] = 0;
	return SOMETHING;
}

/* Until it has said that, or has ended. */
static bool hear(struct running *running, const char *text)
{
	while (!strstr(said, text))
		if (hear_more(running, -1) == ENDED)
			return false;
	return true;
}

static int finish(struct running *running)
{
	hear(running, "never said");
	close(running->output);
	return shs_reap(running->pid);
}

#define EXPECT_HEAR(running, text) EXPECT_TRUE(hear(running, text)) TH_LOG("'%s' in: %s", text, said)

static struct shs_object *open_or_die(const char *name)
{
	struct shs_object *object;

	if (shs_object_open(name, 0, &object))
		abort();
	return object;
}

static void await_waiter(const char *name)
{
	struct shs_object *object = open_or_die(name);

	SHS_AWAIT(shs_object_fd(object), info.waiters == 1);
	shs_object_close(object);
}

/* A child that locks it, says so, and ends when it is told to. */
static pid_t lock_in_child(const char *name, struct shs_pipe *ready, struct shs_pipe *go)
{
	pid_t child = shs_fork();
	struct shs_object *mutex;
	int ret;

	if (child)
		return child;
	mutex = open_or_die(name);
	ret = shs_mutex_lock(mutex);
	if (ret && ret != -EOWNERDEAD)
		_exit(1);
	shs_say(ready);
	shs_hear(go);
	_exit(-shs_mutex_unlock(mutex));
}

/* Each change of the value is a line, with its rate. */
TEST_F(lib_watch, value)
{
	struct running watch;

	EXPECT_RUN(0, "create n atomic --init 7");
	watch = start("watch -i 0.01 -c 3 n");
	EXPECT_HEAR(&watch, "  n  7\n");
	EXPECT_EQ(0, shs_atomic_store(open_or_die("n"), 0, 9, 0));
	EXPECT_HEAR(&watch, "  n  9 (+");
	EXPECT_EQ(0, shs_atomic_store(open_or_die("n"), 0, 5, 0));
	EXPECT_HEAR(&watch, "  n  5 (-");
	EXPECT_EQ(0, finish(&watch));
}

/* So is each holder; with the last name gone it ends. */
TEST_F(lib_watch, holder)
{
	struct running watch;
	char text[64];
	pid_t child;

	EXPECT_RUN(0, "create m mutex");
	watch = start("watch -i 0.01 m");
	EXPECT_HEAR(&watch, "m  0  free\n");
	child = lock_in_child("m", &self->ready, &self->go);
	shs_hear(&self->ready);
	snprintf(text, sizeof(text), "held by pid %d (lib_watch_test)", child);
	EXPECT_HEAR(&watch, text);
	EXPECT_EQ(-SIGKILL, shs_kill(child));
	EXPECT_HEAR(&watch, "free,owner-died, a holder died\n");
	EXPECT_EQ(0, shs_unlink("m"));
	EXPECT_HEAR(&watch, "its last name is gone\n");
	EXPECT_EQ(0, finish(&watch));
}

/* As JSON each line is an object. */
TEST_F(lib_watch, json)
{
	struct running watch;

	EXPECT_RUN(0, "create n atomic:u8:2 --init 1,2");
	EXPECT_RUN(0, "create b cell:bytes:2 --init 0aff");
	watch = start("watch -J -i 0.01 -c 3 n b");
	EXPECT_HEAR(&watch, "\"name\":\"n\",\"value\":[1,2],\"readers\":0,\"waiters\":0,\"deaths\":0,\"gone\":false}\n{\"time\":");
	EXPECT_HEAR(&watch, "\"name\":\"b\",\"value\":\"0aff\",");
	EXPECT_EQ(0, shs_atomic_store(open_or_die("n"), 1, 3, 0));
	EXPECT_HEAR(&watch, "\"value\":[1,3],\"rates\":[0.000,");
	EXPECT_EQ(0, finish(&watch));
	EXPECT_RUN(2, "watch nothing");
	EXPECT_RUN(0, "watch -t 0.05 -i 0.01 n");
	EXPECT_RUN(0, "watch -t 0.05 -i 1000 n");
}

/* Who holds and who waits, one a line, in the order of the queue. */
TEST_F(lib_watch, holders)
{
	char text[128];
	pid_t holder, waiter;

	EXPECT_RUN(0, "create m mutex --detect");
	holder = lock_in_child("m", &self->ready, &self->go);
	shs_hear(&self->ready);
	waiter = lock_in_child("m", &self->ready, &self->go);
	await_waiter("m");
	EXPECT_RUN(0, "show --holders m");
	snprintf(text, sizeof(text), "Holds:        thread %d of pid %d (lib_watch_test), exclusive, for ",
		 holder, holder);
	EXPECT_SAID(text);
	snprintf(text, sizeof(text), "Waits:        thread %d of pid %d (lib_watch_test), exclusive, for ",
		 waiter, waiter);
	EXPECT_SAID(text);
	EXPECT_RUN(0, "show -J --holders m");
	drop_blanks();
	EXPECT_SAID("{\"objects\":[{\"name\":\"/dev/shstate/m\",\"kind\":\"mutex\",\"type\":\"i64\",\"count\":1,\"policies\":\"detect\",\"value\":[0],\"state\":\"held\",");
	snprintf(text, sizeof(text), "{\"is\":\"waiter\",\"mode\":\"exclusive\",\"certain\":true,\"goes-on\":false,\"pid\":%d,\"tid\":%d,\"comm\":\"lib_watch_test\",\"count\":1,",
		 waiter, waiter);
	EXPECT_SAID(text);
	EXPECT_RUN(0, "show -J m");
	EXPECT_SILENT("threads");
	shs_say(&self->go);
	EXPECT_EQ(0, shs_reap(holder));
	EXPECT_EQ(-SIGKILL, shs_kill(waiter));
}

/*
 * An emulated processor can run into a patch of the kernel's code half done, or into what
 * was translated of it before, and then does not get out again. A tracepoint is patched when
 * its first two users come and when they go: two of our own come before anybody runs it, and
 * stay. And without the names of tasks, for which the scheduler's would be turned on.
 */
static int mount_tracing(void)
{
	char path[100];
	int err;

	mkdir(TRACING, 0700);
	if (mount("tracefs", TRACING, "tracefs", 0, NULL))
		return -errno;
	err = shs_put_file(TRACING "/options/record-cmd", "0");
	for (int i = 0; i < ARRAY_SIZE(users) && !err; i++) {
		mkdir(users[i], 0700);
		snprintf(path, sizeof(path), "%s/events/shstate/enable", users[i]);
		err = shs_put_file(path, "1");
	}
	return err;
}

static bool is_traced(void)
{
	char text[8] = "";
	int fd = open(TRACING "/events/shstate/enable", O_RDONLY);

	if (fd >= 0 && read(fd, text, 1) < 0)
		*text = 0;
	close(fd);
	return *text == '1';
}

/* The instance is there, and enabled, before anything is said: so something is made to be. */
static void provoke(struct running *trace, const char *name, const char *text)
{
	struct shs_object *mutex = open_or_die(name);

	shs_object_watch(mutex, SHS_WATCH_ON);
	while (!strstr(said, text) && hear_more(trace, 10) != ENDED) {
		shs_mutex_lock(mutex);
		shs_mutex_unlock(mutex);
	}
	shs_object_watch(mutex, 0);
	shs_object_close(mutex);
}

/* A wait: for whom, how long; and a death. Nothing of tracing is left behind. */
TEST_F(lib_watch, trace)
{
	pid_t holder, waiter;
	struct running trace;
	char text[128];

	ASSERT_EQ(0, mount_tracing());
	EXPECT_RUN(0, "create m mutex");
	EXPECT_RUN(0, "create begun mutex");
	trace = start("trace");
	provoke(&trace, "begun", "mutex 'begun': ");
	holder = lock_in_child("m", &self->ready, &self->go);
	shs_hear(&self->ready);
	waiter = lock_in_child("m", &self->ready, &self->go);
	await_waiter("m");
	snprintf(text, sizeof(text), "mutex 'm': thread %d (lib_watch_test) waits, exclusive, for thread %d (lib_watch_test)\n",
		 waiter, holder);
	EXPECT_HEAR(&trace, text);
	EXPECT_EQ(-SIGKILL, shs_kill(holder));
	shs_hear(&self->ready);
	snprintf(text, sizeof(text), "mutex 'm': pid %d (lib_watch_test) was killed by SIGKILL",
		 holder);
	EXPECT_HEAR(&trace, text);
	snprintf(text, sizeof(text), "mutex 'm': thread %d (lib_watch_test) has it, exclusive, after ",
		 waiter);
	EXPECT_HEAR(&trace, text);
	EXPECT_FALSE(is_traced());	/* but in an instance of its own */
	kill(trace.pid, SIGINT);
	EXPECT_EQ(0, finish(&trace));
	EXPECT_SAID("mutex 'm': 1 waits, ");
	EXPECT_SAID("; 1 deaths\n");
	shs_say(&self->go);
	shs_reap(waiter);
}

/* With --all-locks what contends with nobody is seen too; as JSON, one object alone. */
TEST_F(lib_watch, trace_json)
{
	struct shs_object *mutex;
	struct running trace;
	int lines = 0;

	ASSERT_EQ(0, mount_tracing());
	EXPECT_RUN(0, "create m mutex");
	EXPECT_RUN(0, "create other mutex");
	mutex = open_or_die("m");
	trace = start("trace -J --all-locks m");
	SHS_AWAIT(shs_object_fd(mutex), info.state & SHS_STATE_WATCHED);
	/* Enabled one by one: either may come without the other. */
	provoke(&trace, "m", "\"event\":\"acquire\"");
	provoke(&trace, "m", "\"event\":\"release\"");
	kill(trace.pid, SIGINT);
	EXPECT_EQ(0, finish(&trace));
	EXPECT_SAID("\"event\":\"acquire\",\"object\":\"m\",\"inode\":");
	EXPECT_SAID("\"kind\":\"mutex\",\"mode\":\"exclusive\",\"attachment\":");
	EXPECT_SAID("\"who\":{\"tid\":");
	EXPECT_SAID("\"waited-ns\":0}\n");
	EXPECT_SAID("\"held-ns\":");
	EXPECT_SILENT("other");
	trace = start("trace -J --all-locks -c 2 m");
	SHS_AWAIT(shs_object_fd(mutex), info.state & SHS_STATE_WATCHED);
	provoke(&trace, "m", "}\n{");
	EXPECT_EQ(0, finish(&trace));
	for (const char *c = said; *c; c++)
		lines += *c == '\n';
	EXPECT_EQ(2, lines);
	EXPECT_RUN(2, "trace --all-locks");
	EXPECT_RUN(2, "trace nothing");
	EXPECT_RUN(0, "trace -t 0.1");
}

/* It ends although somebody always gives it more to say. */
TEST_F(lib_watch, trace_ends)
{
	struct shs_object *mutex;
	struct running trace;
	pid_t child;

	ASSERT_EQ(0, mount_tracing());
	EXPECT_RUN(0, "create m mutex");
	mutex = open_or_die("m");
	child = shs_fork();
	while (!child) {
		if (shs_mutex_lock(mutex) || shs_mutex_unlock(mutex))
			_exit(1);
	}
	trace = start("trace -J --all-locks -t 0.2 m");
	while (hear_more(&trace, -1) != ENDED)
		trace.size = 0;
	close(trace.output);
	EXPECT_EQ(0, shs_reap(trace.pid));
	EXPECT_EQ(-SIGKILL, shs_kill(child));
}

/* Without tracefs it says where to mount it. */
TEST_F(lib_watch, no_tracing)
{
	while (!umount("/sys/kernel/tracing") || !umount("/sys/kernel/debug/tracing") ||
	       !umount(TRACING))
		;
	EXPECT_RUN(2, "trace -t 0");
	EXPECT_SAID("mount -t tracefs tracefs /sys/kernel/tracing");
}

TEST_HARNESS_MAIN
