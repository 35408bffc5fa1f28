// SPDX-License-Identifier: GPL-2.0-only
/*
 * Watching a once: until it is done, by whomever, and never by the watcher, who may
 * have no right to run it. A watcher stands in nobody's way.
 */
#include "shs.h"
#include <pthread.h>

FIXTURE(once_wait) {
	int fd, readable;
	struct shs_att mine, other, readers;
};

FIXTURE_SETUP(once_wait)
{
	SHS_MOUNT("");
	self->fd = shs_create(SHS_KIND_ONCE, SHS_TYPE_NONE, 0);
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, shs_link(self->fd, "once"));
	self->readable = shs_open("once", O_RDONLY);
	ASSERT_EQ(0, shs_attach(&self->mine, self->fd));
	ASSERT_EQ(0, shs_attach(&self->other, self->fd));
	ASSERT_EQ(0, shs_attach(&self->readers, self->readable));
}

FIXTURE_TEARDOWN(once_wait)
{
}

static struct shs_ioc_once last;

static int call(const struct shs_att *att, __u32 cmd, __u32 flags, __u64 deadline)
{
	last = SHS_ONCE(.cmd = cmd, .flags = flags, .deadline = deadline);
	return shs_once(att, &last);
}

static int watch(const struct shs_att *att, __u32 flags, __u64 deadline)
{
	return call(att, SHS_ONCE_WAIT, flags, deadline);
}

static int begin(const struct shs_att *att)
{
	return call(att, SHS_ONCE_BEGIN, SHS_ONCE_NOWAIT, 0);
}

static int complete(const struct shs_att *att)
{
	return call(att, SHS_ONCE_COMPLETE, 0, 0);
}

static int abandon(const struct shs_att *att)
{
	return call(att, SHS_ONCE_ABANDON, 0, 0);
}

#define FOUND_DONE 100

/* A child that watches, or waits for its turn; it exits with the errno or what it saw. */
static pid_t child_of(int fd, __u32 cmd)
{
	pid_t child = shs_fork();
	struct shs_att att;
	int ret;

	if (child)
		return child;
	if (shs_attach(&att, fd))
		_exit(255);
	ret = call(&att, cmd, 0, SHS_FOREVER);
	if (ret)
		_exit(last.state ? 254 : ret == -ENOTRECOVERABLE ? 1 : ret == -EINTR ? 2 :
		      ret == -EOWNERDEAD ? 3 : 253);
	_exit(last.state == SHS_ONCE_DONE ? FOUND_DONE :
	      cmd == SHS_ONCE_BEGIN && !complete(&att) ? 101 : 252);
}

#define POISONED 1
#define INTERRUPTED 2
#define RAN 101

static pid_t watcher(int fd)
{
	return child_of(fd, SHS_ONCE_WAIT);
}

/* A child that runs it for ever. */
static pid_t runner(int fd)
{
	struct shs_pipe runs = shs_pipe();
	pid_t child = shs_fork();
	struct shs_att att;

	if (!child) {
		if (shs_attach(&att, fd) || begin(&att))
			_exit(255);
		shs_say(&runs);
		for (;;)
			pause();
	}
	shs_hear(&runs);
	return child;
}

/* What is done is seen at once, by whoever may read. */
TEST_F(once_wait, done)
{
	EXPECT_EQ(0, begin(&self->mine));
	EXPECT_EQ(0, complete(&self->mine));
	EXPECT_EQ(0, watch(&self->mine, 0, 0));
	EXPECT_EQ(SHS_ONCE_DONE, last.state);
	EXPECT_EQ(0, watch(&self->other, SHS_ONCE_NOWAIT, SHS_FOREVER));
	EXPECT_EQ(SHS_ONCE_DONE, last.state);
	EXPECT_EQ(0, watch(&self->readers, 0, 0));
	EXPECT_EQ(SHS_ONCE_DONE, last.state);
}

