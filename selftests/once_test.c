// SPDX-License-Identifier: GPL-2.0-only
/*
 * Run once: of all that begin one runs, the others wait until it is done, and when
 * it gives up the next one runs.
 */
#include "shs.h"

FIXTURE(once) {
	int fd;
	struct shs_att mine, other;
};

FIXTURE_SETUP(once)
{
	SHS_MOUNT("");
	self->fd = shs_create(SHS_KIND_ONCE, SHS_TYPE_NONE, 0);
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, shs_attach(&self->mine, self->fd));
	ASSERT_EQ(0, shs_attach(&self->other, self->fd));
}

FIXTURE_TEARDOWN(once)
{
}

static struct shs_ioc_once last;

static int begin(const struct shs_att *att, __u32 flags, __u64 deadline)
{
	last = SHS_ONCE(.flags = flags, .deadline = deadline);
	return shs_once(att, &last);
}

static int complete(const struct shs_att *att)
{
	return shs_once(att, &SHS_ONCE(.cmd = SHS_ONCE_COMPLETE));
}

static int abandon(const struct shs_att *att)
{
	return shs_once(att, &SHS_ONCE(.cmd = SHS_ONCE_ABANDON));
}

/* A child that begins and exits with 10 times the state it was told, plus the errno. */
static pid_t beginner(int fd, __u32 flags)
{
	pid_t child = shs_fork();
	struct shs_att att;
	int ret;

	if (child)
		return child;
	if (shs_attach(&att, fd))
		_exit(255);
	ret = begin(&att, flags, SHS_FOREVER);
	if (last.state == SHS_ONCE_RUNNING && complete(&att))
		_exit(254);
	/* The errnos that can come do not fit beside it: only whether there was one. */
	_exit(last.state * 10 + (ret == -ENOTRECOVERABLE ? 1 : ret == -EOWNERDEAD ? 2 :
				 ret == -EINTR ? 3 : ret == -EACCES ? 4 : ret ? 9 : 0));
}

#define RAN (SHS_ONCE_RUNNING * 10)
#define FOUND_DONE (SHS_ONCE_DONE * 10)

/* The way through: incomplete, running, done, and done for ever. */
TEST_F(once, begin_complete)
{
	EXPECT_EQ(SHS_ONCE_INCOMPLETE, shs_load(self->fd, 0));
	EXPECT_EQ(0, begin(&self->mine, 0, 0));
	EXPECT_EQ(SHS_ONCE_RUNNING, last.state);
	EXPECT_EQ(SHS_ONCE_RUNNING, shs_load(self->fd, 0));
	EXPECT_EQ(SHS_ONCE_RUNNING, self->other.control->once);
	EXPECT_STREQ("running", shs_text(self->fd));
	EXPECT_EQ(SHS_STATE_HELD, shs_info(self->fd).state);
	EXPECT_EQ(getpid(), shs_info(self->fd).holder_pid);
	EXPECT_EQ(0, complete(&self->mine));
	for (int i = 0; i < 2; i++) {
		EXPECT_EQ(0, begin(&self->other, 0, 0));
		EXPECT_EQ(SHS_ONCE_DONE, last.state);
		EXPECT_EQ(0, begin(&self->mine, SHS_ONCE_FORCE, 0));
		EXPECT_EQ(SHS_ONCE_DONE, last.state);
	}
	EXPECT_EQ(SHS_ONCE_DONE, shs_load(self->fd, 0));
	EXPECT_EQ(SHS_ONCE_DONE, self->other.control->once);
	EXPECT_STREQ("done", shs_text(self->fd));
	EXPECT_EQ(SHS_STATE_DONE, shs_info(self->fd).state);
	EXPECT_EQ(0, shs_info(self->fd).holder_pid);
}

