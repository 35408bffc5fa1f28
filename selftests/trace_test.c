// SPDX-License-Identifier: GPL-2.0-only
/*
 * The tracepoints: each step of a lock's life, with the object, the attachment and the
 * times, as a person with nothing but tracefs sees it.
 */
#include "actors.h"
#include <dirent.h>

#define TRACING "/tmp/shstate-tracing"
#define INSTANCE TRACING "/instances/shstate-test"

enum event { CONTEND, ACQUIRE, HANDOFF, RELEASE, OWNER_DIED, EVENTS };

static const char *const names[] = {
	[CONTEND] = "shstate_contend", [ACQUIRE] = "shstate_acquire",
	[HANDOFF] = "shstate_handoff", [RELEASE] = "shstate_release",
	[OWNER_DIED] = "shstate_owner_died",
};

/* The number that an event gives beside the object and the attachment. */
static const char *const times[] = {
	[CONTEND] = "", [ACQUIRE] = "wait_ns", [HANDOFF] = "", [RELEASE] = "held_ns",
	[OWNER_DIED] = "held_ns",
};

struct line {
	enum event event;
	unsigned long long object, ns;
	unsigned int kind, id, mode;
};

FIXTURE(trace) {
	int fd;
	struct shs_att mine, other;
	struct line lines[64];
	int count;
};

static int write_to(const char *name, const char *text)
{
	char path[300];

	snprintf(path, sizeof(path), INSTANCE "/%s", name);
	return shs_put_file(path, text);
}

FIXTURE_SETUP(trace)
{
	SHS_MOUNT("");
	mkdir(TRACING, 0700);
	if (mount("tracefs", TRACING, "tracefs", 0, NULL))
		SKIP(return, "the kernel has no tracefs");
	if (access(TRACING "/events/shstate", F_OK))
		SKIP(return, "the kernel does not trace modules");
	rmdir(INSTANCE);
	/*
	 * To note the names of tasks the kernel would turn on the tracepoints of its
	 * scheduler too, and an emulated processor can run into that patch half done.
	 */
	ASSERT_EQ(0, shs_put_file(TRACING "/options/record-cmd", "0"));
	ASSERT_EQ(0, mkdir(INSTANCE, 0700));
	/* Time may be too coarse to tell which of two processors was first. */
	ASSERT_EQ(0, write_to("trace_clock", "counter"));
	ASSERT_EQ(0, write_to("events/shstate/enable", "1"));
	ASSERT_EQ(0, write_to("tracing_on", "1"));
	self->fd = shs_create(SHS_KIND_MUTEX, SHS_TYPE_U64, 1);
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, shs_attach(&self->mine, self->fd));
	ASSERT_EQ(0, shs_attach(&self->other, self->fd));
}

FIXTURE_TEARDOWN(trace)
{
	write_to("events/shstate/enable", "0");
	rmdir(INSTANCE);
}

static bool parse(const char *text, struct line *line)
{
	for (int i = 0; i < EVENTS; i++) {
		const char *at = strstr(text, names[i]);
		char time[20] = "";

		if (!at || at[strlen(names[i])] != ':')
			continue;
		*line = (struct line){ .event = i };
		at += strlen(names[i]);
		return sscanf(at, ": object=%llu kind=%u id=%u mode=%u %19[a-z_]=%llu",
			      &line->object, &line->kind, &line->id, &line->mode, time,
			      &line->ns) == (*times[i] ? 6 : 4) && !strcmp(time, times[i]);
	}
	return false;
}

/* What happened to the object since the last look. */
static void look(FIXTURE_DATA(trace) *self)
{
	FILE *file = fopen(INSTANCE "/trace", "r");
	char text[400];

	self->count = 0;
	while (file && fgets(text, sizeof(text), file)) {
		if (*text == '#')
			continue;
		if (parse(text, &self->lines[self->count]) ?
		    self->lines[self->count].object == shs_inode(self->fd) :
		    !!strstr(text, "shstate_"))
			self->count++;
	}
	if (file)
		fclose(file);
	write_to("trace", "");
}

