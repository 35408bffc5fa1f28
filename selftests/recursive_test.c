// SPDX-License-Identifier: GPL-2.0-only
/*
 * The recursive mutex: the thread that owns it may lock again, and owns it until it
 * has unlocked as often. Nobody else notices a difference.
 */
#include "actors.h"

FIXTURE(recursive) {
	int fd;
	struct shs_att mine, other;
};

FIXTURE_VARIANT(recursive) {
	__u32 flags;
};

FIXTURE_VARIANT_ADD(recursive, plain) { 0 };
FIXTURE_VARIANT_ADD(recursive, fifo_detect) { SHS_INIT_FIFO | SHS_INIT_DETECT };
FIXTURE_VARIANT_ADD(recursive, strict) { SHS_INIT_STRICT };

FIXTURE_SETUP(recursive)
{
	SHS_MOUNT("");
	self->fd = shs_create_as(&SHS_INIT(.kind = SHS_KIND_MUTEX, .type = SHS_TYPE_U64,
			.count = 2, .flags = SHS_INIT_RECURSIVE | variant->flags));
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, shs_attach(&self->mine, self->fd));
	ASSERT_EQ(0, shs_attach(&self->other, self->fd));
}

FIXTURE_TEARDOWN(recursive)
{
}

static __u32 depth(int fd)
{
	return shs_info(fd).depth;
}

/* Whether the actor owns it, as it can tell by itself. */
static bool is_mine(struct actor *actor, int object)
{
	return act_info(actor, object).holder_tid == actor->tid;
}

/* As many unlocks as locks, in whatever form the locks came. */
TEST_F(recursive, depth)
{
	EXPECT_EQ(0, depth(self->fd));
	EXPECT_EQ(0, shs_lock(&self->mine));
	EXPECT_EQ(1, depth(self->fd));
	EXPECT_EQ(0, shs_lock(&self->mine));
	EXPECT_EQ(0, shs_trylock(&self->mine));
	EXPECT_EQ(3, depth(self->fd));
	/* No deadline is too early for one who need not wait. */
	EXPECT_EQ(0, shs_lock_as(&self->mine, &SHS_LOCK()));
	EXPECT_EQ(4, depth(self->fd));
	for (int left = 3; left >= 0; left--) {
		EXPECT_EQ(-EBUSY, shs_trylock(&self->other));
		EXPECT_EQ(0, shs_unlock(&self->mine));
		EXPECT_EQ(left, depth(self->fd));
		EXPECT_EQ(left ? SHS_STATE_HELD : 0, shs_info(self->fd).state);
	}
	EXPECT_EQ(-EPERM, shs_unlock(&self->mine));
	EXPECT_EQ(0, depth(self->fd));
	EXPECT_EQ(0, shs_info(self->fd).waiters);
	EXPECT_EQ(0, shs_trylock(&self->other));
	EXPECT_EQ(1, depth(self->fd));
}

/* A request that is refused does not count, nor does it uncount. */
TEST_F(recursive, refused)
{
	EXPECT_EQ(0, shs_lock(&self->mine));
	EXPECT_EQ(-EINVAL, shs_rdlock(&self->mine, 0));
	EXPECT_EQ(-EINVAL, shs_lock_as(&self->mine, &SHS_LOCK(.mode = SHS_MODE_UPGRADABLE)));
	EXPECT_EQ(-EINVAL, shs_lock_as(&self->mine, &SHS_LOCK(.flags = SHS_LOCK_RECURSIVE)));
	EXPECT_EQ(-EINVAL, shs_lock_as(&self->mine, &SHS_LOCK(.clock = 77)));
	EXPECT_EQ(-EINVAL, shs_unlock_as(&self->mine, &SHS_LOCK(.flags = 1U << 31)));
	EXPECT_EQ(-EINVAL, shs_unlock_as(&self->mine, &SHS_LOCK(.mode = SHS_MODE_READ)));
	EXPECT_EQ(1, depth(self->fd));
	EXPECT_EQ(0, shs_unlock(&self->mine));
	EXPECT_EQ(-EPERM, shs_unlock(&self->mine));
}

