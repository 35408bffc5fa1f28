// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the death of an owner means to those who come after: news that is told once
 * (report), a state of the value until somebody vouches for it (strict), or nothing
 * at all (ignore).
 */
#include "actors.h"

enum { MUTEX = SHS_KIND_MUTEX, RWLOCK = SHS_KIND_RWLOCK };

static int create(__u32 kind, __u32 flags)
{
	return shs_create_as(&SHS_INIT(.kind = kind, .type = SHS_TYPE_U64, .count = 2,
				       .flags = flags));
}

/* An owner dies; it exits with what its lock said if that was not as expected. */
static int die(int fd, int expected)
{
	pid_t child = shs_fork();
	struct shs_att att;
	int ret;

	if (!child) {
		if (shs_attach(&att, fd))
			_exit(255);
		ret = shs_lock(&att);
		if (ret == expected)
			raise(SIGKILL);
		_exit(-ret);
	}
	ret = shs_reap(child);
	return ret == -SIGKILL ? 0 : ret;
}

/* An owner who lives leaves the value as if it had died. */
static int abandon(struct shs_att *att, int expected)
{
	int ret = shs_lock(att);

	if (ret != expected)
		return ret;
	return shs_unlock_as(att, &SHS_LOCK(.flags = SHS_UNLOCK_ABANDON));
}

static int lock_in(const struct shs_att *att, __u32 mode)
{
	return shs_lock_as(att, &SHS_LOCK(.mode = mode, .flags = SHS_LOCK_NOWAIT));
}

static int unlock_in(const struct shs_att *att, __u32 mode)
{
	return shs_unlock_as(att, &SHS_LOCK(.mode = mode));
}

/* A child that locks in a mode, or by operation, and exits with the outcome negated. */
static pid_t locker(int fd, __u32 mode)
{
	pid_t child = shs_fork();
	struct shs_att att;

	if (child)
		return child;
	if (shs_attach(&att, fd))
		_exit(255);
	_exit(-shs_lock_as(&att, &SHS_LOCK(.mode = mode, .deadline = SHS_FOREVER)));
}

static pid_t operator(int fd, struct shs_ioc_op *op)
{
	pid_t child = shs_fork();

	if (child)
		return child;
	op->deadline = SHS_FOREVER;
	_exit(-shs_op(fd, op));
}

/*
 * Every policy
 */
FIXTURE(policy) {
	int fd, told;
	struct shs_att mine, other;
};

FIXTURE_VARIANT(policy) {
	__u32 kind, flags;
};

FIXTURE_VARIANT_ADD(policy, mutex_report) { MUTEX, 0 };
FIXTURE_VARIANT_ADD(policy, mutex_strict) { MUTEX, SHS_INIT_STRICT };
FIXTURE_VARIANT_ADD(policy, mutex_ignore) { MUTEX, SHS_INIT_IGNORE };
FIXTURE_VARIANT_ADD(policy, rwlock_report) { RWLOCK, 0 };
FIXTURE_VARIANT_ADD(policy, rwlock_strict) { RWLOCK, SHS_INIT_STRICT };
FIXTURE_VARIANT_ADD(policy, rwlock_ignore) { RWLOCK, SHS_INIT_IGNORE };

FIXTURE_SETUP(policy)
{
	SHS_MOUNT("");
	self->fd = create(variant->kind, variant->flags);
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, shs_attach(&self->mine, self->fd));
	ASSERT_EQ(0, shs_attach(&self->other, self->fd));
	self->told = variant->flags & SHS_INIT_IGNORE ? 0 : -EOWNERDEAD;
}

FIXTURE_TEARDOWN(policy)
{
}

static bool is_strict(const FIXTURE_VARIANT(policy) *variant)
{
	return variant->flags & SHS_INIT_STRICT;
}

/* The next owner is told, or not; a death is on record in any case. */
TEST_F(policy, next_owner)
{
	struct shs_ioc_death death;

	EXPECT_EQ(0, die(self->fd, 0));
	EXPECT_EQ(self->told ? SHS_STATE_OWNER_DIED : 0, shs_info(self->fd).state);
	EXPECT_EQ(1, shs_info(self->fd).deaths);
	EXPECT_EQ(0, shs_death(self->fd, &death));
	EXPECT_EQ(SHS_WHY_SIGNAL, death.why);
	EXPECT_EQ(1, death.deaths);
	EXPECT_EQ(self->told, shs_trylock(&self->mine));
	EXPECT_EQ(getpid(), shs_info(self->fd).holder_pid);
	EXPECT_EQ(-EBUSY, shs_trylock(&self->other));
	if (is_strict(variant))
		EXPECT_EQ(0, shs_recover(&self->mine));
	EXPECT_EQ(SHS_STATE_HELD, shs_info(self->fd).state);
	EXPECT_EQ(0, shs_unlock(&self->mine));
	EXPECT_EQ(0, shs_info(self->fd).state);
	EXPECT_EQ(0, shs_trylock(&self->other));
}

/* Abandoned is as good as dead, but nobody died. */
TEST_F(policy, abandoned)
{
	struct shs_ioc_death death;

	EXPECT_EQ(0, abandon(&self->other, 0));
	EXPECT_EQ(self->told ? SHS_STATE_OWNER_DIED : 0, shs_info(self->fd).state);
	EXPECT_EQ(0, shs_info(self->fd).deaths);
	EXPECT_EQ(-ENODATA, shs_death(self->fd, &death));
	EXPECT_EQ(self->told, shs_trylock(&self->mine));
	if (is_strict(variant))
		EXPECT_EQ(0, shs_recover(&self->mine));
	EXPECT_EQ(0, shs_unlock(&self->mine));
	EXPECT_EQ(0, shs_trylock(&self->other));
}