/* What is not, is waited for: while nobody runs it, and while somebody does. */
TEST_F(once_wait, not_done)
{
	for (int running = 0; running < 2; running++) {
		if (running)
			EXPECT_EQ(0, begin(&self->mine));
		EXPECT_EQ(-EBUSY, watch(&self->other, SHS_ONCE_NOWAIT, SHS_FOREVER));
		EXPECT_EQ(0, last.state);
		EXPECT_EQ(-EBUSY, watch(&self->readers, SHS_ONCE_NOWAIT, 0));
		EXPECT_EQ(-ETIMEDOUT, watch(&self->other, 0, 0));
		EXPECT_EQ(0, last.state);
		EXPECT_EQ(-ETIMEDOUT, watch(&self->mine, 0, 0));
		for (int clock = SHS_CLOCK_MONOTONIC; clock <= SHS_CLOCK_BOOTTIME; clock++) {
			__u64 near = shs_now(clock) + 20 * SHS_MS;

			last = SHS_ONCE(.cmd = SHS_ONCE_WAIT, .clock = clock, .deadline = near);
			EXPECT_EQ(-ETIMEDOUT, shs_once(&self->other, &last));
			EXPECT_LE(near, shs_now(clock));
		}
		EXPECT_EQ(running ? SHS_ONCE_RUNNING : SHS_ONCE_INCOMPLETE,
			  shs_load(self->fd, 0));
		EXPECT_EQ(0, shs_info(self->fd).waiters);
	}
}

/* A watcher never has the turn, and does not keep it from one who comes later. */
TEST_F(once_wait, stands_in_nobodys_way)
{
	pid_t first = watcher(self->fd), second, turn;

	SHS_AWAIT(self->fd, info.waiters == 1);
	second = watcher(self->readable);
	SHS_AWAIT(self->fd, info.waiters == 2);
	EXPECT_EQ(SHS_ONCE_INCOMPLETE, shs_load(self->fd, 0));
	EXPECT_EQ(0, begin(&self->mine));
	EXPECT_EQ(SHS_ONCE_RUNNING, last.state);
	turn = child_of(self->fd, SHS_ONCE_BEGIN);
	SHS_AWAIT(self->fd, info.waiters == 3);
	EXPECT_EQ(0, abandon(&self->mine));
	EXPECT_EQ(RAN, shs_reap(turn));
	EXPECT_EQ(FOUND_DONE, shs_reap(first));
	EXPECT_EQ(FOUND_DONE, shs_reap(second));
	EXPECT_EQ(0, shs_info(self->fd).deaths);
}

/* Giving up does not end a watch; only the end does. */
TEST_F(once_wait, sits_through_failures)
{
	pid_t child = watcher(self->readable);

	SHS_AWAIT(self->fd, info.waiters == 1);
	for (int i = 0; i < 3; i++) {
		EXPECT_EQ(0, begin(&self->mine));
		EXPECT_EQ(0, abandon(&self->mine));
		SHS_AWAIT(self->fd, info.waiters == 1);
	}
	EXPECT_EQ(0, begin(&self->mine));
	EXPECT_EQ(0, complete(&self->mine));
	EXPECT_EQ(FOUND_DONE, shs_reap(child));
	EXPECT_EQ(0, shs_info(self->fd).waiters);
}

TEST_F(once_wait, all_are_told)
{
	pid_t child[12];

	EXPECT_EQ(0, begin(&self->mine));
	for (int i = 0; i < 12; i++)
		child[i] = watcher(i % 2 ? self->fd : self->readable);
	SHS_AWAIT(self->fd, info.waiters == 12);
	EXPECT_EQ(0, complete(&self->mine));
	for (int i = 0; i < 12; i++)
		EXPECT_EQ(FOUND_DONE, shs_reap(child[i]));
}