/* Deep, too. */
TEST_F(recursive, deep)
{
	unsigned long levels = shs_scale(3000);

	for (unsigned long i = 0; i < levels; i++)
		ASSERT_EQ(0, shs_lock(&self->mine));
	EXPECT_EQ(levels, depth(self->fd));
	for (unsigned long i = 0; i < levels; i++)
		ASSERT_EQ(0, shs_unlock(&self->mine));
	EXPECT_EQ(-EPERM, shs_unlock(&self->mine));
	EXPECT_EQ(0, shs_trylock(&self->other));
}

/* The owner is an attachment and a thread: by another attachment nothing is relocked. */
TEST_F(recursive, other_attachment)
{
	EXPECT_EQ(0, shs_lock(&self->mine));
	EXPECT_EQ(-EBUSY, shs_trylock(&self->other));
	EXPECT_EQ(-EPERM, shs_unlock(&self->other));
	EXPECT_EQ(1, depth(self->fd));
}

/* The word alone does not know the thread, so every call has to come to the kernel. */
TEST_F(recursive, not_by_the_word)
{
	__u32 *word = &self->mine.shared->word, free = 0, id = self->mine.is.id;

	EXPECT_EQ(0, shs_lock(&self->mine));
	EXPECT_NE(0, *word & SHS_WORD_KERNEL);
	EXPECT_FALSE(__atomic_compare_exchange_n(word, &id, 0, false, __ATOMIC_SEQ_CST,
						 __ATOMIC_SEQ_CST));
	EXPECT_EQ(0, shs_unlock(&self->mine));
	EXPECT_NE(0, *word & SHS_WORD_KERNEL);
	EXPECT_FALSE(__atomic_compare_exchange_n(word, &free, self->mine.is.id, false,
						 __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST));
}

/* A word that somebody forged is no depth: whoever relocks by it is the owner anew. */
TEST_F(recursive, forged_word)
{
	static const __u32 forged[] = {
		0, SHS_WORD_OWNER, 12345, ~0U, SHS_WORD_WAITERS, SHS_WORD_DIED, SHS_WORD_KERNEL,
		SHS_WORD_KERNEL | SHS_WORD_WAITERS | 77,
	};

	for (int i = 0; i < ARRAY_SIZE(forged) + 1; i++) {
		__u32 *word = &self->mine.shared->word;
		__u32 bad = i < ARRAY_SIZE(forged) ? forged[i] : self->other.is.id;

		EXPECT_EQ(0, shs_lock(&self->mine));
		EXPECT_EQ(0, shs_lock(&self->mine));
		*word = bad;
		shs_lock_as(&self->mine, &SHS_LOCK());
		shs_unlock(&self->mine);
		shs_lock_as(&self->other, &SHS_LOCK());
		shs_unlock(&self->other);
		/* Healed by hand, and used as ever. */
		*word = 0;
		EXPECT_EQ(0, shs_op(self->fd, &SHS_OP(WRITE, .flags = SHS_OP_RECOVER)))
			TH_LOG("word %#x", bad);
		EXPECT_EQ(0, shs_lock(&self->other)) TH_LOG("word %#x", bad);
		EXPECT_EQ(1, depth(self->fd)) TH_LOG("word %#x", bad);
		EXPECT_EQ(0, shs_lock(&self->other));
		EXPECT_EQ(2, depth(self->fd));
		EXPECT_EQ(0, shs_unlock(&self->other));
		EXPECT_EQ(0, shs_unlock(&self->other));
		EXPECT_EQ(0, shs_info(self->fd).state);
	}
}

/* Another thread of the owner's process waits like anybody, and cannot unlock. */
TEST_F(recursive, two_threads)
{
	struct actor *actor = act_process(&self->fd, 1, 2);

	EXPECT_EQ(0, act_lock(&actor[0], 0));
	EXPECT_EQ(0, act_lock(&actor[0], 0));
	EXPECT_EQ(-EBUSY, act_trylock(&actor[1], 0));
	EXPECT_EQ(-ETIMEDOUT, ACT(&actor[1], 0, LOCK, &SHS_LOCK()));
	EXPECT_EQ(-EPERM, act_unlock(&actor[1], 0));
	EXPECT_EQ(-EPERM, ACT(&actor[1], 0, UNLOCK, &SHS_LOCK(.flags = SHS_UNLOCK_ABANDON)));
	EXPECT_EQ(2, depth(self->fd));
	act_start_lock(&actor[1], 0);
	SHS_AWAIT(self->fd, info.waiters == 1);
	EXPECT_EQ(0, act_lock(&actor[0], 0));
	EXPECT_EQ(3, depth(self->fd));
	for (int left = 2; left > 0; left--) {
		EXPECT_EQ(0, act_unlock(&actor[0], 0));
		EXPECT_EQ(left, depth(self->fd));
		SHS_AWAIT(self->fd, info.waiters == 1);
	}
	EXPECT_EQ(actor[0].tid, shs_info(self->fd).holder_tid);
	EXPECT_EQ(0, act_unlock(&actor[0], 0));
	EXPECT_EQ(0, act_end(&actor[1]));
	EXPECT_EQ(1, depth(self->fd));
	EXPECT_EQ(actor[1].tid, shs_info(self->fd).holder_tid);
	EXPECT_EQ(-EPERM, act_unlock(&actor[0], 0));
	EXPECT_EQ(-EBUSY, act_trylock(&actor[0], 0));
	EXPECT_EQ(0, act_lock(&actor[1], 0));
	EXPECT_EQ(0, act_unlock(&actor[1], 0));
	EXPECT_EQ(0, act_unlock(&actor[1], 0));
	EXPECT_EQ(0, shs_trylock(&self->mine));
}

