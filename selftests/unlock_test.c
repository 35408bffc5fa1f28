// SPDX-License-Identifier: GPL-2.0-only
/*
 * Giving a lock back in more than the usual way: to the one who waits longest, or
 * with the word that what it guards is not as it should be.
 */
#include "shs.h"

#define U SHS_MODE_UPGRADABLE
#define FAIR SHS_UNLOCK_FAIR
#define ABANDON SHS_UNLOCK_ABANDON

FIXTURE(unlock) {
	int fd, rwfd, cellfd;
	struct shs_att mine, other, rw, rwother, cell, cellother;
};

FIXTURE_SETUP(unlock)
{
	SHS_MOUNT("");
	self->fd = shs_create(SHS_KIND_MUTEX, SHS_TYPE_I64, 1);
	self->rwfd = shs_create(SHS_KIND_RWLOCK, SHS_TYPE_I64, 1);
	self->cellfd = shs_create(SHS_KIND_CELL, SHS_TYPE_I64, 1);
	ASSERT_EQ(0, shs_attach(&self->mine, self->fd));
	ASSERT_EQ(0, shs_attach(&self->other, self->fd));
	ASSERT_EQ(0, shs_attach(&self->rw, self->rwfd));
	ASSERT_EQ(0, shs_attach(&self->rwother, self->rwfd));
	ASSERT_EQ(0, shs_attach(&self->cell, self->cellfd));
	ASSERT_EQ(0, shs_attach(&self->cellother, self->cellfd));
}

FIXTURE_TEARDOWN(unlock)
{
}

static int give(const struct shs_att *att, __u32 mode, __u32 flags)
{
	return shs_unlock_as(att, &SHS_LOCK(.mode = mode, .flags = flags));
}

static int try(const struct shs_att *att, __u32 mode)
{
	return shs_lock_as(att, &SHS_LOCK(.mode = mode, .flags = SHS_LOCK_NOWAIT));
}

/* A child that locks, unlocks after the gate opened, and exits with what it got. */
static pid_t locker(int fd, __u32 mode, struct shs_pipe *gate)
{
	__u32 before = shs_info(fd).waiters;
	pid_t child = shs_fork();
	struct shs_att att;
	int ret;
	char c;

	if (!child) {
		if (gate)	/* before it waits, or who passes waits for it */
			close(gate->end[1]);
		if (shs_attach(&att, fd))
			_exit(255);
		ret = shs_lock_as(&att, &SHS_LOCK(.mode = mode, .deadline = SHS_FOREVER));
		if (gate && read(gate->end[0], &c, 1))
			_exit(253);
		if ((!ret || ret == -EOWNERDEAD) && give(&att, mode, 0))
			_exit(254);
		_exit(-ret);
	}
	SHS_AWAIT(fd, info.waiters == before + 1);
	return child;
}

/* Without anybody who waits it is an unlock. */
TEST_F(unlock, fair_alone)
{
	EXPECT_EQ(0, shs_lock(&self->mine));
	EXPECT_EQ(0, give(&self->mine, 0, FAIR));
	EXPECT_EQ(0, self->mine.shared->word);
	EXPECT_EQ(0, shs_trylock(&self->other));
	EXPECT_EQ(0, give(&self->other, 0, FAIR));
}

/* The one at the head has it when the call returns, however short it waited. */
TEST_F(unlock, fair_handoff)
{
	for (unsigned long round = 0; round < shs_scale(50); round++) {
		struct shs_pipe gate = shs_pipe();
		pid_t first, second;

		EXPECT_EQ(0, shs_lock(&self->mine));
		first = locker(self->fd, 0, &gate);
		second = locker(self->fd, 0, &gate);
		EXPECT_EQ(0, give(&self->mine, 0, FAIR));
		EXPECT_EQ(-EBUSY, shs_trylock(&self->mine));
		EXPECT_EQ(-EBUSY, shs_trylock(&self->other));
		EXPECT_EQ(first, shs_info(self->fd).holder_pid);
		SHS_AWAIT(self->fd, info.waiters == 1);
		shs_gate_open(&gate);
		EXPECT_EQ(0, shs_reap(first));
		EXPECT_EQ(0, shs_reap(second));
		close(gate.end[0]);
		EXPECT_EQ(0, self->mine.shared->word);
	}
}

/* Without FAIR a young waiter competes: here with one that keeps it from running. */
TEST_F(unlock, not_fair)
{
	pid_t child;
	int barged = 0;

	for (int round = 0; round < 200 && !barged; round++) {
		EXPECT_EQ(0, shs_lock(&self->mine));
		child = locker(self->fd, 0, NULL);
		EXPECT_EQ(0, shs_hold_off(child));
		EXPECT_EQ(0, shs_unlock(&self->mine));
		if (!shs_trylock(&self->other)) {
			barged++;
			EXPECT_EQ(0, give(&self->other, 0, FAIR));
			EXPECT_EQ(child, shs_info(self->fd).holder_pid);
		}
		shs_let_go();
		EXPECT_EQ(0, shs_reap(child));
	}
}