/* A runner that dies is news for the next runner, not for a watcher. */
TEST_F(once_wait, runner_dies)
{
	pid_t running = runner(self->fd), child = watcher(self->readable);

	SHS_AWAIT(self->fd, info.waiters == 1);
	EXPECT_EQ(-SIGKILL, shs_kill(running));
	SHS_AWAIT(self->fd, info.waiters == 1);
	EXPECT_EQ(1, shs_info(self->fd).deaths);
	EXPECT_EQ(-EBUSY, watch(&self->other, SHS_ONCE_NOWAIT, 0));
	EXPECT_EQ(SHS_STATE_OWNER_DIED, shs_info(self->fd).state);
	EXPECT_EQ(-EOWNERDEAD, begin(&self->mine));
	EXPECT_EQ(SHS_ONCE_RUNNING, last.state);
	EXPECT_EQ(0, complete(&self->mine));
	EXPECT_EQ(FOUND_DONE, shs_reap(child));
	EXPECT_EQ(0, watch(&self->other, 0, 0));
}

FIXTURE(poison) {
	int fd;
	struct shs_att mine;
};

FIXTURE_SETUP(poison)
{
	SHS_MOUNT("");
	self->fd = shs_create_as(&SHS_INIT(.kind = SHS_KIND_ONCE, .flags = SHS_INIT_POISON));
	ASSERT_EQ(0, shs_attach(&self->mine, self->fd));
}

FIXTURE_TEARDOWN(poison)
{
}

/* Poison ends a watch, and keeps a new one from beginning. */
TEST_F(poison, abandoned)
{
	pid_t child = watcher(self->fd);

	SHS_AWAIT(self->fd, info.waiters == 1);
	EXPECT_EQ(0, begin(&self->mine));
	EXPECT_EQ(0, abandon(&self->mine));
	EXPECT_EQ(POISONED, shs_reap(child));
	EXPECT_EQ(-ENOTRECOVERABLE, watch(&self->mine, 0, SHS_FOREVER));
	EXPECT_EQ(0, last.state);
	EXPECT_EQ(-ENOTRECOVERABLE, watch(&self->mine, SHS_ONCE_NOWAIT, 0));
}

TEST_F(poison, runner_dies)
{
	pid_t running = runner(self->fd), child = watcher(self->fd);

	SHS_AWAIT(self->fd, info.waiters == 1);
	EXPECT_EQ(-SIGKILL, shs_kill(running));
	EXPECT_EQ(POISONED, shs_reap(child));
	EXPECT_EQ(SHS_ONCE_POISONED, shs_load(self->fd, 0));
	EXPECT_EQ(-ENOTRECOVERABLE, watch(&self->mine, 0, 0));
}

/* While somebody forces it, there is something to wait for again. */
TEST_F(poison, forced)
{
	pid_t child;

	EXPECT_EQ(0, begin(&self->mine));
	EXPECT_EQ(0, abandon(&self->mine));
	EXPECT_EQ(0, call(&self->mine, SHS_ONCE_BEGIN, SHS_ONCE_FORCE, 0));
	child = watcher(self->fd);
	SHS_AWAIT(self->fd, info.waiters == 1);
	EXPECT_EQ(0, complete(&self->mine));
	EXPECT_EQ(FOUND_DONE, shs_reap(child));
}

static void on_signal(int number)
{
}

/* A signal ends the watch, or with SA_RESTART does not. */
TEST_F(once_wait, interrupted)
{
	struct sigaction action = { .sa_handler = on_signal };
	pid_t child;

	sigaction(SIGUSR1, &action, NULL);
	child = watcher(self->fd);
	SHS_AWAIT(self->fd, info.waiters == 1);
	kill(child, SIGUSR1);
	EXPECT_EQ(INTERRUPTED, shs_reap(child));
	EXPECT_EQ(0, shs_info(self->fd).waiters);
	action.sa_flags = SA_RESTART;
	sigaction(SIGUSR1, &action, NULL);
	child = watcher(self->fd);
	SHS_AWAIT(self->fd, info.waiters == 1);
	kill(child, SIGUSR1);
	EXPECT_EQ(0, begin(&self->mine));
	EXPECT_EQ(0, complete(&self->mine));
	EXPECT_EQ(FOUND_DONE, shs_reap(child));
}