/* Each sees for itself whether the lock is its own. */
TEST_F(recursive, is_mine)
{
	struct actor *actor = act_process(&self->fd, 1, 2);

	EXPECT_EQ(0, shs_info(self->fd).holder_tid);
	EXPECT_EQ(0, act_lock(&actor[0], 0));
	EXPECT_TRUE(is_mine(&actor[0], 0));
	EXPECT_TRUE(is_mine(&actor[0], 0 | ON_OBJECT));
	EXPECT_FALSE(is_mine(&actor[1], 0));
	EXPECT_EQ(actor[0].tid, act_info(&actor[1], 0).holder_tid);
	EXPECT_EQ(actor[0].pid, act_info(&actor[1], 0).holder_pid);
	EXPECT_EQ(0, act_unlock(&actor[0], 0));
	EXPECT_FALSE(is_mine(&actor[0], 0));
	EXPECT_EQ(0, act_lock(&actor[1], 0));
	EXPECT_FALSE(is_mine(&actor[0], 0));
	EXPECT_TRUE(is_mine(&actor[1], 0));
	EXPECT_EQ(actor[0].pid, shs_info(self->fd).holder_pid);
}

/* The depth goes with the owner: the next one has locked once. */
TEST_F(recursive, death)
{
	struct actor *actor = act_process(&self->fd, 1, 1);

	for (int i = 0; i < 3; i++)
		EXPECT_EQ(0, act_lock(actor, 0));
	EXPECT_EQ(3, depth(self->fd));
	EXPECT_EQ(-SIGKILL, act_kill(actor));
	EXPECT_EQ(0, depth(self->fd));
	EXPECT_EQ(1, shs_info(self->fd).deaths);
	EXPECT_EQ(-EOWNERDEAD, shs_trylock(&self->mine));
	EXPECT_EQ(1, depth(self->fd));
	/* It is told once, not with each level. */
	EXPECT_EQ(0, shs_trylock(&self->mine));
	if (variant->flags & SHS_INIT_STRICT)
		EXPECT_EQ(0, shs_recover(&self->mine));
	EXPECT_EQ(0, shs_unlock(&self->mine));
	EXPECT_EQ(0, shs_unlock(&self->mine));
	EXPECT_EQ(0, shs_info(self->fd).state);
	EXPECT_EQ(0, shs_trylock(&self->other));
}

/* Only the last unlock says that the one who was told will not declare anything. */
TEST_F(recursive, lost_with_the_last_unlock)
{
	struct actor *actor = act_process(&self->fd, 1, 1);

	if (!(variant->flags & SHS_INIT_STRICT))
		return;
	EXPECT_EQ(0, act_lock(actor, 0));
	EXPECT_EQ(-SIGKILL, act_kill(actor));
	EXPECT_EQ(-EOWNERDEAD, shs_lock(&self->mine));
	EXPECT_EQ(0, shs_lock(&self->mine));
	EXPECT_EQ(0, shs_unlock(&self->mine));
	EXPECT_EQ(0, shs_info(self->fd).state & SHS_STATE_LOST);
	EXPECT_EQ(0, shs_lock(&self->mine));
	EXPECT_EQ(0, shs_unlock(&self->mine));
	EXPECT_EQ(0, shs_unlock(&self->mine));
	EXPECT_EQ(-ENOTRECOVERABLE, shs_lock(&self->mine));
	EXPECT_EQ(0, depth(self->fd));
}