/* While one runs, the others are told to wait, and the runner too. */
TEST_F(once, busy)
{
	EXPECT_EQ(0, begin(&self->mine, 0, 0));
	EXPECT_EQ(-EBUSY, begin(&self->other, SHS_ONCE_NOWAIT, SHS_FOREVER));
	EXPECT_EQ(0, last.state);
	EXPECT_EQ(-EBUSY, begin(&self->mine, SHS_ONCE_NOWAIT, 0));
	EXPECT_EQ(-EBUSY, begin(&self->other, SHS_ONCE_NOWAIT | SHS_ONCE_FORCE, 0));
	EXPECT_EQ(-ETIMEDOUT, begin(&self->other, 0, 0));
	EXPECT_EQ(0, last.state);
	for (int clock = SHS_CLOCK_MONOTONIC; clock <= SHS_CLOCK_BOOTTIME; clock++) {
		__u64 near = shs_now(clock) + 20 * SHS_MS;

		last = SHS_ONCE(.clock = clock, .deadline = near);
		EXPECT_EQ(-ETIMEDOUT, shs_once(&self->other, &last));
		EXPECT_LE(near, shs_now(clock));
	}
	EXPECT_EQ(0, shs_info(self->fd).waiters);
	EXPECT_EQ(0, complete(&self->mine));
}

/* Only the one who runs can end it, and only once. */
TEST_F(once, end_of_others)
{
	EXPECT_EQ(-EPERM, complete(&self->mine));
	EXPECT_EQ(-EPERM, abandon(&self->mine));
	EXPECT_EQ(SHS_ONCE_INCOMPLETE, shs_load(self->fd, 0));
	EXPECT_EQ(0, begin(&self->mine, 0, 0));
	EXPECT_EQ(-EPERM, complete(&self->other));
	EXPECT_EQ(-EPERM, abandon(&self->other));
	EXPECT_EQ(SHS_ONCE_RUNNING, shs_load(self->fd, 0));
	EXPECT_EQ(0, complete(&self->mine));
	EXPECT_EQ(-EPERM, complete(&self->mine));
	EXPECT_EQ(-EPERM, abandon(&self->mine));
	EXPECT_EQ(SHS_ONCE_DONE, shs_load(self->fd, 0));
}

/* Of many that begin at once exactly one runs; none is back before it is done. */
TEST_F(once, one_of_many)
{
	for (unsigned long round = 0; round < shs_scale(50); round++) {
		struct shs_pipe gate = shs_pipe();
		int *runs = shs_common(4096), fd, failed = 0;
		pid_t child[5];

		fd = shs_create(SHS_KIND_ONCE, SHS_TYPE_NONE, 0);
		for (int i = 0; i < 5; i++) {
			struct shs_att att;

			child[i] = shs_fork();
			if (child[i])
				continue;
			if (shs_attach(&att, fd))
				_exit(1);
			shs_gate_pass(&gate);
			if (begin(&att, 0, SHS_FOREVER))
				_exit(2);
			if (last.state == SHS_ONCE_RUNNING) {
				runs[0]++;
				sched_yield();
				runs[1] = 42;
				if (complete(&att))
					_exit(3);
			}
			_exit(runs[1] == 42 ? 0 : 4);
		}
		shs_gate_open(&gate);
		for (int i = 0; i < 5; i++)
			failed += shs_reap(child[i]) != 0;
		EXPECT_EQ(0, failed);
		EXPECT_EQ(1, runs[0]);
		close(gate.end[0]);
		close(fd);
		munmap(runs, 4096);
	}
}

/* All who wait learn that it is done, however many. */
TEST_F(once, waiters_are_told)
{
	pid_t child[12];

	EXPECT_EQ(0, begin(&self->mine, 0, 0));
	for (int i = 0; i < 12; i++)
		child[i] = beginner(self->fd, 0);
	SHS_AWAIT(self->fd, info.waiters == 12);
	EXPECT_EQ(0, complete(&self->mine));
	for (int i = 0; i < 12; i++)
		EXPECT_EQ(FOUND_DONE, shs_reap(child[i]));
}