#define EXPECT_LINE(n, what, whose, as) do {					\
	const struct line *line = &self->lines[n];				\
										\
	EXPECT_GT(self->count, n);						\
	EXPECT_EQ(what, line->event) TH_LOG("line %d: %s", n, names[line->event]); \
	EXPECT_EQ(shs_inode(self->fd), line->object);				\
	EXPECT_EQ(shs_info(self->fd).kind, line->kind);				\
	EXPECT_EQ(whose, line->id);						\
	EXPECT_EQ(as, line->mode);						\
} while (0)

/* The group and its events, with their fields. */
TEST_F(trace, events)
{
	static const char *const fields[] = { "u64 object", "u32 kind", "u32 id", "u32 mode" };
	DIR *dir = opendir(INSTANCE "/events/shstate");
	char path[300], text[4096] = "";
	struct dirent *entry;
	int count = 0;

	ASSERT_NE(NULL, dir);
	while ((entry = readdir(dir)))
		count += !strncmp(entry->d_name, "shstate_", 8);
	closedir(dir);
	EXPECT_EQ(EVENTS, count);
	for (int i = 0; i < EVENTS; i++) {
		int fd;

		snprintf(path, sizeof(path), INSTANCE "/events/shstate/%s/format", names[i]);
		fd = open(path, O_RDONLY);
		ASSERT_LT(0, read(fd, text, sizeof(text) - 1));
		for (int n = 0; n < ARRAY_SIZE(fields); n++)
			EXPECT_NE(NULL, strstr(text, fields[n]));
		EXPECT_NE(NULL, strstr(text, times[i]));
		close(fd);
	}
}

/* Taken and given back, without a wait: when, and for how long. */
TEST_F(trace, uncontended)
{
	__u64 before, after;

	before = shs_now(SHS_CLOCK_MONOTONIC);
	EXPECT_EQ(0, shs_lock(&self->mine));
	after = shs_now(SHS_CLOCK_MONOTONIC);
	while (shs_now(SHS_CLOCK_MONOTONIC) < after + 10 * SHS_MS)
		;
	EXPECT_EQ(0, shs_unlock(&self->mine));
	look(self);
	EXPECT_EQ(2, self->count);
	EXPECT_LINE(0, ACQUIRE, self->mine.is.id, SHS_MODE_EXCLUSIVE);
	EXPECT_EQ(0, self->lines[0].ns);
	EXPECT_LINE(1, RELEASE, self->mine.is.id, SHS_MODE_EXCLUSIVE);
	EXPECT_LE(9 * SHS_MS, self->lines[1].ns);
	EXPECT_GE(shs_now(SHS_CLOCK_MONOTONIC) - before + SHS_MS, self->lines[1].ns);
}

/* What did not happen is not traced. */
TEST_F(trace, nothing)
{
	EXPECT_EQ(-EPERM, shs_unlock(&self->mine));
	EXPECT_EQ(-EINVAL, shs_rdlock(&self->mine, 0));
	shs_info(self->fd);
	shs_peek(self->fd, 0);
	look(self);
	EXPECT_EQ(0, self->count);
	EXPECT_EQ(0, shs_lock(&self->mine));
	look(self);
	EXPECT_EQ(-EBUSY, shs_trylock(&self->other));
	look(self);
	EXPECT_EQ(0, self->count);
}

/* A wait: it begins, it ends, it took so long. */
TEST_F(trace, contended)
{
	struct actor *a = act_process(&self->fd, 1, 1);
	__u32 id = self->other.is.id + 1;
	__u64 before, after;
	int last;

	EXPECT_EQ(0, shs_lock(&self->mine));
	look(self);
	before = shs_now(SHS_CLOCK_MONOTONIC);
	act_start_lock(a, 0);
	SHS_AWAIT(self->fd, info.waiters == 1);
	after = shs_now(SHS_CLOCK_MONOTONIC);
	look(self);
	EXPECT_EQ(1, self->count);
	EXPECT_LINE(0, CONTEND, id, SHS_MODE_EXCLUSIVE);
	while (shs_now(SHS_CLOCK_MONOTONIC) < after + 10 * SHS_MS)
		;
	/* Older than that it is handed the lock. */
	EXPECT_EQ(0, shs_unlock(&self->mine));
	EXPECT_EQ(0, act_end(a));
	look(self);
	last = self->count - 1;
	EXPECT_EQ(2, last);
	EXPECT_LINE(0, RELEASE, self->mine.is.id, SHS_MODE_EXCLUSIVE);
	EXPECT_LINE(1, HANDOFF, id, SHS_MODE_EXCLUSIVE);
	EXPECT_LINE(2, ACQUIRE, id, SHS_MODE_EXCLUSIVE);
	EXPECT_LE(9 * SHS_MS, self->lines[2].ns);
	EXPECT_GE(shs_now(SHS_CLOCK_MONOTONIC) - before + SHS_MS, self->lines[2].ns);
}