/* Who was told and dies as well leaves the news behind, whatever it had mended. */
TEST_F(policy, second_owner_dies)
{
	EXPECT_EQ(0, die(self->fd, 0));
	EXPECT_EQ(0, die(self->fd, self->told));
	EXPECT_EQ(2, shs_info(self->fd).deaths);
	EXPECT_EQ(0, abandon(&self->other, self->told));
	EXPECT_EQ(2, shs_info(self->fd).deaths);
	EXPECT_EQ(self->told ? SHS_STATE_OWNER_DIED : 0, shs_info(self->fd).state);
	EXPECT_EQ(self->told, shs_trylock(&self->mine));
	if (is_strict(variant))
		EXPECT_EQ(0, shs_recover(&self->mine));
	EXPECT_EQ(0, shs_unlock(&self->mine));
	EXPECT_EQ(0, shs_trylock(&self->other));
}

/* Whoever waits already is told when it gets the lock. */
TEST_F(policy, waiter)
{
	struct actor *actor;

	EXPECT_EQ(0, shs_lock(&self->mine));
	actor = act_process(&self->fd, 1, 1);
	act_start_lock(actor, 0);
	SHS_AWAIT(self->fd, info.waiters == 1);
	EXPECT_EQ(0, munmap(self->mine.private, self->mine.is.private_size));
	EXPECT_EQ(self->told, act_end(actor));
	EXPECT_EQ(1, shs_info(self->fd).deaths);
	if (is_strict(variant))
		EXPECT_EQ(0, ACT(actor, 0, RECOVER, &((struct shs_ioc_recover){
				.size = sizeof(struct shs_ioc_recover) })));
	EXPECT_EQ(0, act_unlock(actor, 0));
	EXPECT_EQ(0, shs_trylock(&self->other));
}

/* A waiter that is killed before it knows that it owns has heard nothing. */
TEST_F(policy, killed_grant)
{
	__u64 since;
	pid_t child;

	EXPECT_EQ(0, shs_lock(&self->mine));
	child = locker(self->fd, SHS_MODE_EXCLUSIVE);
	SHS_AWAIT(self->fd, info.waiters == 1);
	/* Long enough to be made the owner by the release itself. */
	since = shs_now(SHS_CLOCK_MONOTONIC);
	while (shs_now(SHS_CLOCK_MONOTONIC) < since + 3 * SHS_MS)
		;
	ASSERT_EQ(0, shs_hold_off(child));
	EXPECT_EQ(0, munmap(self->mine.private, self->mine.is.private_size));
	EXPECT_EQ(child, shs_info(self->fd).holder_pid);
	kill(child, SIGKILL);
	shs_let_go();
	EXPECT_EQ(-SIGKILL, shs_reap(child));
	EXPECT_EQ(1, shs_info(self->fd).deaths);
	EXPECT_EQ(self->told ? SHS_STATE_OWNER_DIED : 0, shs_info(self->fd).state);
	EXPECT_EQ(self->told, shs_trylock(&self->other));
	if (is_strict(variant))
		EXPECT_EQ(0, shs_recover(&self->other));
	EXPECT_EQ(0, shs_unlock(&self->other));
	EXPECT_EQ(0, shs_info(self->fd).state);
}

/* Declaring is for those who hold, of a death that is pending, with the strict policy. */
TEST_F(policy, recover_refused)
{
	struct shs_att unmapped;

	EXPECT_EQ(-EPERM, shs_recover(&self->mine));
	EXPECT_EQ(0, shs_lock(&self->mine));
	EXPECT_EQ(-EINVAL, shs_recover(&self->mine));
	EXPECT_EQ(-EPERM, shs_recover(&self->other));
	EXPECT_EQ(0, shs_unlock(&self->mine));
	EXPECT_EQ(0, die(self->fd, 0));
	EXPECT_EQ(-EPERM, shs_recover(&self->mine));
	EXPECT_EQ(self->told, shs_lock(&self->mine));
	if (is_strict(variant)) {
		EXPECT_EQ(-EPERM, shs_recover(&self->other));
		ASSERT_EQ(0, shs_attach_only(&unmapped, self->fd));
		EXPECT_EQ(-ENXIO, shs_recover(&unmapped));
		EXPECT_NE(0, shs_info(self->fd).state & SHS_STATE_OWNER_DIED);
		EXPECT_EQ(0, shs_recover(&self->mine));
	}
	EXPECT_EQ(-EINVAL, shs_recover(&self->mine));
	EXPECT_EQ(0, shs_unlock(&self->mine));
	EXPECT_EQ(0, shs_trylock(&self->mine));
}

/* A forked child has no part in what its parent may declare. */
TEST_F(policy, recover_by_child)
{
	pid_t child;

	EXPECT_EQ(0, die(self->fd, 0));
	EXPECT_EQ(self->told, shs_lock(&self->mine));
	child = shs_fork();
	if (!child)
		_exit(-shs_recover(&self->mine));
	EXPECT_EQ(ESTALE, shs_reap(child));
	if (is_strict(variant))
		EXPECT_EQ(0, shs_recover(&self->mine));
}

/* Who waits on a condvar beside it hears of a death when it takes the lock back. */
TEST_F(policy, condvar)
{
	int fds[] = { shs_create(SHS_KIND_CONDVAR, SHS_TYPE_NONE, 0), self->fd };
	struct actor *actor = act_process(fds, 2, 1);

	EXPECT_EQ(0, act_lock(actor, 1));
	act_start_wait(actor, 0, 1);
	SHS_AWAIT(fds[0], info.waiters == 1);
	EXPECT_EQ(0, die(self->fd, 0));
	EXPECT_EQ(0, shs_op(fds[0], &SHS_OP(NOTIFY, .arg = 1)));
	EXPECT_EQ(self->told, act_end(actor));
	EXPECT_EQ(actor->pid, shs_info(self->fd).holder_pid);
	if (is_strict(variant))
		EXPECT_EQ(0, ACT(actor, 1, RECOVER, &((struct shs_ioc_recover){
				.size = sizeof(struct shs_ioc_recover) })));
	/* Now it is clean, and so is what comes of another wait. */
	EXPECT_EQ(-ETIMEDOUT, ACT(actor, 0, WAIT, &SHS_WAIT()));
	EXPECT_EQ(0, act_unlock(actor, 1));
	EXPECT_EQ(0, shs_trylock(&self->mine));
}