/* Who gives up leaves it to the next, as if nothing had been. */
TEST_F(once, abandon)
{
	pid_t child;

	EXPECT_EQ(0, begin(&self->mine, 0, 0));
	EXPECT_EQ(0, abandon(&self->mine));
	EXPECT_EQ(SHS_ONCE_INCOMPLETE, shs_load(self->fd, 0));
	EXPECT_EQ(0, shs_info(self->fd).state);
	EXPECT_EQ(0, begin(&self->mine, 0, 0));
	EXPECT_EQ(SHS_ONCE_RUNNING, last.state);
	child = beginner(self->fd, 0);
	SHS_AWAIT(self->fd, info.waiters == 1);
	EXPECT_EQ(0, abandon(&self->mine));
	EXPECT_EQ(RAN, shs_reap(child));
	EXPECT_EQ(SHS_ONCE_DONE, shs_load(self->fd, 0));
	EXPECT_EQ(0, shs_info(self->fd).deaths);
}

/* One of those who wait runs next, the rest find it done. */
TEST_F(once, abandon_to_one)
{
	pid_t child[4];
	int ran = 0;

	EXPECT_EQ(0, begin(&self->mine, 0, 0));
	for (int i = 0; i < 4; i++)
		child[i] = beginner(self->fd, 0);
	SHS_AWAIT(self->fd, info.waiters == 4);
	EXPECT_EQ(0, abandon(&self->mine));
	for (int i = 0; i < 4; i++) {
		int got = shs_reap(child[i]);

		EXPECT_TRUE(got == RAN || got == FOUND_DONE) TH_LOG("%d", got);
		ran += got == RAN;
	}
	EXPECT_EQ(1, ran);
}

/* With POISON giving up is final, but for those who force it. */
TEST_F(once, poison)
{
	int fd = shs_create_as(&SHS_INIT(.kind = SHS_KIND_ONCE, .flags = SHS_INIT_POISON));
	struct shs_att att;
	pid_t child, forcing;

	ASSERT_EQ(0, shs_attach(&att, fd));
	EXPECT_EQ(0, begin(&att, 0, 0));
	child = beginner(fd, 0);
	SHS_AWAIT(fd, info.waiters == 1);
	forcing = beginner(fd, SHS_ONCE_FORCE);
	SHS_AWAIT(fd, info.waiters == 2);
	EXPECT_EQ(0, abandon(&att));
	EXPECT_EQ(1, shs_reap(child));
	EXPECT_EQ(RAN, shs_reap(forcing));
	EXPECT_EQ(SHS_ONCE_DONE, shs_load(fd, 0));

	fd = shs_create_as(&SHS_INIT(.kind = SHS_KIND_ONCE, .flags = SHS_INIT_POISON));
	ASSERT_EQ(0, shs_attach(&att, fd));
	EXPECT_EQ(0, begin(&att, SHS_ONCE_FORCE, 0));
	EXPECT_EQ(0, abandon(&att));
	EXPECT_EQ(SHS_ONCE_POISONED, shs_load(fd, 0));
	EXPECT_EQ(SHS_ONCE_POISONED, att.control->once);
	EXPECT_STREQ("poisoned", shs_text(fd));
	EXPECT_EQ(SHS_STATE_POISONED, shs_info(fd).state);
	EXPECT_EQ(-ENOTRECOVERABLE, begin(&att, 0, SHS_FOREVER));
	EXPECT_EQ(-ENOTRECOVERABLE, begin(&att, SHS_ONCE_NOWAIT, 0));
	EXPECT_EQ(0, begin(&att, SHS_ONCE_FORCE, 0));
	EXPECT_EQ(SHS_ONCE_RUNNING, last.state);
	EXPECT_EQ(0, complete(&att));
	EXPECT_EQ(0, begin(&att, 0, 0));
	EXPECT_EQ(SHS_ONCE_DONE, last.state);
}

/* Who may only read can wait for it and see it done, but not run. */
TEST_F(once, read_only)
{
	struct shs_att att;
	int ro;

	ASSERT_EQ(0, shs_link(self->fd, "once"));
	ro = shs_open("once", O_RDONLY);
	ASSERT_EQ(0, shs_attach(&att, ro));
	EXPECT_EQ(-EACCES, begin(&att, 0, SHS_FOREVER));
	EXPECT_EQ(0, last.state);
	EXPECT_EQ(SHS_ONCE_INCOMPLETE, shs_load(ro, 0));
	EXPECT_EQ(0, begin(&self->mine, 0, 0));
	EXPECT_EQ(-EBUSY, begin(&att, SHS_ONCE_NOWAIT, 0));
	EXPECT_EQ(0, complete(&self->mine));
	EXPECT_EQ(0, begin(&att, 0, 0));
	EXPECT_EQ(SHS_ONCE_DONE, last.state);
}