/* One that is handed the lock and killed before it knows passes it on. */
TEST_F(unlock, fair_to_the_killed)
{
	for (__u32 flags = FAIR; flags <= (FAIR | ABANDON); flags += ABANDON) {
		struct shs_pipe gate = shs_pipe();
		pid_t first, second;

		EXPECT_EQ(0, shs_lock(&self->mine));
		first = locker(self->fd, 0, NULL);
		second = locker(self->fd, 0, &gate);
		ASSERT_EQ(0, shs_hold_off(first));
		EXPECT_EQ(0, give(&self->mine, 0, flags));
		EXPECT_EQ(first, shs_info(self->fd).holder_pid);
		kill(first, SIGKILL);
		shs_let_go();
		EXPECT_EQ(-SIGKILL, shs_reap(first));
		shs_gate_open(&gate);
		EXPECT_EQ(flags & ABANDON ? EOWNERDEAD : 0, shs_reap(second));
		EXPECT_EQ(0, self->mine.shared->word);
	}
}

/* A FIFO mutex is fair without being told. */
TEST_F(unlock, fifo)
{
	struct shs_pipe gate = shs_pipe();
	int fd = shs_create_as(&SHS_INIT(.kind = SHS_KIND_MUTEX, .flags = SHS_INIT_FIFO));
	struct shs_att att;
	pid_t child;

	ASSERT_EQ(0, shs_attach(&att, fd));
	EXPECT_EQ(0, shs_lock(&att));
	EXPECT_EQ(0, give(&att, 0, FAIR));
	EXPECT_EQ(SHS_WORD_KERNEL, att.shared->word);
	EXPECT_EQ(0, shs_lock(&att));
	child = locker(fd, 0, &gate);
	EXPECT_EQ(0, give(&att, 0, FAIR | ABANDON));
	EXPECT_EQ(child, shs_info(fd).holder_pid);
	shs_gate_open(&gate);
	EXPECT_EQ(EOWNERDEAD, shs_reap(child));
	EXPECT_EQ(0, shs_lock(&att));
	EXPECT_EQ(0, give(&att, 0, ABANDON));
	EXPECT_EQ(-EOWNERDEAD, shs_lock(&att));
}

/* The next owner is told, once, and nobody died. */
TEST_F(unlock, abandon)
{
	struct shs_ioc_death death;
	struct shs_ioc_op op;

	EXPECT_EQ(0, shs_lock(&self->mine));
	EXPECT_EQ(0, give(&self->mine, 0, ABANDON));
	EXPECT_EQ(SHS_WORD_DIED, self->mine.shared->word);
	EXPECT_EQ(SHS_STATE_OWNER_DIED, shs_info(self->fd).state);
	EXPECT_EQ(0, shs_info(self->fd).deaths);
	EXPECT_EQ(-ENODATA, shs_death(self->fd, &death));
	op = SHS_OP(READ);
	EXPECT_EQ(0, shs_op(self->fd, &op));
	EXPECT_EQ(SHS_NOTICE_OWNER_DIED, op.notice);
	EXPECT_EQ(-EUCLEAN, shs_op(self->fd, &SHS_OP(WRITE, .arg = 4)));
	EXPECT_EQ(-EOWNERDEAD, shs_lock(&self->other));
	EXPECT_EQ(0, shs_unlock(&self->other));
	EXPECT_EQ(0, shs_lock(&self->mine));
	EXPECT_EQ(0, give(&self->mine, 0, ABANDON));
	op = SHS_OP(WRITE, .arg = 4, .flags = SHS_OP_RECOVER);
	EXPECT_EQ(0, shs_op(self->fd, &op));
	EXPECT_EQ(SHS_NOTICE_OWNER_DIED, op.notice);
	EXPECT_EQ(0, shs_lock(&self->mine));
	EXPECT_EQ(4, shs_peek(self->fd, 0));
}

/* Also the one who waits, and only the first of them. */
TEST_F(unlock, abandon_to_a_waiter)
{
	pid_t first, second;

	for (__u32 flags = ABANDON; flags <= (FAIR | ABANDON); flags += FAIR) {
		EXPECT_EQ(0, shs_lock(&self->mine));
		first = locker(self->fd, 0, NULL);
		second = locker(self->fd, 0, NULL);
		EXPECT_EQ(0, give(&self->mine, 0, flags));
		EXPECT_EQ(EOWNERDEAD, shs_reap(first));
		EXPECT_EQ(0, shs_reap(second));
		EXPECT_EQ(0, shs_info(self->fd).state);
	}
}

