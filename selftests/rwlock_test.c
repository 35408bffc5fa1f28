// SPDX-License-Identifier: GPL-2.0-only
/*
 * The reader-writer lock: readers together or one writer, nobody starved, and a
 * count that readers keep in lanes of their own.
 */
#include "shs.h"

/* Three owners in one process; who sleeps is a child. */
FIXTURE(rwlock) {
	int fd;
	struct shs_att mine, other, third;
	struct shs_pipe ready;
};

FIXTURE_SETUP(rwlock)
{
	SHS_MOUNT("");
	self->fd = shs_create(SHS_KIND_RWLOCK, SHS_TYPE_I64, 2);
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, shs_attach(&self->mine, self->fd));
	ASSERT_EQ(0, shs_attach(&self->other, self->fd));
	ASSERT_EQ(0, shs_attach(&self->third, self->fd));
	self->ready = shs_pipe();
}

FIXTURE_TEARDOWN(rwlock)
{
}

/*
 * A child that locks, and holds until its pipe ends or it is killed; it exits with
 * the outcome of the lock, a negated errno.
 */
static pid_t locker(int fd, struct shs_ioc_lock *lock, struct shs_pipe *hold)
{
	pid_t child = shs_fork();
	struct shs_att att;
	int ret;

	if (child)
		return child;
	if (shs_attach(&att, fd))
		_exit(255);
	ret = shs_lock_as(&att, lock);
	if (!ret && hold)
		shs_gate_pass(hold);
	if (!ret && shs_unlock_as(&att, &SHS_LOCK(.mode = lock->mode, .lane = lock->lane)))
		_exit(254);
	_exit(-ret);
}

#define WRITE_FOREVER (&SHS_LOCK(.deadline = SHS_FOREVER))
#define READ_FOREVER (&SHS_LOCK(.mode = SHS_MODE_READ, .deadline = SHS_FOREVER))

static __u64 lane(const struct shs_att *att, __u32 number)
{
	return *(volatile __u64 *)shs_lane(att, number);
}

/* Readers are inside together, each counted in its own lane. */
TEST_F(rwlock, readers_share)
{
	EXPECT_EQ(0, shs_rdlock(&self->mine, 0));
	EXPECT_EQ(0, shs_tryrdlock(&self->other, 3));
	EXPECT_EQ(2, shs_info(self->fd).readers);
	EXPECT_EQ(0, shs_info(self->fd).state);
	EXPECT_EQ(0, shs_info(self->fd).holder_pid);
	EXPECT_EQ(1, lane(&self->mine, 0));
	EXPECT_EQ(0, lane(&self->other, 0));
	EXPECT_EQ(1, lane(&self->other, 3));
	EXPECT_EQ(0, shs_rdunlock(&self->mine, 0));
	EXPECT_EQ(0, shs_rdunlock(&self->other, 3));
	EXPECT_EQ(0, shs_info(self->fd).readers);
	EXPECT_EQ(0, lane(&self->mine, 0));
	EXPECT_EQ(0, lane(&self->other, 3));
}

/* A lane that a call counted in is looked at, whatever its process says of it. */
TEST_F(rwlock, lanes_in_use)
{
	struct shs_private *head = (void *)self->mine.private;

	head->used = 0;
	*(__u64 *)shs_lane(&self->mine, 5) = 1;
	EXPECT_EQ(0, shs_info(self->fd).readers);
	EXPECT_EQ(0, shs_rdlock(&self->mine, 4));
	EXPECT_EQ(0, head->used);
	EXPECT_EQ(1, shs_info(self->fd).readers);
	EXPECT_EQ(-EBUSY, shs_trylock(&self->other));
	head->used = 1 << 5;
	EXPECT_EQ(2, shs_info(self->fd).readers);
	EXPECT_EQ(0, shs_rdunlock(&self->mine, 4));
	EXPECT_EQ(-EBUSY, shs_trylock(&self->other));
	*(__u64 *)shs_lane(&self->mine, 5) = 0;
	EXPECT_EQ(0, shs_trylock(&self->other));
}