/* One that cannot run does not stop those behind it in the queue. */
TEST_F(once, reader_in_the_queue)
{
	pid_t reader, child;
	int ro;

	ASSERT_EQ(0, shs_link(self->fd, "once"));
	ro = shs_open("once", O_RDONLY);
	EXPECT_EQ(0, begin(&self->mine, 0, 0));
	reader = beginner(ro, 0);
	SHS_AWAIT(self->fd, info.waiters == 1);
	child = beginner(self->fd, 0);
	SHS_AWAIT(self->fd, info.waiters == 2);
	EXPECT_EQ(0, abandon(&self->mine));
	EXPECT_EQ(4, shs_reap(reader));
	EXPECT_EQ(RAN, shs_reap(child));
}

static void on_signal(int number)
{
}

/* A signal ends the wait, or with SA_RESTART does not. */
TEST_F(once, interrupted)
{
	struct sigaction action = { .sa_handler = on_signal };
	pid_t child;

	sigaction(SIGUSR1, &action, NULL);
	EXPECT_EQ(0, begin(&self->mine, 0, 0));
	child = beginner(self->fd, 0);
	SHS_AWAIT(self->fd, info.waiters == 1);
	kill(child, SIGUSR1);
	EXPECT_EQ(3, shs_reap(child));
	EXPECT_EQ(0, shs_info(self->fd).waiters);
	action.sa_flags = SA_RESTART;
	sigaction(SIGUSR1, &action, NULL);
	child = beginner(self->fd, 0);
	SHS_AWAIT(self->fd, info.waiters == 1);
	kill(child, SIGUSR1);
	EXPECT_EQ(0, complete(&self->mine));
	EXPECT_EQ(FOUND_DONE, shs_reap(child));
}

/* A waiter that is killed leaves; the next in the queue has its turn. */
TEST_F(once, killed_waiter)
{
	pid_t first, second;

	EXPECT_EQ(0, begin(&self->mine, 0, 0));
	first = beginner(self->fd, 0);
	SHS_AWAIT(self->fd, info.waiters == 1);
	second = beginner(self->fd, 0);
	SHS_AWAIT(self->fd, info.waiters == 2);
	EXPECT_EQ(-SIGKILL, shs_kill(first));
	SHS_AWAIT(self->fd, info.waiters == 1);
	EXPECT_EQ(0, abandon(&self->mine));
	EXPECT_EQ(RAN, shs_reap(second));
	EXPECT_EQ(0, shs_info(self->fd).deaths);
}

/* A child does not run in its parent's name; without the private region none does. */
TEST_F(once, not_an_owner)
{
	struct shs_att att;
	pid_t child;

	EXPECT_EQ(0, begin(&self->mine, 0, 0));
	child = shs_fork();
	if (!child) {
		EXPECT_EQ(-ESTALE, complete(&self->mine));
		EXPECT_EQ(-ESTALE, begin(&self->other, 0, 0));
		_exit(0);
	}
	EXPECT_EQ(0, shs_reap(child));
	EXPECT_EQ(SHS_ONCE_RUNNING, shs_load(self->fd, 0));
	EXPECT_EQ(0, abandon(&self->mine));
	ASSERT_EQ(0, shs_attach_only(&att, self->fd));
	EXPECT_EQ(-ENXIO, begin(&att, 0, 0));
	EXPECT_EQ(-ENXIO, complete(&att));
	EXPECT_EQ(SHS_ONCE_INCOMPLETE, shs_load(self->fd, 0));
}

/* Its state is read by io_uring, too. */
TEST_F(once, load_by_uring)
{
	struct shs_ioc_op op = SHS_OP(LOAD);

	SHS_NEED_DOOR(SHS_URING);
	EXPECT_EQ(0, begin(&self->mine, 0, 0));
	EXPECT_EQ(0, shs_uring_op(self->fd, &op));
	EXPECT_EQ(SHS_ONCE_RUNNING, op.result);
}

TEST_HARNESS_MAIN