/* Also the one whom a condvar gives it back. */
TEST_F(unlock, abandon_to_a_condvar_waiter)
{
	int condvar = shs_create(SHS_KIND_CONDVAR, SHS_TYPE_NONE, 0);
	pid_t child = shs_fork();

	if (!child) {
		struct shs_att mutex, waiting;
		struct shs_ioc_wait wait;

		if (shs_attach(&mutex, self->fd) || shs_attach(&waiting, condvar) ||
		    shs_lock(&mutex))
			_exit(255);
		wait = SHS_WAIT(.mutex_fd = mutex.fd, .deadline = SHS_FOREVER);
		_exit(-shs_wait(&waiting, &wait));
	}
	SHS_AWAIT(condvar, info.waiters == 1);
	EXPECT_EQ(0, shs_lock(&self->mine));
	EXPECT_EQ(0, shs_op(condvar, &SHS_OP(NOTIFY, .arg = 1)));
	SHS_AWAIT(self->fd, info.waiters == 1);
	EXPECT_EQ(0, give(&self->mine, 0, ABANDON));
	EXPECT_EQ(EOWNERDEAD, shs_reap(child));
}

/* Of a rwlock the writer: readers are told until a writer was. */
TEST_F(unlock, abandon_rwlock)
{
	EXPECT_EQ(0, try(&self->rw, SHS_MODE_EXCLUSIVE));
	EXPECT_EQ(0, give(&self->rw, SHS_MODE_EXCLUSIVE, ABANDON));
	EXPECT_EQ(SHS_STATE_OWNER_DIED, shs_info(self->rwfd).state);
	EXPECT_EQ(-EUCLEAN, shs_op(self->rwfd, &SHS_OP(ADD, .arg = 1)));
	EXPECT_EQ(-EOWNERDEAD, try(&self->rwother, SHS_MODE_READ));
	EXPECT_EQ(0, give(&self->rwother, SHS_MODE_READ, 0));
	EXPECT_EQ(-EOWNERDEAD, try(&self->rwother, U));
	EXPECT_EQ(0, give(&self->rwother, U, ABANDON));
	EXPECT_EQ(-EOWNERDEAD, try(&self->rwother, SHS_MODE_EXCLUSIVE));
	EXPECT_EQ(0, give(&self->rwother, SHS_MODE_EXCLUSIVE, 0));
	EXPECT_EQ(0, try(&self->rwother, SHS_MODE_READ));
	EXPECT_EQ(0, shs_info(self->rwfd).deaths);
}

/* Who only might have written has nothing to tell of. */
TEST_F(unlock, abandon_upgradable)
{
	EXPECT_EQ(0, try(&self->rw, U));
	EXPECT_EQ(0, give(&self->rw, U, ABANDON));
	EXPECT_EQ(0, shs_info(self->rwfd).state);
	EXPECT_EQ(0, try(&self->rwother, SHS_MODE_EXCLUSIVE));
}

TEST_F(unlock, abandon_rwlock_to_a_waiter)
{
	pid_t reader, writer, last;

	EXPECT_EQ(0, try(&self->rw, SHS_MODE_EXCLUSIVE));
	reader = locker(self->rwfd, SHS_MODE_READ, NULL);
	writer = locker(self->rwfd, SHS_MODE_EXCLUSIVE, NULL);
	last = locker(self->rwfd, SHS_MODE_READ, NULL);
	EXPECT_EQ(0, give(&self->rw, SHS_MODE_EXCLUSIVE, ABANDON));
	EXPECT_EQ(EOWNERDEAD, shs_reap(reader));
	EXPECT_EQ(EOWNERDEAD, shs_reap(writer));
	EXPECT_EQ(0, shs_reap(last));
}

/* The value of a cell is whole, whoever stopped where: there is nothing to tell. */
TEST_F(unlock, abandon_cell)
{
	EXPECT_EQ(0, shs_lock(&self->cell));
	EXPECT_EQ(0, give(&self->cell, 0, ABANDON));
	EXPECT_EQ(0, self->cell.shared->word);
	EXPECT_EQ(0, shs_info(self->cellfd).state);
	EXPECT_EQ(0, shs_lock(&self->cellother));
	EXPECT_EQ(0, shs_unlock(&self->cellother));
	EXPECT_EQ(0, shs_op(self->cellfd, &SHS_OP(STORE, .arg = 1)));
}