/* A writer is alone, and known. */
TEST_F(rwlock, writer_excludes)
{
	EXPECT_EQ(0, shs_lock(&self->mine));
	EXPECT_EQ(SHS_STATE_HELD, shs_info(self->fd).state);
	EXPECT_EQ(getpid(), shs_info(self->fd).holder_pid);
	EXPECT_EQ(-EBUSY, shs_trylock(&self->other));
	EXPECT_EQ(-EBUSY, shs_tryrdlock(&self->other, 0));
	EXPECT_EQ(-EBUSY, shs_trylock(&self->mine));
	EXPECT_EQ(-EBUSY, shs_tryrdlock(&self->mine, 0));
	EXPECT_EQ(0, shs_info(self->fd).readers);
	EXPECT_EQ(0, shs_info(self->fd).waiters);
	EXPECT_EQ(0, shs_unlock(&self->mine));
	EXPECT_EQ(0, shs_info(self->fd).state);
	EXPECT_EQ(0, shs_tryrdlock(&self->other, 0));
}

/* Every reader has to be out before a writer is in. */
TEST_F(rwlock, readers_exclude)
{
	EXPECT_EQ(0, shs_rdlock(&self->mine, 0));
	EXPECT_EQ(0, shs_rdlock(&self->other, 0));
	EXPECT_EQ(-EBUSY, shs_trylock(&self->third));
	EXPECT_EQ(0, shs_rdunlock(&self->mine, 0));
	EXPECT_EQ(-EBUSY, shs_trylock(&self->third));
	EXPECT_EQ(-EBUSY, shs_trylock(&self->other));
	EXPECT_EQ(0, shs_rdunlock(&self->other, 0));
	EXPECT_EQ(0, shs_trylock(&self->third));
}

/* Unlocking what one does not hold, or by another lane, undoes nobody's lock. */
TEST_F(rwlock, unlock_of_others)
{
	EXPECT_EQ(-EPERM, shs_unlock(&self->mine));
	EXPECT_EQ(-EPERM, shs_rdunlock(&self->mine, 0));
	EXPECT_EQ(0, shs_rdlock(&self->mine, 1));
	EXPECT_EQ(-EPERM, shs_rdunlock(&self->mine, 0));
	EXPECT_EQ(-EPERM, shs_rdunlock(&self->other, 1));
	EXPECT_EQ(-EPERM, shs_unlock(&self->mine));
	EXPECT_EQ(1, shs_info(self->fd).readers);
	EXPECT_EQ(0, shs_rdunlock(&self->mine, 1));
	EXPECT_EQ(0, shs_lock(&self->mine));
	EXPECT_EQ(-EPERM, shs_unlock(&self->other));
	EXPECT_EQ(-EPERM, shs_rdunlock(&self->mine, 0));
	EXPECT_EQ(SHS_STATE_HELD, shs_info(self->fd).state);
}

/* Lanes that do not exist; a writer has none at all. */
TEST_F(rwlock, lanes)
{
	__u32 lanes = self->mine.is.lanes, beyond[] = { lanes, lanes + 1, 1U << 31, ~0U };

	ASSERT_LE(2, lanes);
	for (int i = 0; i < ARRAY_SIZE(beyond); i++) {
		EXPECT_EQ(-EINVAL, shs_rdlock(&self->mine, beyond[i]));
		EXPECT_EQ(-EINVAL, shs_rdunlock(&self->mine, beyond[i]));
	}
	EXPECT_EQ(-EINVAL, shs_lock_as(&self->mine, &SHS_LOCK(.lane = 1)));
	EXPECT_EQ(-EINVAL, shs_lock_as(&self->mine, &SHS_LOCK(
			.mode = SHS_MODE_UPGRADABLE + 1)));
	EXPECT_EQ(0, shs_info(self->fd).readers);
	for (__u32 i = 0; i < lanes; i++)
		EXPECT_EQ(0, shs_rdlock(&self->mine, i));
	EXPECT_EQ(lanes, shs_info(self->fd).readers);
	EXPECT_EQ(-EBUSY, shs_trylock(&self->other));
	for (__u32 i = 0; i < lanes; i++) {
		EXPECT_EQ(-EBUSY, shs_trylock(&self->other));
		EXPECT_EQ(0, shs_rdunlock(&self->mine, i));
	}
	EXPECT_EQ(0, shs_trylock(&self->other));
}