/*
 * The strict policy, with all that changes how a lock goes from hand to hand
 */
FIXTURE(strict) {
	int fd;
	struct shs_att mine, other;
};

FIXTURE_VARIANT(strict) {
	__u32 kind, flags;
};

FIXTURE_VARIANT_ADD(strict, mutex) { MUTEX, 0 };
FIXTURE_VARIANT_ADD(strict, mutex_fifo) { MUTEX, SHS_INIT_FIFO };
FIXTURE_VARIANT_ADD(strict, mutex_more) { MUTEX, SHS_INIT_RECURSIVE | SHS_INIT_COMMIT |
						 SHS_INIT_DETECT };
FIXTURE_VARIANT_ADD(strict, rwlock) { RWLOCK, 0 };
FIXTURE_VARIANT_ADD(strict, rwlock_more) { RWLOCK, SHS_INIT_COMMIT | SHS_INIT_DETECT };

FIXTURE_SETUP(strict)
{
	SHS_MOUNT("");
	self->fd = create(variant->kind, SHS_INIT_STRICT | variant->flags);
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, shs_attach(&self->mine, self->fd));
	ASSERT_EQ(0, shs_attach(&self->other, self->fd));
}

FIXTURE_TEARDOWN(strict)
{
}

static void lose(struct __test_metadata *_metadata, FIXTURE_DATA(strict) *self)
{
	EXPECT_EQ(0, die(self->fd, 0));
	EXPECT_EQ(-EOWNERDEAD, shs_trylock(&self->mine));
	EXPECT_EQ(0, shs_unlock(&self->mine));
}

/* Nobody has what is lost, in no mode, by no deadline, and nobody waits for it. */
#define EXPECT_LOST() do {							\
	EXPECT_EQ(SHS_STATE_LOST, shs_info(self->fd).state & ~SHS_STATE_OWNER_DIED); \
	EXPECT_EQ(0, shs_info(self->fd).holder_pid);				\
	EXPECT_EQ(-ENOTRECOVERABLE, shs_trylock(&self->other));			\
	EXPECT_EQ(-ENOTRECOVERABLE, shs_lock(&self->mine));			\
	EXPECT_EQ(-ENOTRECOVERABLE, shs_lock_as(&self->mine, &SHS_LOCK()));	\
	if (variant->kind == RWLOCK) {						\
		EXPECT_EQ(-ENOTRECOVERABLE, lock_in(&self->mine, SHS_MODE_READ)); \
		EXPECT_EQ(-ENOTRECOVERABLE, lock_in(&self->mine, SHS_MODE_UPGRADABLE)); \
		EXPECT_EQ(0, shs_info(self->fd).readers);			\
	}									\
	EXPECT_EQ(-EPERM, shs_unlock(&self->mine));				\
	EXPECT_EQ(0, shs_info(self->fd).waiters);				\
} while (0)

/* Who was told and unlocks without a word has lost it for all. */
TEST_F(strict, lost)
{
	struct shs_att late;

	lose(_metadata, self);
	EXPECT_LOST();
	EXPECT_EQ(-EPERM, shs_recover(&self->mine));
	EXPECT_LOST();
	EXPECT_EQ(1, shs_info(self->fd).deaths);
	/* Those who come later are told as well. */
	ASSERT_EQ(0, shs_attach(&late, self->fd));
	EXPECT_EQ(-ENOTRECOVERABLE, shs_lock(&late));
}

/* Those who wait are told at once, all of them, whatever they wait for. */
TEST_F(strict, lost_for_all_who_wait)
{
	pid_t child[6];
	int n = 0;

	EXPECT_EQ(0, die(self->fd, 0));
	EXPECT_EQ(-EOWNERDEAD, shs_trylock(&self->mine));
	child[n++] = locker(self->fd, SHS_MODE_EXCLUSIVE);
	child[n++] = operator(self->fd, &SHS_OP(READ));
	if (variant->kind == RWLOCK) {
		child[n++] = locker(self->fd, SHS_MODE_READ);
		child[n++] = locker(self->fd, SHS_MODE_UPGRADABLE);
	}
	child[n++] = operator(self->fd, &SHS_OP(ADD, .arg = 1));
	child[n++] = locker(self->fd, SHS_MODE_EXCLUSIVE);
	SHS_AWAIT(self->fd, info.waiters == n);
	EXPECT_EQ(0, shs_unlock(&self->mine));
	for (int i = 0; i < n; i++)
		EXPECT_EQ(ENOTRECOVERABLE, shs_reap(child[i]));
	EXPECT_EQ(1, shs_info(self->fd).deaths);
	EXPECT_EQ(0, shs_peek(self->fd, 0));
	EXPECT_LOST();
}

/* Handing it to the longest waiting does not make it good, nor does a relock. */
TEST_F(strict, lost_by_a_fair_unlock)
{
	pid_t child;

	if (variant->kind == RWLOCK)
		return;
	EXPECT_EQ(0, die(self->fd, 0));
	EXPECT_EQ(-EOWNERDEAD, shs_trylock(&self->mine));
	child = locker(self->fd, SHS_MODE_EXCLUSIVE);
	SHS_AWAIT(self->fd, info.waiters == 1);
	EXPECT_EQ(0, shs_unlock_as(&self->mine, &SHS_LOCK(.flags = SHS_UNLOCK_FAIR)));
	EXPECT_EQ(ENOTRECOVERABLE, shs_reap(child));
	EXPECT_LOST();
}