/* A waiter gets the lock of one who died deep inside. */
TEST_F(recursive, death_with_a_waiter)
{
	struct actor *dying = act_process(&self->fd, 1, 1);
	struct actor *waiting = act_process(&self->fd, 1, 1);

	for (int i = 0; i < 5; i++)
		EXPECT_EQ(0, act_lock(dying, 0));
	act_start_lock(waiting, 0);
	SHS_AWAIT(self->fd, info.waiters == 1);
	EXPECT_EQ(-SIGKILL, act_kill(dying));
	EXPECT_EQ(-EOWNERDEAD, act_end(waiting));
	EXPECT_EQ(1, depth(self->fd));
	EXPECT_EQ(0, act_unlock(waiting, 0));
	EXPECT_EQ(-EPERM, act_unlock(waiting, 0));
}

static int end_thread(struct actor *actor)
{
	actor->last = true;
	return 0;
}

/* A thread that ended owns on, as with any mutex; its process's end releases it. */
TEST_F(recursive, thread_ended)
{
	struct actor *actor = act_process(&self->fd, 1, 2);

	EXPECT_EQ(0, act_lock(&actor[1], 0));
	EXPECT_EQ(0, act_lock(&actor[1], 0));
	EXPECT_EQ(0, act_call(&actor[1], end_thread));
	while (!syscall(SYS_tgkill, actor[1].pid, actor[1].tid, 0))
		sched_yield();
	EXPECT_EQ(-EBUSY, act_trylock(&actor[0], 0));
	EXPECT_EQ(-EPERM, act_unlock(&actor[0], 0));
	EXPECT_EQ(2, depth(self->fd));
	EXPECT_EQ(-EBUSY, shs_trylock(&self->mine));
	EXPECT_EQ(-SIGKILL, act_kill(actor));
	EXPECT_EQ(-EOWNERDEAD, shs_trylock(&self->mine));
}

/* To give it away to the longest waiting has a meaning with the last level only. */
TEST_F(recursive, fair_unlock)
{
	struct shs_ioc_lock fair = SHS_LOCK(.flags = SHS_UNLOCK_FAIR);
	struct actor *actor = act_process(&self->fd, 1, 1);

	EXPECT_EQ(0, shs_lock(&self->mine));
	EXPECT_EQ(0, shs_lock(&self->mine));
	act_start_lock(actor, 0);
	SHS_AWAIT(self->fd, info.waiters == 1);
	EXPECT_EQ(0, shs_unlock_as(&self->mine, &fair));
	EXPECT_EQ(1, depth(self->fd));
	SHS_AWAIT(self->fd, info.waiters == 1);
	EXPECT_EQ(0, shs_unlock_as(&self->mine, &fair));
	/* The waiter owned before our call returned. */
	EXPECT_EQ(-EBUSY, shs_trylock(&self->mine));
	EXPECT_EQ(0, act_end(actor));
	EXPECT_EQ(1, depth(self->fd));
	EXPECT_EQ(0, act_unlock(actor, 0));
}

/* To abandon it gives up all levels at once. */
TEST_F(recursive, abandon)
{
	for (int i = 0; i < 4; i++)
		EXPECT_EQ(0, shs_lock(&self->mine));
	EXPECT_EQ(0, shs_unlock_as(&self->mine, &SHS_LOCK(.flags = SHS_UNLOCK_ABANDON)));
	EXPECT_EQ(0, depth(self->fd));
	EXPECT_EQ(SHS_STATE_OWNER_DIED, shs_info(self->fd).state);
	EXPECT_EQ(0, shs_info(self->fd).deaths);
	EXPECT_EQ(-EPERM, shs_unlock(&self->mine));
	EXPECT_EQ(-EOWNERDEAD, shs_trylock(&self->other));
	EXPECT_EQ(1, depth(self->fd));
}