/* Several threads may share a lane: it counts. */
TEST_F(rwlock, lane_counts)
{
	for (int i = 0; i < 3; i++)
		EXPECT_EQ(0, shs_rdlock(&self->mine, 0));
	EXPECT_EQ(3, lane(&self->mine, 0));
	EXPECT_EQ(3, shs_info(self->fd).readers);
	for (int i = 0; i < 3; i++) {
		EXPECT_EQ(-EBUSY, shs_trylock(&self->other));
		EXPECT_EQ(0, shs_rdunlock(&self->mine, 0));
	}
	EXPECT_EQ(0, shs_trylock(&self->other));
}

/* What a reader writes into its lane itself counts as well. */
TEST_F(rwlock, lane_written_by_the_reader)
{
	__u64 *count = shs_lane(&self->mine, 0);

	EXPECT_EQ(0, shs_rdlock(&self->mine, 0));
	__atomic_sub_fetch(count, 1, __ATOMIC_SEQ_CST);
	EXPECT_EQ(0, shs_info(self->fd).readers);
	EXPECT_EQ(0, shs_trylock(&self->other));
	EXPECT_EQ(0, shs_unlock(&self->other));
	EXPECT_EQ(-EPERM, shs_rdunlock(&self->mine, 0));
	/* One that lies about itself locks a writer out, and nothing worse. */
	*count = ~0ULL;
	EXPECT_EQ(-ETIMEDOUT, shs_lock_as(&self->other, &SHS_LOCK()));
	EXPECT_EQ(0, shs_tryrdlock(&self->other, 0));
	EXPECT_EQ(0, shs_rdunlock(&self->other, 0));
	EXPECT_EQ(0, munmap(self->mine.private, self->mine.is.private_size));
	EXPECT_EQ(0, shs_trylock(&self->other));
}

/* Deadlines, of writers behind a reader and of readers behind a writer. */
TEST_F(rwlock, deadlines)
{
	for (__u32 mode = SHS_MODE_EXCLUSIVE; mode <= SHS_MODE_READ; mode++) {
		__u32 holder = mode == SHS_MODE_READ ? SHS_MODE_EXCLUSIVE : SHS_MODE_READ;

		EXPECT_EQ(0, shs_lock_as(&self->mine, &SHS_LOCK(.mode = holder)));
		for (int clock = SHS_CLOCK_MONOTONIC; clock <= SHS_CLOCK_BOOTTIME; clock++) {
			__u64 near = shs_now(clock) + 20 * SHS_MS;

			EXPECT_EQ(-ETIMEDOUT, shs_lock_as(&self->other, &SHS_LOCK(
					.mode = mode, .clock = clock)));
			EXPECT_EQ(-ETIMEDOUT, shs_lock_as(&self->other, &SHS_LOCK(
					.mode = mode, .clock = clock, .deadline = near)));
			EXPECT_LE(near, shs_now(clock));
		}
		EXPECT_EQ(0, shs_info(self->fd).waiters);
		EXPECT_EQ(mode != SHS_MODE_READ, shs_info(self->fd).readers);
		EXPECT_EQ(0, self->mine.control->wpending);
		EXPECT_EQ(0, shs_unlock_as(&self->mine, &SHS_LOCK(.mode = holder)));
		/* It was a look only: the lock is free, and taken at once. */
		EXPECT_EQ(0, shs_lock_as(&self->other, &SHS_LOCK(.mode = mode)));
		EXPECT_EQ(0, shs_unlock_as(&self->other, &SHS_LOCK(.mode = mode)));
	}
}

/* The control page says that a writer waits, as long as one does. */
TEST_F(rwlock, wpending)
{
	pid_t writer;

	EXPECT_EQ(0, self->mine.control->wpending);
	EXPECT_EQ(0, shs_rdlock(&self->mine, 0));
	writer = locker(self->fd, WRITE_FOREVER, NULL);
	SHS_AWAIT(self->fd, info.waiters == 1);
	EXPECT_EQ(1, self->mine.control->wpending);
	EXPECT_EQ(-SIGKILL, shs_kill(writer));
	EXPECT_EQ(0, self->mine.control->wpending);
	writer = locker(self->fd, WRITE_FOREVER, NULL);
	SHS_AWAIT(self->fd, info.waiters == 1);
	EXPECT_EQ(0, shs_rdunlock(&self->mine, 0));
	EXPECT_EQ(0, shs_reap(writer));
	EXPECT_EQ(0, self->mine.control->wpending);
}