/* Queued in vain it acquires nothing. */
TEST_F(trace, timed_out)
{
	EXPECT_EQ(0, shs_lock(&self->mine));
	look(self);
	EXPECT_EQ(-ETIMEDOUT, shs_lock_as(&self->other, &SHS_LOCK()));
	look(self);
	EXPECT_EQ(1, self->count);
	EXPECT_LINE(0, CONTEND, self->other.is.id, SHS_MODE_EXCLUSIVE);
}

/* An owner dies: how long it had been the owner. */
TEST_F(trace, owner_died)
{
	__u64 before = shs_now(SHS_CLOCK_MONOTONIC);

	EXPECT_EQ(0, shs_lock(&self->mine));
	look(self);
	while (shs_now(SHS_CLOCK_MONOTONIC) < before + 10 * SHS_MS)
		;
	EXPECT_EQ(0, munmap(self->mine.private, self->mine.is.private_size));
	look(self);
	EXPECT_EQ(1, self->count);
	EXPECT_LINE(0, OWNER_DIED, self->mine.is.id, SHS_MODE_EXCLUSIVE);
	EXPECT_LT(0, self->lines[0].ns);
	EXPECT_GE(shs_now(SHS_CLOCK_MONOTONIC) - before + SHS_MS, self->lines[0].ns);
	EXPECT_EQ(-EOWNERDEAD, shs_lock(&self->other));
	look(self);
	EXPECT_EQ(1, self->count);
	EXPECT_LINE(0, ACQUIRE, self->other.is.id, SHS_MODE_EXCLUSIVE);
}

/* A rwlock in its modes; readers are let in together. */
TEST_F(trace, rwlock)
{
	struct actor *a;
	__u32 id;

	self->fd = shs_create(SHS_KIND_RWLOCK, SHS_TYPE_U64, 1);
	ASSERT_EQ(0, shs_attach(&self->mine, self->fd));
	id = self->mine.is.id + 1;
	EXPECT_EQ(0, shs_lock_as(&self->mine, &SHS_LOCK(.mode = SHS_MODE_UPGRADABLE)));
	EXPECT_EQ(0, shs_convert(&self->mine, &SHS_CONVERT(.from = SHS_MODE_UPGRADABLE)));
	look(self);
	EXPECT_EQ(2, self->count);
	EXPECT_LINE(0, ACQUIRE, self->mine.is.id, SHS_MODE_UPGRADABLE);
	EXPECT_LINE(1, ACQUIRE, self->mine.is.id, SHS_MODE_EXCLUSIVE);
	a = act_process(&self->fd, 1, 2);
	for (__u32 i = 0; i < 2; i++) {
		ACT_START(&a[i], 0, LOCK, &SHS_LOCK(.mode = SHS_MODE_READ, .lane = i,
						    .deadline = SHS_FOREVER));
		SHS_AWAIT(self->fd, info.waiters == i + 1);
	}
	look(self);
	EXPECT_EQ(2, self->count);
	EXPECT_LINE(1, CONTEND, id, SHS_MODE_READ);
	EXPECT_EQ(0, shs_unlock(&self->mine));
	EXPECT_EQ(0, act_end(&a[0]));
	EXPECT_EQ(0, act_end(&a[1]));
	look(self);
	EXPECT_EQ(5, self->count);
	EXPECT_LINE(0, RELEASE, self->mine.is.id, SHS_MODE_EXCLUSIVE);
	for (int i = 1; i < 5; i += 2) {
		EXPECT_LINE(i, HANDOFF, id, SHS_MODE_READ);
		EXPECT_LINE(i + 1, ACQUIRE, id, SHS_MODE_READ);
		EXPECT_LT(0, self->lines[i + 1].ns);
	}
	EXPECT_EQ(0, ACT(&a[0], 0, UNLOCK, &SHS_LOCK(.mode = SHS_MODE_READ)));
	look(self);
	EXPECT_EQ(1, self->count);
	EXPECT_LINE(0, RELEASE, id, SHS_MODE_READ);
	EXPECT_EQ(-SIGKILL, act_kill(a));
	look(self);
	EXPECT_EQ(1, self->count);
	EXPECT_LINE(0, OWNER_DIED, id, SHS_MODE_READ);
}