/* An operation that vouches for what it writes is served instead, and heals. */
TEST_F(strict, lost_but_for_one_who_vouches)
{
	struct shs_ioc_op write = SHS_OP(WRITE, .arg = 7, .flags = SHS_OP_RECOVER);
	pid_t child;

	EXPECT_EQ(0, die(self->fd, 0));
	EXPECT_EQ(-EOWNERDEAD, shs_trylock(&self->mine));
	child = operator(self->fd, &write);
	SHS_AWAIT(self->fd, info.waiters == 1);
	EXPECT_EQ(0, shs_unlock(&self->mine));
	EXPECT_EQ(0, shs_reap(child));
	EXPECT_EQ(7, shs_peek(self->fd, 0));
	EXPECT_EQ(0, shs_info(self->fd).state);
	EXPECT_EQ(0, shs_trylock(&self->mine));
}

/* Declared good it is as before; the declaration holds whatever comes after. */
TEST_F(strict, recovered)
{
	for (int i = 0; i < 3; i++) {
		EXPECT_EQ(0, die(self->fd, 0));
		EXPECT_EQ(-EOWNERDEAD, shs_trylock(&self->mine));
		EXPECT_EQ(SHS_STATE_HELD | SHS_STATE_OWNER_DIED,
			  shs_info(self->fd).state);
		EXPECT_EQ(0, shs_recover(&self->mine));
		EXPECT_EQ(SHS_STATE_HELD, shs_info(self->fd).state);
		EXPECT_EQ(-EINVAL, shs_recover(&self->mine));
		EXPECT_EQ(-EBUSY, shs_trylock(&self->other));
		EXPECT_EQ(0, shs_unlock(&self->mine));
		EXPECT_EQ(0, shs_trylock(&self->other));
		EXPECT_EQ(0, shs_unlock(&self->other));
		EXPECT_EQ(i + 1, shs_info(self->fd).deaths);
	}
}

/* A death after the declaration is another one. */
TEST_F(strict, dies_after_recovery)
{
	EXPECT_EQ(0, die(self->fd, 0));
	EXPECT_EQ(-EOWNERDEAD, shs_trylock(&self->mine));
	EXPECT_EQ(0, shs_recover(&self->mine));
	EXPECT_EQ(0, munmap(self->mine.private, self->mine.is.private_size));
	EXPECT_EQ(2, shs_info(self->fd).deaths);
	EXPECT_EQ(SHS_STATE_OWNER_DIED, shs_info(self->fd).state);
	EXPECT_EQ(-EOWNERDEAD, shs_trylock(&self->other));
}

/* Recovered with people waiting: they get the lock and hear nothing. */
TEST_F(strict, recovered_before_waiters)
{
	struct actor *actor[2];

	EXPECT_EQ(0, die(self->fd, 0));
	EXPECT_EQ(-EOWNERDEAD, shs_trylock(&self->mine));
	for (int i = 0; i < 2; i++) {
		actor[i] = act_process(&self->fd, 1, 1);
		act_start_lock(actor[i], 0);
		SHS_AWAIT(self->fd, info.waiters == i + 1);
	}
	EXPECT_EQ(0, shs_recover(&self->mine));
	SHS_AWAIT(self->fd, info.waiters == 2);
	EXPECT_EQ(0, shs_unlock(&self->mine));
	for (int i = 0; i < 2; i++) {
		EXPECT_EQ(0, act_end(actor[i]));
		EXPECT_EQ(0, act_unlock(actor[i], 0));
	}
}

/* By the word alone, which a process could change by itself, nothing is got or lost. */
TEST_F(strict, not_by_the_word)
{
	__u32 *word, id = self->mine.is.id, free = 0;

	if (variant->kind == RWLOCK)
		return;
	word = &self->mine.shared->word;
	EXPECT_EQ(0, die(self->fd, 0));
	EXPECT_FALSE(__atomic_compare_exchange_n(word, &free, id, false, __ATOMIC_SEQ_CST,
						 __ATOMIC_SEQ_CST));
	EXPECT_EQ(-EOWNERDEAD, shs_trylock(&self->mine));
	/* A way out past the kernel would lose nothing where it must. */
	EXPECT_FALSE(__atomic_compare_exchange_n(word, &id, 0, false, __ATOMIC_SEQ_CST,
						 __ATOMIC_SEQ_CST));
	EXPECT_EQ(0, shs_unlock(&self->mine));
	free = 0;
	id = self->mine.is.id;
	EXPECT_FALSE(__atomic_compare_exchange_n(word, &free, id, false, __ATOMIC_SEQ_CST,
						 __ATOMIC_SEQ_CST));
	EXPECT_LOST();
}