/* A writer that waits is not overtaken by readers who come later. */
TEST_F(rwlock, writer_is_not_overtaken)
{
	struct shs_pipe writes = shs_pipe();
	pid_t writer, reader;

	EXPECT_EQ(0, shs_rdlock(&self->mine, 0));
	writer = locker(self->fd, WRITE_FOREVER, &writes);
	SHS_AWAIT(self->fd, info.waiters == 1);
	EXPECT_EQ(-EBUSY, shs_tryrdlock(&self->other, 0));
	reader = locker(self->fd, READ_FOREVER, NULL);
	SHS_AWAIT(self->fd, info.waiters == 2);
	EXPECT_EQ(1, shs_info(self->fd).readers);
	EXPECT_EQ(0, shs_rdunlock(&self->mine, 0));
	SHS_AWAIT(self->fd, info.holder_pid == writer);
	SHS_AWAIT(self->fd, info.waiters == 1);
	shs_say(&writes);
	EXPECT_EQ(0, shs_reap(writer));
	EXPECT_EQ(0, shs_reap(reader));
}

/* Readers that waited behind a writer are let in together, however many. */
TEST_F(rwlock, readers_go_together)
{
	struct shs_pipe reads = shs_pipe();
	pid_t reader[20];

	EXPECT_EQ(0, shs_lock(&self->mine));
	for (int i = 0; i < 20; i++)
		reader[i] = locker(self->fd, READ_FOREVER, &reads);
	SHS_AWAIT(self->fd, info.waiters == 20);
	EXPECT_EQ(0, shs_unlock(&self->mine));
	SHS_AWAIT(self->fd, info.readers == 20);
	shs_gate_open(&reads);
	for (int i = 0; i < 20; i++)
		EXPECT_EQ(0, shs_reap(reader[i]));
}

static void on_signal(int number)
{
}

/* When the writer they queued behind gives up, readers need wait no longer. */
TEST_F(rwlock, writer_gives_up)
{
	struct sigaction action = { .sa_handler = on_signal };

	sigaction(SIGUSR1, &action, NULL);
	for (int killed = 0; killed < 2; killed++) {
		struct shs_pipe reads = shs_pipe();
		pid_t writer, reader;

		EXPECT_EQ(0, shs_rdlock(&self->mine, 0));
		writer = locker(self->fd, WRITE_FOREVER, NULL);
		SHS_AWAIT(self->fd, info.waiters == 1);
		reader = locker(self->fd, READ_FOREVER, &reads);
		SHS_AWAIT(self->fd, info.waiters == 2);
		kill(writer, killed ? SIGKILL : SIGUSR1);
		EXPECT_EQ(killed ? -SIGKILL : EINTR, shs_reap(writer));
		SHS_AWAIT(self->fd, info.readers == 2);
		EXPECT_EQ(0, shs_info(self->fd).waiters);
		shs_gate_open(&reads);
		EXPECT_EQ(0, shs_reap(reader));
		EXPECT_EQ(0, shs_rdunlock(&self->mine, 0));
	}
}

/* A signal ends either wait with -EINTR; SA_RESTART lets it go on. */
TEST_F(rwlock, interrupted)
{
	struct sigaction action = { .sa_handler = on_signal };

	for (__u32 mode = SHS_MODE_EXCLUSIVE; mode <= SHS_MODE_READ; mode++) {
		pid_t child;

		EXPECT_EQ(0, shs_lock(&self->mine));
		action.sa_flags = 0;
		sigaction(SIGUSR1, &action, NULL);
		child = locker(self->fd, &SHS_LOCK(.mode = mode, .deadline = SHS_FOREVER), NULL);
		SHS_AWAIT(self->fd, info.waiters == 1);
		kill(child, SIGUSR1);
		EXPECT_EQ(EINTR, shs_reap(child));
		EXPECT_EQ(0, shs_info(self->fd).waiters);
		action.sa_flags = SA_RESTART;
		sigaction(SIGUSR1, &action, NULL);
		child = locker(self->fd, &SHS_LOCK(.mode = mode, .deadline = SHS_FOREVER), NULL);
		SHS_AWAIT(self->fd, info.waiters == 1);
		kill(child, SIGUSR1);
		EXPECT_EQ(0, shs_unlock(&self->mine));
		EXPECT_EQ(0, shs_reap(child));
	}
}