/* Who owns need not queue behind those who wait for him. */
TEST_F(recursive, relock_before_waiters)
{
	struct actor *actor[2];

	EXPECT_EQ(0, shs_lock(&self->mine));
	for (int i = 0; i < 2; i++) {
		actor[i] = act_process(&self->fd, 1, 1);
		act_start_lock(actor[i], 0);
		SHS_AWAIT(self->fd, info.waiters == i + 1);
	}
	EXPECT_EQ(0, shs_lock(&self->mine));
	EXPECT_EQ(0, shs_trylock(&self->mine));
	SHS_AWAIT(self->fd, info.waiters == 2);
	for (int i = 0; i < 3; i++)
		EXPECT_EQ(0, shs_unlock(&self->mine));
	for (int i = 0; i < 2; i++) {
		EXPECT_EQ(0, act_end(actor[i]));
		EXPECT_EQ(0, act_lock(actor[i], 0));
		EXPECT_EQ(2, depth(self->fd));
		EXPECT_EQ(0, act_unlock(actor[i], 0));
		EXPECT_EQ(0, act_unlock(actor[i], 0));
	}
	EXPECT_EQ(0, shs_info(self->fd).state);
}

/* A wait would have to give up levels that somebody further out counts on. */
TEST_F(recursive, condvar)
{
	int fd = shs_create(SHS_KIND_CONDVAR, SHS_TYPE_NONE, 0);
	struct shs_att condvar;

	ASSERT_EQ(0, shs_attach(&condvar, fd));
	EXPECT_EQ(0, shs_lock(&self->mine));
	EXPECT_EQ(0, shs_lock(&self->mine));
	EXPECT_EQ(-EDEADLK, shs_wait(&condvar, &SHS_WAIT(.mutex_fd = self->mine.fd)));
	EXPECT_EQ(2, depth(self->fd));
	EXPECT_EQ(0, shs_info(fd).waiters);
	EXPECT_EQ(-EBUSY, shs_trylock(&self->other));
	EXPECT_EQ(0, shs_unlock(&self->mine));
	EXPECT_EQ(-ETIMEDOUT, shs_wait(&condvar, &SHS_WAIT(.mutex_fd = self->mine.fd)));
	EXPECT_EQ(1, depth(self->fd));
	EXPECT_EQ(SHS_STATE_HELD, shs_info(self->fd).state);
	EXPECT_EQ(0, shs_unlock(&self->mine));
	EXPECT_EQ(-EPERM, shs_unlock(&self->mine));
	EXPECT_EQ(-EPERM, shs_wait(&condvar, &SHS_WAIT(.mutex_fd = self->mine.fd)));
}

/* Between there and back it belongs to others; back it is this thread's, once. */
TEST_F(recursive, condvar_notified)
{
	int fds[] = { self->fd, shs_create(SHS_KIND_CONDVAR, SHS_TYPE_NONE, 0) };
	struct actor *actor = act_process(fds, 2, 2);

	EXPECT_EQ(0, act_lock(&actor[0], 0));
	act_start_wait(&actor[0], 1, 0);
	SHS_AWAIT(fds[1], info.waiters == 1);
	EXPECT_EQ(0, act_lock(&actor[1], 0));
	EXPECT_EQ(0, act_lock(&actor[1], 0));
	EXPECT_EQ(0, shs_op(fds[1], &SHS_OP(NOTIFY, .arg = 1)));
	SHS_AWAIT(self->fd, info.waiters == 1);
	EXPECT_EQ(0, act_unlock(&actor[1], 0));
	SHS_AWAIT(self->fd, info.waiters == 1);
	EXPECT_EQ(0, act_unlock(&actor[1], 0));
	EXPECT_EQ(0, act_end(&actor[0]));
	EXPECT_EQ(actor[0].tid, shs_info(self->fd).holder_tid);
	EXPECT_EQ(1, depth(self->fd));
	EXPECT_EQ(-EPERM, act_unlock(&actor[1], 0));
	EXPECT_EQ(0, act_unlock(&actor[0], 0));
}

/* Another thread cannot wait with a mutex that this one locked. */
TEST_F(recursive, condvar_of_another_thread)
{
	int fds[] = { self->fd, shs_create(SHS_KIND_CONDVAR, SHS_TYPE_NONE, 0) };
	struct actor *actor = act_process(fds, 2, 2);

	EXPECT_EQ(0, act_lock(&actor[0], 0));
	actor[1].mutex = 0;
	EXPECT_EQ(-EPERM, ACT(&actor[1], 1, WAIT, &SHS_WAIT()));
	EXPECT_EQ(1, depth(self->fd));
	EXPECT_EQ(0, shs_info(fds[1]).waiters);
	EXPECT_EQ(0, act_unlock(&actor[0], 0));
}