/* Whoever writes into the word spoils this lock and hangs nobody; it can be healed. */
TEST_F(strict, forged_word)
{
	static const __u32 forged[] = {
		0, SHS_WORD_OWNER, 12345, ~0U, SHS_WORD_WAITERS, SHS_WORD_DIED,
		SHS_WORD_DIED | SHS_WORD_OWNER, SHS_WORD_KERNEL, SHS_WORD_KERNEL | 77,
	};

	if (variant->kind == RWLOCK)
		return;
	for (int i = 0; i < ARRAY_SIZE(forged) * 3; i++) {
		__u32 *word = &self->mine.shared->word;
		int ret;

		/* Free, owned by one who was told, lost. */
		if (i % 3)
			abandon(&self->other, 0);
		if (i % 3 == 2) {
			shs_trylock(&self->mine);
			shs_unlock(&self->mine);
		} else if (i % 3) {
			shs_trylock(&self->other);
		}
		*word = forged[i / 3];
		ret = shs_lock_as(&self->mine, &SHS_LOCK());
		EXPECT_TRUE(!ret || ret == -EOWNERDEAD || ret == -ENOTRECOVERABLE ||
			    ret == -ETIMEDOUT) TH_LOG("word %#x: %d", forged[i / 3], ret);
		shs_recover(&self->mine);
		shs_unlock(&self->mine);
		*word = forged[i / 3];
		shs_recover(&self->other);
		shs_unlock(&self->other);
		*word = 0;
		EXPECT_EQ(0, shs_op(self->fd, &SHS_OP(WRITE, .flags = SHS_OP_RECOVER)))
			TH_LOG("word %#x", forged[i / 3]);
		EXPECT_EQ(0, shs_trylock(&self->mine)) TH_LOG("word %#x", forged[i / 3]);
		EXPECT_EQ(0, shs_unlock(&self->mine));
		EXPECT_EQ(0, shs_info(self->fd).state);
		EXPECT_EQ(0, shs_info(self->fd).waiters);
	}
}

/* Readers and upgraders are told each; they change nothing, so they lose nothing. */
TEST_F(strict, readers)
{
	if (variant->kind != RWLOCK)
		return;
	EXPECT_EQ(0, die(self->fd, 0));
	for (int i = 0; i < 2; i++) {
		EXPECT_EQ(-EOWNERDEAD, shs_tryrdlock(&self->mine, 0));
		EXPECT_EQ(-EOWNERDEAD, shs_tryrdlock(&self->other, 1));
		EXPECT_EQ(-EOWNERDEAD, lock_in(&self->other, SHS_MODE_UPGRADABLE));
		EXPECT_EQ(-EPERM, shs_recover(&self->mine));
		EXPECT_EQ(-EPERM, shs_recover(&self->other));
		EXPECT_EQ(0, shs_rdunlock(&self->mine, 0));
		EXPECT_EQ(0, shs_rdunlock(&self->other, 1));
		EXPECT_EQ(0, unlock_in(&self->other, SHS_MODE_UPGRADABLE));
		EXPECT_EQ(SHS_STATE_OWNER_DIED, shs_info(self->fd).state);
	}
	/* An upgrader that leaves it to the next has said nothing about the value. */
	EXPECT_EQ(-EOWNERDEAD, lock_in(&self->mine, SHS_MODE_UPGRADABLE));
	EXPECT_EQ(0, shs_unlock_as(&self->mine, &SHS_LOCK(.mode = SHS_MODE_UPGRADABLE,
							  .flags = SHS_UNLOCK_ABANDON)));
	EXPECT_EQ(SHS_STATE_OWNER_DIED, shs_info(self->fd).state);
	EXPECT_EQ(-EOWNERDEAD, shs_trylock(&self->mine));
	EXPECT_EQ(0, shs_recover(&self->mine));
	EXPECT_EQ(0, shs_unlock(&self->mine));
	EXPECT_EQ(0, shs_tryrdlock(&self->mine, 0));
}

/* A writer that has been told says something before it becomes something less. */
TEST_F(strict, convert)
{
	static const __u32 weaker[] = { SHS_MODE_UPGRADABLE, SHS_MODE_READ };

	if (variant->kind != RWLOCK)
		return;
	for (int i = 0; i < 2; i++) {
		struct shs_ioc_convert convert = SHS_CONVERT(.from = SHS_MODE_EXCLUSIVE,
							     .to = weaker[i]);

		EXPECT_EQ(0, die(self->fd, 0));
		EXPECT_EQ(-EOWNERDEAD, shs_trylock(&self->mine));
		EXPECT_EQ(-EUCLEAN, shs_convert(&self->mine, &convert));
		EXPECT_EQ(SHS_STATE_HELD | SHS_STATE_OWNER_DIED,
			  shs_info(self->fd).state);
		EXPECT_EQ(-EBUSY, shs_tryrdlock(&self->other, 0));
		EXPECT_EQ(0, shs_recover(&self->mine));
		EXPECT_EQ(0, shs_convert(&self->mine, &convert));
		EXPECT_EQ(0, shs_tryrdlock(&self->other, 0));
		EXPECT_EQ(0, shs_rdunlock(&self->other, 0));
		EXPECT_EQ(0, unlock_in(&self->mine, weaker[i]));
	}
}

/* Who has read it and will write is told again, and then has to say something. */
TEST_F(strict, upgrade)
{
	struct shs_ioc_convert up = SHS_CONVERT(.from = SHS_MODE_UPGRADABLE);
	struct shs_ioc_convert down = SHS_CONVERT(.from = SHS_MODE_UPGRADABLE,
						  .to = SHS_MODE_READ);

	if (variant->kind != RWLOCK)
		return;
	EXPECT_EQ(0, die(self->fd, 0));
	/* From upgradable to reader nobody has written anything. */
	EXPECT_EQ(-EOWNERDEAD, lock_in(&self->mine, SHS_MODE_UPGRADABLE));
	EXPECT_EQ(0, shs_convert(&self->mine, &down));
	EXPECT_EQ(0, shs_rdunlock(&self->mine, 0));
	EXPECT_EQ(SHS_STATE_OWNER_DIED, shs_info(self->fd).state);
	for (int declare = 1; declare >= 0; declare--) {
		EXPECT_EQ(-EOWNERDEAD, lock_in(&self->mine, SHS_MODE_UPGRADABLE));
		EXPECT_EQ(-EOWNERDEAD, shs_convert(&self->mine, &up));
		if (declare)
			EXPECT_EQ(0, shs_recover(&self->mine));
		EXPECT_EQ(0, shs_unlock(&self->mine));
		if (declare)
			EXPECT_EQ(0, die(self->fd, 0));
	}
	EXPECT_LOST();
}