/* Who does not hold gives nothing back and says nothing about it. */
TEST_F(unlock, not_the_owner)
{
	for (__u32 flags = FAIR; flags <= (FAIR | ABANDON); flags++) {
		EXPECT_EQ(-EPERM, give(&self->mine, 0, flags));
		EXPECT_EQ(0, self->mine.shared->word);
		EXPECT_EQ(0, shs_lock(&self->other));
		EXPECT_EQ(-EPERM, give(&self->mine, 0, flags));
		EXPECT_EQ(self->other.is.id, self->mine.shared->word);
		EXPECT_EQ(0, shs_unlock(&self->other));
	}
	EXPECT_EQ(-EPERM, give(&self->rw, SHS_MODE_EXCLUSIVE, ABANDON));
	EXPECT_EQ(-EPERM, give(&self->rw, U, ABANDON));
	EXPECT_EQ(0, try(&self->rwother, U));
	EXPECT_EQ(-EPERM, give(&self->rw, U, ABANDON));
	EXPECT_EQ(-EPERM, give(&self->rwother, SHS_MODE_EXCLUSIVE, ABANDON));
	EXPECT_EQ(SHS_STATE_HELD | SHS_STATE_UPGRADABLE, shs_info(self->rwfd).state);
	EXPECT_EQ(-EPERM, give(&self->cell, 0, ABANDON));
}

/* What there is not, each alone; and the lock stays held. */
TEST_F(unlock, refused)
{
	EXPECT_EQ(0, shs_lock(&self->mine));
	EXPECT_EQ(0, shs_lock(&self->rw));
	EXPECT_EQ(0, shs_lock(&self->cell));
	for (int bit = 2; bit < 32; bit++) {
		EXPECT_EQ(-EINVAL, give(&self->mine, 0, 1U << bit)) TH_LOG("bit %d", bit);
		EXPECT_EQ(-EINVAL, give(&self->rw, 0, 1U << bit)) TH_LOG("bit %d", bit);
	}
	for (__u32 flags = FAIR; flags <= (FAIR | ABANDON); flags++) {
		EXPECT_EQ(-EINVAL, shs_unlock_as(&self->mine, &SHS_LOCK(
				.flags = flags, .deadline = 1)));
		EXPECT_EQ(-EINVAL, shs_unlock_as(&self->mine, &SHS_LOCK(
				.flags = flags, .clock = SHS_CLOCK_REALTIME)));
		EXPECT_EQ(-EINVAL, shs_unlock_as(&self->mine, &SHS_LOCK(
				.flags = flags, .lane = 1)));
		EXPECT_EQ(-EINVAL, give(&self->mine, SHS_MODE_READ, flags));
		EXPECT_EQ(-EINVAL, give(&self->mine, U, flags));
	}
	EXPECT_EQ(-EINVAL, give(&self->rw, 0, FAIR));
	EXPECT_EQ(-EINVAL, give(&self->rw, 0, FAIR | ABANDON));
	EXPECT_EQ(-EINVAL, give(&self->cell, 0, FAIR));
	EXPECT_EQ(SHS_STATE_HELD, shs_info(self->fd).state);
	EXPECT_EQ(SHS_STATE_HELD, shs_info(self->rwfd).state);
	EXPECT_EQ(SHS_STATE_HELD, shs_info(self->cellfd).state);
	EXPECT_EQ(0, shs_unlock(&self->rw));

	/* A reader has nothing to abandon. */
	EXPECT_EQ(0, shs_rdlock(&self->rw, 0));
	EXPECT_EQ(-EINVAL, give(&self->rw, SHS_MODE_READ, ABANDON));
	EXPECT_EQ(-EINVAL, give(&self->rw, SHS_MODE_READ, FAIR));
	EXPECT_EQ(1, shs_info(self->rwfd).readers);
	EXPECT_EQ(0, shs_info(self->rwfd).state);
	EXPECT_EQ(0, try(&self->rw, U));
	EXPECT_EQ(-EINVAL, give(&self->rw, U, FAIR));
	EXPECT_EQ(SHS_STATE_HELD | SHS_STATE_UPGRADABLE, shs_info(self->rwfd).state);
}

/* The flags of unlocking are none of locking. */
TEST_F(unlock, not_of_lock)
{
	EXPECT_EQ(-EINVAL, shs_lock_as(&self->mine, &SHS_LOCK(.flags = 1U << 1)));
	EXPECT_EQ(0, self->mine.shared->word);
}

TEST_F(unlock, not_live)
{
	struct shs_att att;
	pid_t child;

	ASSERT_EQ(0, shs_attach_only(&att, self->fd));
	EXPECT_EQ(-ENXIO, give(&att, 0, FAIR));
	EXPECT_EQ(-ENXIO, give(&att, 0, ABANDON));
	EXPECT_EQ(0, shs_lock(&self->mine));
	child = shs_fork();
	if (!child) {
		EXPECT_EQ(-ESTALE, give(&self->mine, 0, FAIR));
		EXPECT_EQ(-ESTALE, give(&self->mine, 0, ABANDON));
		_exit(0);
	}
	EXPECT_EQ(0, shs_reap(child));
	EXPECT_EQ(self->mine.is.id, self->mine.shared->word);
}

TEST_HARNESS_MAIN