/* Who may only read the object may hold a read lock, and no other. */
TEST_F(rwlock, read_only)
{
	struct shs_att att;
	int ro;

	ASSERT_EQ(0, shs_link(self->fd, "rwlock"));
	ro = shs_open("rwlock", O_RDONLY);
	ASSERT_EQ(0, shs_attach(&att, ro));
	EXPECT_EQ(-EACCES, shs_lock(&att));
	EXPECT_EQ(-EACCES, shs_trylock(&att));
	EXPECT_EQ(0, shs_info(self->fd).state);
	EXPECT_EQ(0, shs_rdlock(&att, 0));
	EXPECT_EQ(-EBUSY, shs_trylock(&self->mine));
	EXPECT_EQ(0, shs_rdunlock(&att, 0));
	EXPECT_EQ(0, shs_op(ro, &SHS_OP(READ)));
	EXPECT_EQ(-EACCES, shs_op(ro, &SHS_OP(WRITE, .arg = 1)));
	EXPECT_EQ(-EACCES, shs_op(ro, &SHS_OP(ADD, .arg = 1)));
}

/* A child owns nothing of its parent's; without the private region nobody owns. */
TEST_F(rwlock, not_an_owner)
{
	struct shs_att att;
	pid_t child;

	EXPECT_EQ(0, shs_rdlock(&self->mine, 0));
	child = shs_fork();
	if (!child) {
		EXPECT_EQ(-ESTALE, shs_rdunlock(&self->mine, 0));
		EXPECT_EQ(-ESTALE, shs_rdlock(&self->mine, 0));
		EXPECT_EQ(-ESTALE, shs_lock(&self->other));
		_exit(0);
	}
	EXPECT_EQ(0, shs_reap(child));
	EXPECT_EQ(1, shs_info(self->fd).readers);
	ASSERT_EQ(0, shs_attach_only(&att, self->fd));
	EXPECT_EQ(-ENXIO, shs_rdlock(&att, 0));
	EXPECT_EQ(-ENXIO, shs_rdunlock(&att, 0));
	EXPECT_EQ(-ENXIO, shs_lock(&att));
	EXPECT_EQ(1, shs_info(self->fd).readers);
}

/* Operations read beside readers, and wait for a writer; they write beside nobody. */
TEST_F(rwlock, operations_while_held)
{
	__s64 *value = shs_value(&self->mine);
	static const __u32 codes[] = { SHS_OP_WRITE, SHS_OP_ADD, SHS_OP_READ };

	EXPECT_EQ(0, shs_op(self->fd, &SHS_OP(WRITE, .arg = 5)));
	EXPECT_EQ(5, value[0]);
	EXPECT_EQ(0, shs_rdlock(&self->mine, 0));
	EXPECT_EQ(5, shs_get(self->fd, SHS_OP_READ, 0));
	for (int writer = 0; writer < 2; writer++) {
		for (int i = 0; i < 2 + writer; i++) {
			struct shs_ioc_op op = { .size = sizeof(op), .op = codes[i],
						 .arg = codes[i] != SHS_OP_READ };

			EXPECT_EQ(-ETIMEDOUT, shs_op(self->fd, &op));
			op.deadline = shs_now(SHS_CLOCK_MONOTONIC) + 10 * SHS_MS;
			EXPECT_EQ(-ETIMEDOUT, shs_op(self->fd, &op));
			op.deadline = SHS_FOREVER;
			op.flags = SHS_OP_NOWAIT;
			EXPECT_EQ(-EBUSY, shs_op(self->fd, &op));
		}
		EXPECT_EQ(5, shs_peek(self->fd, 0));
		if (!writer) {
			EXPECT_EQ(0, shs_rdunlock(&self->mine, 0));
			EXPECT_EQ(0, shs_lock(&self->mine));
		}
	}
	EXPECT_EQ(5, value[0]);
	EXPECT_EQ(0, shs_unlock(&self->mine));
	EXPECT_EQ(0, shs_op(self->fd, &SHS_OP(ADD, .arg = 1)));
	EXPECT_EQ(6, value[0]);
	EXPECT_EQ(0, shs_info(self->fd).state);
	EXPECT_EQ(0, shs_info(self->fd).readers);
}