/*
 * A wait on a condvar unlocks; by one who was told and has not declared anything it
 * loses the mutex, and then there is nothing to take back.
 */
TEST_F(strict, condvar_loses)
{
	int fd = shs_create(SHS_KIND_CONDVAR, SHS_TYPE_NONE, 0);
	struct shs_att condvar;

	ASSERT_EQ(0, shs_attach(&condvar, fd));
	EXPECT_EQ(0, die(self->fd, 0));
	EXPECT_EQ(-EOWNERDEAD, shs_trylock(&self->mine));
	EXPECT_EQ(-ENOTRECOVERABLE, shs_wait(&condvar, &SHS_WAIT(.mutex_fd = self->mine.fd)));
	EXPECT_EQ(0, shs_info(fd).waiters);
	EXPECT_LOST();
}

/* Whoever waited before that finds out when it is notified, and all of them do. */
TEST_F(strict, condvar_finds_it_lost)
{
	int fds[] = { shs_create(SHS_KIND_CONDVAR, SHS_TYPE_NONE, 0), self->fd };
	struct shs_ioc_op notify = SHS_OP(NOTIFY, .arg = ~0ULL);
	struct actor *actor[3];

	for (int i = 0; i < 3; i++) {
		actor[i] = act_process(fds, 2, 1);
		EXPECT_EQ(0, act_lock(actor[i], 1));
		act_start_wait(actor[i], 0, 1);
		SHS_AWAIT(fds[0], info.waiters == i + 1);
	}
	lose(_metadata, self);
	SHS_AWAIT(fds[0], info.waiters == 3);
	EXPECT_EQ(0, shs_op(fds[0], &notify));
	EXPECT_EQ(3, notify.result);
	for (int i = 0; i < 3; i++)
		EXPECT_EQ(-ENOTRECOVERABLE, act_end(actor[i]));
	EXPECT_LOST();
	EXPECT_EQ(0, shs_info(fds[0]).waiters);
	/* The condvar is as good as ever, with another mutex. */
	EXPECT_EQ(1, shs_info(self->fd).deaths);
}

/* Notified while the one who was told still holds, they are lost with it. */
TEST_F(strict, condvar_lost_while_taking_back)
{
	int fds[] = { shs_create(SHS_KIND_CONDVAR, SHS_TYPE_NONE, 0), self->fd };
	struct actor *actor[3];

	for (int i = 0; i < 3; i++) {
		actor[i] = act_process(fds, 2, 1);
		EXPECT_EQ(0, act_lock(actor[i], 1));
		act_start_wait(actor[i], 0, 1);
		SHS_AWAIT(fds[0], info.waiters == i + 1);
	}
	EXPECT_EQ(0, die(self->fd, 0));
	EXPECT_EQ(-EOWNERDEAD, shs_trylock(&self->mine));
	EXPECT_EQ(0, shs_op(fds[0], &SHS_OP(NOTIFY, .arg = ~0ULL)));
	SHS_AWAIT(self->fd, info.waiters == 3);
	EXPECT_EQ(0, shs_unlock(&self->mine));
	for (int i = 0; i < 3; i++)
		EXPECT_EQ(-ENOTRECOVERABLE, act_end(actor[i]));
	EXPECT_LOST();
}

/*
 * Single operations
 */
FIXTURE(poison_op) {
	int fd;
	struct shs_att mine;
	struct shs_ioc_op op;
};

FIXTURE_VARIANT(poison_op) {
	__u32 kind, flags;
	enum shs_door door;
};

#define VARIANT(name, kind, flags) \
	FIXTURE_VARIANT_ADD(poison_op, name) { kind, flags, SHS_IOCTL }
#define VARIANT_BY_URING(name, kind, flags) \
	FIXTURE_VARIANT_ADD(poison_op, name##_uring) { kind, flags, SHS_URING }

VARIANT(mutex_report, MUTEX, 0);
VARIANT(mutex_strict, MUTEX, SHS_INIT_STRICT);
VARIANT(mutex_ignore, MUTEX, SHS_INIT_IGNORE);
VARIANT(mutex_commit, MUTEX, SHS_INIT_STRICT | SHS_INIT_COMMIT);
VARIANT(rwlock_report, RWLOCK, 0);
VARIANT(rwlock_strict, RWLOCK, SHS_INIT_STRICT);
VARIANT(rwlock_ignore, RWLOCK, SHS_INIT_IGNORE);
VARIANT(rwlock_commit, RWLOCK, SHS_INIT_STRICT | SHS_INIT_COMMIT);
VARIANT_BY_URING(mutex_report, MUTEX, 0);
VARIANT_BY_URING(mutex_strict, MUTEX, SHS_INIT_STRICT);
VARIANT_BY_URING(rwlock_strict, RWLOCK, SHS_INIT_STRICT);

FIXTURE_SETUP(poison_op)
{
	SHS_MOUNT("");
	SHS_NEED_DOOR(variant->door);
	self->fd = create(variant->kind, variant->flags);
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, shs_attach(&self->mine, self->fd));
}

FIXTURE_TEARDOWN(poison_op)
{
}