/* A recursive lock is acquired once and released once, however deep. */
TEST_F(trace, recursive)
{
	self->fd = shs_create_as(&SHS_INIT(.kind = SHS_KIND_MUTEX, .flags = SHS_INIT_RECURSIVE));
	ASSERT_EQ(0, shs_attach(&self->mine, self->fd));
	for (int i = 0; i < 3; i++)
		EXPECT_EQ(0, shs_lock(&self->mine));
	for (int i = 0; i < 3; i++)
		EXPECT_EQ(0, shs_unlock(&self->mine));
	look(self);
	EXPECT_EQ(2, self->count);
	EXPECT_LINE(0, ACQUIRE, self->mine.is.id, SHS_MODE_EXCLUSIVE);
	EXPECT_LINE(1, RELEASE, self->mine.is.id, SHS_MODE_EXCLUSIVE);
}

/* A single operation that waits belongs to no attachment. */
TEST_F(trace, operation)
{
	EXPECT_EQ(0, shs_lock(&self->mine));
	look(self);
	EXPECT_EQ(-ETIMEDOUT, shs_op(self->fd, &SHS_OP(ADD, .arg = 1)));
	look(self);
	EXPECT_EQ(1, self->count);
	EXPECT_LINE(0, CONTEND, SHS_WORD_OWNER, SHS_MODE_EXCLUSIVE);
}

/* A once: the turn is what is acquired. */
TEST_F(trace, once)
{
	self->fd = shs_create(SHS_KIND_ONCE, SHS_TYPE_NONE, 0);
	ASSERT_EQ(0, shs_attach(&self->mine, self->fd));
	EXPECT_EQ(0, shs_once(&self->mine, &SHS_ONCE()));
	EXPECT_EQ(0, shs_once(&self->mine, &SHS_ONCE(.cmd = SHS_ONCE_COMPLETE)));
	EXPECT_EQ(0, shs_once(&self->mine, &SHS_ONCE()));
	look(self);
	EXPECT_EQ(2, self->count);
	EXPECT_LINE(0, ACQUIRE, self->mine.is.id, SHS_MODE_EXCLUSIVE);
	EXPECT_LINE(1, RELEASE, self->mine.is.id, SHS_MODE_EXCLUSIVE);
	EXPECT_LT(0, self->lines[1].ns);
}

/* A notified waiter queues for the mutex there and then, by the notifier's hand. */
TEST_F(trace, requeue)
{
	int fds[] = { self->fd, shs_create(SHS_KIND_CONDVAR, SHS_TYPE_NONE, 0) };
	struct actor *a = act_process(fds, 2, 1);
	__u32 id = self->other.is.id + 1;

	EXPECT_EQ(0, act_lock(a, 0));
	act_start_wait(a, 1, 0);
	SHS_AWAIT(fds[1], info.waiters == 1);
	shs_await_sleep(a->tid);	/* queued, it lets go of the mutex and sleeps */
	EXPECT_EQ(0, shs_lock(&self->mine));
	look(self);
	EXPECT_EQ(3, self->count);
	EXPECT_LINE(1, RELEASE, id, SHS_MODE_EXCLUSIVE);
	EXPECT_EQ(0, shs_op(fds[1], &SHS_OP(NOTIFY, .arg = 1)));
	look(self);
	EXPECT_EQ(1, self->count);
	EXPECT_LINE(0, CONTEND, id, SHS_MODE_EXCLUSIVE);
}

TEST_HARNESS_MAIN