/* A single operation is nobody's second level: it needs the lock free. */
TEST_F(recursive, operations)
{
	struct shs_ioc_op op = SHS_OP(ADD, .arg = 1, .flags = SHS_OP_NOWAIT);

	EXPECT_EQ(0, shs_lock(&self->mine));
	EXPECT_EQ(-EBUSY, shs_op(self->fd, &op));
	EXPECT_EQ(-EBUSY, shs_op(self->mine.fd, &op));
	EXPECT_EQ(1, depth(self->fd));
	EXPECT_EQ(0, shs_peek(self->fd, 0));
	EXPECT_EQ(0, shs_unlock(&self->mine));
	EXPECT_EQ(0, shs_op(self->fd, &op));
	EXPECT_EQ(0, depth(self->fd));
}

static void on_signal(int number)
{
}

/* A waiter that a signal interrupted has no level. */
TEST_F(recursive, interrupted)
{
	struct sigaction action = { .sa_handler = on_signal };
	struct actor *actor;

	sigaction(SIGUSR1, &action, NULL);
	actor = act_process(&self->fd, 1, 2);
	EXPECT_EQ(0, act_lock(&actor[0], 0));
	act_start_lock(&actor[1], 0);
	SHS_AWAIT(self->fd, info.waiters == 1);
	act_signal(&actor[1], SIGUSR1);
	EXPECT_EQ(-EINTR, act_end(&actor[1]));
	EXPECT_EQ(1, depth(self->fd));
	EXPECT_EQ(0, act_unlock(&actor[0], 0));
	EXPECT_EQ(-EPERM, act_unlock(&actor[1], 0));
	EXPECT_EQ(0, act_lock(&actor[1], 0));
	EXPECT_EQ(1, depth(self->fd));
}

/* What fork copies is no owner. */
TEST_F(recursive, forked_child)
{
	pid_t child;

	EXPECT_EQ(0, shs_lock(&self->mine));
	child = shs_fork();
	if (!child) {
		if (shs_lock(&self->mine) != -ESTALE || shs_unlock(&self->mine) != -ESTALE)
			_exit(1);
		_exit(shs_info(self->fd).holder_tid == getpid() ? 2 : 0);
	}
	EXPECT_EQ(0, shs_reap(child));
	EXPECT_EQ(1, depth(self->fd));
}

/*
 * Processes of two threads go in and out at different depths: a level too few lets
 * two of them in at once, one too many stops all.
 */
struct walk {
	struct shs_att *att;
	unsigned long rounds;
	__u64 me;
};

static void *walk(void *argument)
{
	const struct walk *w = argument;
	volatile __u64 *value = shs_value(w->att);
	unsigned int seed = w->me;

	for (unsigned long n = 0; n < w->rounds; n++) {
		int levels = 1 + rand_r(&seed) % 4;

		for (int i = 0; i < levels; i++)
			if (shs_lock(w->att))
				_exit(2);
		value[1] = w->me;
		value[0] = value[0] + 1;
		for (int i = 0; i < levels; i++) {
			if (value[1] != w->me)
				_exit(3);
			if (shs_unlock(w->att))
				_exit(4);
		}
	}
	return NULL;
}

TEST_F(recursive, stress)
{
	unsigned long rounds = shs_scale(500);
	struct shs_pipe gate = shs_pipe();
	pid_t child[3];

	for (int i = 0; i < 3; i++) {
		struct walk walks[2];
		struct shs_att att;
		pthread_t thread;

		child[i] = shs_fork();
		if (child[i])
			continue;
		if (shs_attach(&att, self->fd))
			_exit(1);
		for (int t = 0; t < 2; t++)
			walks[t] = (struct walk){ &att, rounds, 2 * i + t + 1 };
		shs_gate_pass(&gate);
		if (pthread_create(&thread, NULL, walk, &walks[0]))
			_exit(1);
		walk(&walks[1]);
		pthread_join(thread, NULL);
		_exit(0);
	}
	shs_gate_open(&gate);
	for (int i = 0; i < 3; i++)
		EXPECT_EQ(0, shs_reap(child[i]));
	EXPECT_EQ(6 * rounds, shs_peek(self->fd, 0));
	EXPECT_EQ(0, shs_info(self->fd).state);
	EXPECT_EQ(0, shs_info(self->fd).waiters);
	EXPECT_EQ(0, depth(self->fd));
}

TEST_HARNESS_MAIN