#define DO(code, ...) \
	(self->op = SHS_OP(code, ##__VA_ARGS__), shs_by(variant->door, self->fd, &self->op))

/* A value whose owner died is read with the news; it is changed by who takes it on. */
TEST_F(poison_op, owed)
{
	bool told = !(variant->flags & SHS_INIT_IGNORE);
	__u32 notice = told ? SHS_NOTICE_OWNER_DIED : 0;
	char bytes[16];

	EXPECT_EQ(0, DO(WRITE, .arg = 5));
	EXPECT_EQ(0, die(self->fd, 0));
	for (int i = 0; i < 2; i++) {
		EXPECT_EQ(0, DO(PEEK));
		EXPECT_EQ(5, self->op.result);
		EXPECT_EQ(notice, self->op.notice);
		EXPECT_EQ(0, DO(READ));
		EXPECT_EQ(5, self->op.result);
		EXPECT_EQ(notice, self->op.notice);
		EXPECT_EQ(0, DO(READ, .flags = SHS_OP_BYTES, .addr = (unsigned long)bytes,
				.len = 16));
		EXPECT_EQ(notice, self->op.notice);
	}
	EXPECT_EQ(told ? -EUCLEAN : 0, DO(WRITE, .arg = 6));
	EXPECT_EQ(told ? -EUCLEAN : 0, DO(ADD, .arg = 2));
	EXPECT_EQ(told ? 5 : 8, shs_peek(self->fd, 0));
	EXPECT_EQ(told ? -EUCLEAN : 0, shs_write(self->fd, "+1\n"));
	EXPECT_EQ(told ? 5 : 9, shs_peek(self->fd, 0));
	EXPECT_EQ(0, DO(ADD, .arg = 1, .flags = SHS_OP_RECOVER));
	EXPECT_EQ(notice, self->op.notice);
	EXPECT_EQ(told ? 5 : 9, self->op.result);
	EXPECT_EQ(0, shs_info(self->fd).state);
	/* Then it is clean, for operations and owners. */
	EXPECT_EQ(0, DO(WRITE, .arg = 1, .flags = SHS_OP_RECOVER));
	EXPECT_EQ(0, self->op.notice);
	EXPECT_EQ(0, DO(READ));
	EXPECT_EQ(0, self->op.notice);
	EXPECT_EQ(0, DO(ADD, .arg = 1));
	EXPECT_EQ(0, shs_trylock(&self->mine));
	EXPECT_EQ(0, shs_unlock(&self->mine));
	EXPECT_EQ(2, shs_peek(self->fd, 0));
}

/* While one who was told holds it, the notice is still there to be seen. */
TEST_F(poison_op, while_held_by_one_who_was_told)
{
	bool strict = variant->flags & SHS_INIT_STRICT;

	EXPECT_EQ(0, die(self->fd, 0));
	EXPECT_EQ(variant->flags & SHS_INIT_IGNORE ? 0 : -EOWNERDEAD, shs_trylock(&self->mine));
	EXPECT_EQ(0, DO(PEEK));
	EXPECT_EQ(strict ? SHS_NOTICE_OWNER_DIED : 0, self->op.notice);
	EXPECT_EQ(-EBUSY, DO(READ, .flags = SHS_OP_NOWAIT));
	EXPECT_EQ(-EBUSY, DO(WRITE, .flags = SHS_OP_NOWAIT));
	EXPECT_EQ(-EBUSY, DO(WRITE, .flags = SHS_OP_NOWAIT | SHS_OP_RECOVER));
	if (strict) {
		EXPECT_EQ(0, shs_recover(&self->mine));
		EXPECT_EQ(0, DO(PEEK));
		EXPECT_EQ(0, self->op.notice);
	}
	EXPECT_EQ(0, shs_unlock(&self->mine));
	EXPECT_EQ(0, DO(WRITE, .arg = 1));
}

/* What is lost can be looked at; to have it back somebody must write it and vouch. */
TEST_F(poison_op, lost)
{
	static const __u32 heals[] = { SHS_OP_WRITE, SHS_OP_ADD };
	char bytes[16] = "0123456789abcde";

	if (!(variant->flags & SHS_INIT_STRICT))
		return;
	for (int i = 0; i < 3; i++) {
		EXPECT_EQ(0, DO(WRITE, .arg = 5));
		EXPECT_EQ(0, die(self->fd, 0));
		EXPECT_EQ(-EOWNERDEAD, shs_trylock(&self->mine));
		EXPECT_EQ(0, shs_unlock(&self->mine));
		EXPECT_EQ(-ENOTRECOVERABLE, DO(READ));
		EXPECT_EQ(-ENOTRECOVERABLE, DO(READ, .flags = SHS_OP_BYTES, .len = 16,
					       .addr = (unsigned long)bytes));
		EXPECT_EQ('5', bytes[5]);
		EXPECT_EQ(-ENOTRECOVERABLE, DO(WRITE, .arg = 6));
		EXPECT_EQ(-ENOTRECOVERABLE, DO(ADD, .arg = 6, .deadline = SHS_FOREVER));
		EXPECT_EQ(-ENOTRECOVERABLE, shs_write(self->fd, "7\n"));
		EXPECT_EQ(-ENOTRECOVERABLE, shs_write(self->fd, "+7\n"));
		EXPECT_EQ(0, DO(PEEK));
		EXPECT_EQ(5, self->op.result);
		EXPECT_EQ(SHS_NOTICE_OWNER_DIED, self->op.notice);
		EXPECT_STREQ("5 0", shs_text(self->fd));
		EXPECT_NE(0, shs_info(self->fd).state & SHS_STATE_LOST);
		/* A vouching that fails vouches for nothing. */
		EXPECT_EQ(-EINVAL, DO(WRITE, .index = 2, .flags = SHS_OP_RECOVER));
		EXPECT_EQ(-EFAULT, DO(WRITE, .flags = SHS_OP_RECOVER | SHS_OP_BYTES, .addr = 8,
				      .len = 16));
		EXPECT_NE(0, shs_info(self->fd).state & SHS_STATE_LOST);
		if (i < 2) {
			self->op = SHS_OP(WRITE, .arg = 6, .flags = SHS_OP_RECOVER);
			self->op.op = heals[i];
			EXPECT_EQ(0, shs_by(variant->door, self->fd, &self->op));
			EXPECT_EQ(i ? 11 : 6, shs_peek(self->fd, 0));
		} else {
			memset(bytes, 0, 16);
			EXPECT_EQ(0, DO(WRITE, .flags = SHS_OP_RECOVER | SHS_OP_BYTES, .len = 16,
					.addr = (unsigned long)bytes));
			EXPECT_EQ(0, shs_peek(self->fd, 0));
		}
		EXPECT_EQ(SHS_NOTICE_OWNER_DIED, self->op.notice);
		EXPECT_EQ(0, shs_info(self->fd).state);
		EXPECT_EQ(0, DO(READ));
		EXPECT_EQ(0, self->op.notice);
		EXPECT_EQ(0, shs_trylock(&self->mine));
		EXPECT_EQ(0, shs_unlock(&self->mine));
	}
}

/* An operation waiting behind an owner who dies is no owner: it is not told to lose. */
TEST_F(poison_op, waiting_when_the_owner_dies)
{
	bool told = !(variant->flags & SHS_INIT_IGNORE);
	struct shs_att victim;
	pid_t child[3];

	if (variant->door == SHS_URING)
		return;
	ASSERT_EQ(0, shs_attach(&victim, self->fd));
	EXPECT_EQ(0, shs_lock(&victim));
	child[0] = operator(self->fd, &SHS_OP(READ));
	SHS_AWAIT(self->fd, info.waiters == 1);
	child[1] = operator(self->fd, &SHS_OP(ADD, .arg = 1));
	SHS_AWAIT(self->fd, info.waiters == 2);
	child[2] = operator(self->fd, &SHS_OP(READ));
	SHS_AWAIT(self->fd, info.waiters == 3);
	EXPECT_EQ(0, munmap(victim.private, victim.is.private_size));
	EXPECT_EQ(0, shs_reap(child[0]));
	EXPECT_EQ(told ? EUCLEAN : 0, shs_reap(child[1]));
	EXPECT_EQ(0, shs_reap(child[2]));
	EXPECT_EQ(told ? SHS_STATE_OWNER_DIED : 0, shs_info(self->fd).state);
	EXPECT_EQ(told ? -EOWNERDEAD : 0, shs_trylock(&self->mine));
}

/*
 * Many owners, any of whom may be killed in the middle
 */
FIXTURE(mended) {
	int fd;
};

FIXTURE_VARIANT(mended) {
	__u32 kind, flags;
};

FIXTURE_VARIANT_ADD(mended, mutex_report) { MUTEX, 0 };
FIXTURE_VARIANT_ADD(mended, mutex_strict) { MUTEX, SHS_INIT_STRICT };
FIXTURE_VARIANT_ADD(mended, mutex_strict_fifo) { MUTEX, SHS_INIT_STRICT | SHS_INIT_FIFO };
FIXTURE_VARIANT_ADD(mended, rwlock_report) { RWLOCK, 0 };
FIXTURE_VARIANT_ADD(mended, rwlock_strict) { RWLOCK, SHS_INIT_STRICT };

FIXTURE_SETUP(mended)
{
	SHS_MOUNT("");
	self->fd = create(variant->kind, variant->flags);
	ASSERT_LE(0, self->fd);
}

FIXTURE_TEARDOWN(mended)
{
}

/* Two halves that only an owner finds different, and every owner leaves the same. */
static int change(struct shs_att *att, bool strict)
{
	volatile __u64 *value = shs_value(att);
	int ret = shs_lock(att);

	if (ret && ret != -EOWNERDEAD)
		return 1;
	if (ret) {
		value[1] = value[0];
		if (strict && shs_recover(att))
			return 2;
	}
	if (value[0] != value[1])
		return 3;
	value[0] = value[0] + 1;
	sched_yield();
	value[1] = value[1] + 1;
	return shs_unlock(att) ? 4 : 0;
}

static int look(struct shs_att *att)
{
	volatile __u64 *value = shs_value(att);
	int ret = shs_rdlock(att, 0);

	if (ret && ret != -EOWNERDEAD)
		return 5;
	if (!ret && value[0] != value[1])
		return 6;
	return shs_rdunlock(att, 0) ? 7 : 0;
}

static pid_t changer(int fd, const FIXTURE_VARIANT(mended) *variant)
{
	pid_t child = shs_fork();
	struct shs_att att;
	int ret = 0;

	if (child)
		return child;
	if (shs_attach(&att, fd))
		_exit(255);
	while (!ret) {
		ret = change(&att, variant->flags & SHS_INIT_STRICT);
		if (!ret && variant->kind == RWLOCK)
			ret = look(&att);
	}
	_exit(ret);
}

/* Nobody sees what a dead owner left half done without having been told of it. */
TEST_F(mended, stress)
{
	struct shs_ioc_info info;
	struct shs_att att;
	pid_t child[3];
	__u64 before;

	for (int i = 0; i < 3; i++)
		child[i] = changer(self->fd, variant);
	for (unsigned long round = 0; round < shs_scale(200); round++) {
		before = shs_peek(self->fd, 0);
		while (shs_peek(self->fd, 0) == before && !shs_is_gone(child[0]))
			sched_yield();
		EXPECT_EQ(-SIGKILL, shs_kill(child[round % 3]));
		child[round % 3] = changer(self->fd, variant);
	}
	for (int i = 0; i < 3; i++)
		EXPECT_EQ(-SIGKILL, shs_kill(child[i]));
	ASSERT_EQ(0, shs_attach(&att, self->fd));
	EXPECT_EQ(0, change(&att, variant->flags & SHS_INIT_STRICT));
	info = shs_info(self->fd);
	EXPECT_EQ(0, info.state);
	EXPECT_EQ(0, info.waiters);
	EXPECT_EQ(0, info.readers);
}

TEST_HARNESS_MAIN