/* By io_uring the same, but it never waits. */
TEST_F(rwlock, operations_by_uring)
{
	struct shs_ioc_op add = SHS_OP(ADD, .arg = 1, .deadline = SHS_FOREVER);
	struct shs_ioc_op read = SHS_OP(READ, .deadline = SHS_FOREVER);

	SHS_NEED_DOOR(SHS_URING);
	EXPECT_EQ(0, shs_rdlock(&self->mine, 0));
	EXPECT_EQ(0, shs_uring_op(self->fd, &read));
	EXPECT_EQ(-EBUSY, shs_uring_op(self->fd, &add));
	EXPECT_EQ(0, shs_rdunlock(&self->mine, 0));
	EXPECT_EQ(0, shs_lock(&self->mine));
	EXPECT_EQ(-EBUSY, shs_uring_op(self->fd, &read));
	EXPECT_EQ(-EBUSY, shs_uring_op(self->fd, &add));
	EXPECT_EQ(0, shs_unlock(&self->mine));
	EXPECT_EQ(0, shs_uring_op(self->fd, &add));
	EXPECT_EQ(1, shs_peek(self->fd, 0));
}

/* An operation queues like anybody, and is served when the holder releases. */
TEST_F(rwlock, operation_waits)
{
	pid_t writer, reader;

	EXPECT_EQ(0, shs_lock(&self->mine));
	writer = shs_fork();
	if (!writer)
		_exit(-shs_op(self->fd, &SHS_OP(ADD, .arg = 7, .deadline = SHS_FOREVER)));
	SHS_AWAIT(self->fd, info.waiters == 1);
	reader = shs_fork();
	if (!reader) {
		struct shs_ioc_op op = SHS_OP(READ, .deadline = SHS_FOREVER);

		_exit(shs_op(self->fd, &op) ? 100 : op.result);
	}
	SHS_AWAIT(self->fd, info.waiters == 2);
	EXPECT_EQ(0, shs_unlock(&self->mine));
	EXPECT_EQ(0, shs_reap(writer));
	EXPECT_EQ(7, shs_reap(reader));
}

/*
 * Writers change two numbers, one after the other; readers never see them differ,
 * and no change is lost.
 */
TEST_F(rwlock, exclusion)
{
	unsigned long rounds = shs_scale(2000);
	struct shs_pipe gate = shs_pipe();
	pid_t child[5];

	for (int i = 0; i < 5; i++) {
		volatile __s64 *value;
		struct shs_att att;

		child[i] = shs_fork();
		if (child[i])
			continue;
		if (shs_attach(&att, self->fd))
			_exit(1);
		value = shs_value(&att);
		shs_gate_pass(&gate);
		for (unsigned long n = 0; n < rounds; n++) {
			if (i >= 2) {
				if (shs_rdlock(&att, i))
					_exit(2);
				if (value[0] != value[1])
					_exit(3);
				if (shs_rdunlock(&att, i))
					_exit(4);
				continue;
			}
			if (shs_lock(&att))
				_exit(5);
			value[0] = value[0] + 1;
			value[1] = value[1] + 1;
			if (shs_unlock(&att))
				_exit(6);
		}
		_exit(0);
	}
	shs_gate_open(&gate);
	for (int i = 0; i < 5; i++)
		EXPECT_EQ(0, shs_reap(child[i]));
	EXPECT_EQ(2 * rounds, shs_peek(self->fd, 0));
	EXPECT_EQ(2 * rounds, shs_peek(self->fd, 1));
	EXPECT_EQ(0, shs_info(self->fd).readers);
	EXPECT_EQ(0, shs_info(self->fd).deaths);
}