/* A watcher that is killed leaves the queue as if it had never been there. */
TEST_F(once_wait, killed)
{
	pid_t first = watcher(self->fd), turn;

	SHS_AWAIT(self->fd, info.waiters == 1);
	EXPECT_EQ(0, begin(&self->mine));
	turn = child_of(self->fd, SHS_ONCE_BEGIN);
	SHS_AWAIT(self->fd, info.waiters == 2);
	EXPECT_EQ(-SIGKILL, shs_kill(first));
	SHS_AWAIT(self->fd, info.waiters == 1);
	EXPECT_EQ(0, abandon(&self->mine));
	EXPECT_EQ(RAN, shs_reap(turn));
	EXPECT_EQ(0, shs_info(self->fd).deaths);
}

/* Nor does one that was told and is killed before it knows keep anything back. */
TEST_F(once_wait, killed_when_told)
{
	pid_t child = watcher(self->fd);

	SHS_AWAIT(self->fd, info.waiters == 1);
	EXPECT_EQ(0, begin(&self->mine));
	ASSERT_EQ(0, shs_hold_off(child));
	EXPECT_EQ(0, complete(&self->mine));
	kill(child, SIGKILL);
	shs_let_go();
	EXPECT_EQ(-SIGKILL, shs_reap(child));
	EXPECT_EQ(SHS_ONCE_DONE, shs_load(self->fd, 0));
	EXPECT_EQ(0, watch(&self->other, 0, 0));
	EXPECT_EQ(0, shs_info(self->fd).deaths);
}

/* One who would run and cannot is refused; that does not touch the watchers. */
TEST_F(once_wait, beside_one_without_the_right)
{
	pid_t child = watcher(self->readable);

	SHS_AWAIT(self->fd, info.waiters == 1);
	EXPECT_EQ(-EACCES, begin(&self->readers));
	SHS_AWAIT(self->fd, info.waiters == 1);
	EXPECT_EQ(0, begin(&self->mine));
	EXPECT_EQ(0, complete(&self->mine));
	EXPECT_EQ(FOUND_DONE, shs_reap(child));
}

/* An attachment that is not this process's, or not live. */
TEST_F(once_wait, not_an_owner)
{
	struct shs_att att;
	pid_t child = shs_fork();

	if (!child) {
		EXPECT_EQ(-ESTALE, watch(&self->mine, 0, 0));
		_exit(0);
	}
	EXPECT_EQ(0, shs_reap(child));
	ASSERT_EQ(0, shs_attach_only(&att, self->fd));
	EXPECT_EQ(-ENXIO, watch(&att, 0, SHS_FOREVER));
	ASSERT_EQ(0, munmap(self->mine.private, self->mine.is.private_size));
	EXPECT_EQ(-ENXIO, watch(&self->mine, 0, SHS_FOREVER));
}

static void *watch_in_thread(void *att)
{
	struct shs_ioc_once once = SHS_ONCE(.cmd = SHS_ONCE_WAIT, .deadline = SHS_FOREVER);

	return (void *)(long)shs_once(att, &once);
}

/* Unmapping ends a watch of the process's own threads. */
TEST_F(once_wait, unmapped)
{
	pthread_t thread;
	void *ret;

	ASSERT_EQ(0, pthread_create(&thread, NULL, watch_in_thread, &self->mine));
	SHS_AWAIT(self->fd, info.waiters == 1);
	EXPECT_EQ(0, munmap(self->mine.private, self->mine.is.private_size));
	EXPECT_EQ(0, pthread_join(thread, &ret));
	EXPECT_EQ(-ENXIO, (long)ret);
	EXPECT_EQ(0, shs_info(self->fd).deaths);
}

/* The killed watcher's files live on in its child; its place in the queue does not. */
TEST_F(once_wait, files_kept_by_a_child)
{
	struct shs_pipe ready = shs_pipe(), end = shs_pipe();
	struct shs_att att;
	pid_t child = shs_fork();

	if (!child) {
		if (shs_attach(&att, self->fd))
			_exit(1);
		if (!fork()) {
			shs_say(&ready);
			shs_gate_pass(&end);
			_exit(0);
		}
		close(end.end[1]);
		watch(&att, 0, SHS_FOREVER);
		_exit(2);
	}
	shs_hear(&ready);
	SHS_AWAIT(self->fd, info.waiters == 1);
	EXPECT_EQ(-SIGKILL, shs_kill(child));
	EXPECT_EQ(0, shs_info(self->fd).waiters);
	EXPECT_EQ(4, shs_info(self->fd).attachments);
	EXPECT_EQ(0, begin(&self->mine));
	EXPECT_EQ(0, complete(&self->mine));
	shs_gate_open(&end);
}

/* What a watch does not take, each alone. */
TEST_F(once_wait, refused)
{
	EXPECT_EQ(-EINVAL, watch(&self->mine, SHS_ONCE_FORCE, 0));
	EXPECT_EQ(-EINVAL, watch(&self->mine, SHS_ONCE_FORCE | SHS_ONCE_NOWAIT, 0));
	for (int bit = 2; bit < 32; bit++) {
		EXPECT_EQ(-EINVAL, watch(&self->mine, 1U << bit, 0)) TH_LOG("bit %d", bit);
	}
	for (int bit = 0; bit < 32; bit++) {
		last = SHS_ONCE(.cmd = SHS_ONCE_WAIT, .state = 1U << bit);
		EXPECT_EQ(-EINVAL, shs_once(&self->mine, &last)) TH_LOG("bit %d", bit);
	}
	for (int i = 0; i < sizeof(last.pad); i++) {
		last = SHS_ONCE(.cmd = SHS_ONCE_WAIT);
		last.pad[i] = 1;
		EXPECT_EQ(-EINVAL, shs_once(&self->mine, &last)) TH_LOG("pad %d", i);
	}
	last = SHS_ONCE(.cmd = SHS_ONCE_WAIT, .clock = SHS_CLOCK_BOOTTIME + 1);
	EXPECT_EQ(-EINVAL, shs_once(&self->mine, &last));
	EXPECT_EQ(-EINVAL, call(&self->mine, SHS_ONCE_WAIT + 1, 0, 0));
	EXPECT_EQ(SHS_ONCE_INCOMPLETE, shs_load(self->fd, 0));
}

TEST_F(once_wait, other_kinds)
{
	static const struct {
		__u32 kind, type, count;
	} kinds[] = {
		{ SHS_KIND_ATOMIC, SHS_TYPE_U8, 1 }, { SHS_KIND_COUNTER, SHS_TYPE_I64, 1 },
		{ SHS_KIND_MUTEX, SHS_TYPE_U8, 1 }, { SHS_KIND_RWLOCK, SHS_TYPE_U8, 1 },
		{ SHS_KIND_CONDVAR, SHS_TYPE_NONE, 0 }, { SHS_KIND_CELL, SHS_TYPE_U8, 1 },
	};

	for (int i = 0; i < ARRAY_SIZE(kinds); i++) {
		int fd = shs_create(kinds[i].kind, kinds[i].type, kinds[i].count);
		struct shs_att att;

		ASSERT_EQ(0, shs_attach(&att, fd));
		EXPECT_EQ(-EOPNOTSUPP, watch(&att, SHS_ONCE_NOWAIT, 0))
			TH_LOG("kind %u", kinds[i].kind);
	}
	EXPECT_EQ(-ENOTTY, shs_ioctl(self->fd, SHS_IOC_ONCE,
				     &SHS_ONCE(.cmd = SHS_ONCE_WAIT)));
}

TEST_HARNESS_MAIN