/* The same by single operations: ADD against bytes that are read as one. */
TEST_F(rwlock, operations_exclude)
{
	unsigned long rounds = shs_scale(2000);
	struct shs_pipe gate = shs_pipe();
	pid_t child[4];

	for (int i = 0; i < 4; i++) {
		child[i] = shs_fork();
		if (child[i])
			continue;
		shs_gate_pass(&gate);
		for (unsigned long n = 0; n < rounds; n++) {
			__s64 both[2], same[2] = { n, n };

			if (i >= 2) {
				if (shs_op(self->fd, &SHS_OP(READ, .flags = SHS_OP_BYTES,
						.addr = (unsigned long)both, .len = 16,
						.deadline = SHS_FOREVER)))
					_exit(1);
				if (both[0] != both[1])
					_exit(2);
			} else if (shs_op(self->fd, &SHS_OP(WRITE, .flags = SHS_OP_BYTES,
					.addr = (unsigned long)same, .len = 16,
					.deadline = SHS_FOREVER))) {
				_exit(3);
			}
		}
		_exit(0);
	}
	shs_gate_open(&gate);
	for (int i = 0; i < 4; i++)
		EXPECT_EQ(0, shs_reap(child[i]));
}

/* Readers without a pause between them do not keep a writer out. */
TEST_F(rwlock, writer_is_not_starved)
{
	pid_t reader[3];

	for (int i = 0; i < 3; i++) {
		struct shs_att att;

		reader[i] = shs_fork();
		if (reader[i])
			continue;
		if (shs_attach(&att, self->fd))
			_exit(1);
		shs_rdlock(&att, 0);
		shs_say(&self->ready);
		/* Always inside with one lane or the other, but for what FIFO imposes. */
		for (int n = 0;; n = !n) {
			shs_tryrdlock(&att, !n);
			shs_rdunlock(&att, n);
			if (!lane(&att, !n))
				shs_rdlock(&att, !n);
		}
	}
	for (int i = 0; i < 3; i++)
		shs_hear(&self->ready);
	for (unsigned long n = 0; n < shs_scale(20); n++) {
		EXPECT_EQ(0, shs_lock(&self->mine));
		EXPECT_EQ(0, shs_unlock(&self->mine));
	}
	for (int i = 0; i < 3; i++)
		EXPECT_EQ(-SIGKILL, shs_kill(reader[i]));
	EXPECT_EQ(0, shs_trylock(&self->mine));
}

/* A value as long as they come, written by one process and peeked at by others. */
FIXTURE(peek) {
	int fd;
	struct shs_pipe gate;
};

FIXTURE_VARIANT(peek) {
	__u32 kind;
};

FIXTURE_VARIANT_ADD(peek, mutex) { SHS_KIND_MUTEX };
FIXTURE_VARIANT_ADD(peek, rwlock) { SHS_KIND_RWLOCK };

FIXTURE_SETUP(peek)
{
	SHS_MOUNT("");
	self->fd = shs_create(variant->kind, SHS_TYPE_BYTES, SHS_VALUE_MAX);
	ASSERT_LE(0, self->fd);
	self->gate = shs_pipe();
}

FIXTURE_TEARDOWN(peek)
{
}

static int bytes_op(int fd, enum shs_opcode code, void *bytes)
{
	struct shs_ioc_op op = { .size = sizeof(op), .op = code, .flags = SHS_OP_BYTES,
				 .addr = (uintptr_t)bytes, .len = SHS_VALUE_MAX,
				 .deadline = SHS_FOREVER };

	return shs_op(fd, &op);
}

/*
 * PEEK takes no lock, so it may see what a process is changing; but a single
 * operation it sees wholly or not at all: object->guard holds it off.
 */
TEST_F(peek, not_within_an_operation)
{
	static unsigned char bytes[SHS_VALUE_MAX];
	unsigned long rounds = shs_scale(3000), changes = 0, torn = 0;
	pid_t writer = shs_fork();
	unsigned char last = 0;

	if (!writer) {
		shs_gate_pass(&self->gate);
		for (unsigned long round = 0;; round++) {
			memset(bytes, round, sizeof(bytes));
			if (bytes_op(self->fd, SHS_OP_WRITE, bytes))
				_exit(1);
		}
	}
	shs_gate_open(&self->gate);
	for (unsigned long round = 0; round < rounds || changes < rounds / 10; round++) {
		ASSERT_EQ(0, bytes_op(self->fd, SHS_OP_PEEK, bytes));
		torn += memcmp(bytes, bytes + 1, sizeof(bytes) - 1) != 0;
		changes += bytes[0] != last;
		last = bytes[0];
	}
	EXPECT_EQ(-SIGKILL, shs_kill(writer));
	EXPECT_EQ(0, torn);
}

TEST_HARNESS_MAIN
