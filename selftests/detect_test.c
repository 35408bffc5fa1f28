// SPDX-License-Identifier: GPL-2.0-only
/*
 * Deadlocks: whoever would wait for himself through others is refused at once and told
 * through whom; nobody else ever is.
 */
#include "actors.h"
#include <sys/resource.h>

#define OBJECTS 4

static int create(__u32 kind, __u32 flags)
{
	return shs_create_as(&SHS_INIT(.kind = kind, .type = SHS_TYPE_U64, .count = 2,
				       .flags = flags));
}

static __u64 soon(void)
{
	return shs_now(SHS_CLOCK_MONOTONIC) + 20 * SHS_MS;
}

/* Waits, and is not refused: the deadline comes. */
static int waits_in_vain(struct actor *actor, int object)
{
	return ACT(actor, object, LOCK, &SHS_LOCK(.deadline = soon()));
}

/* Starts to wait for an object that the test awaits its waiting for. */
#define START_WAITING(actor, object) do {					\
	__u32 already = shs_info(self->fds[object]).waiters;			\
										\
	act_start_lock(actor, object);						\
	SHS_AWAIT(self->fds[object], info.waiters == already + 1);		\
} while (0)

FIXTURE(detect) {
	int fds[OBJECTS];
	__u64 since;
};

FIXTURE_VARIANT(detect) {
	__u32 kind, flags;
};

FIXTURE_VARIANT_ADD(detect, mutex) { SHS_KIND_MUTEX, 0 };
FIXTURE_VARIANT_ADD(detect, mutex_recursive) { SHS_KIND_MUTEX, SHS_INIT_RECURSIVE |
							       SHS_INIT_FIFO };
FIXTURE_VARIANT_ADD(detect, rwlock) { SHS_KIND_RWLOCK, 0 };

FIXTURE_SETUP(detect)
{
	SHS_MOUNT("");
	for (int i = 0; i < OBJECTS; i++) {
		self->fds[i] = create(variant->kind, SHS_INIT_DETECT | variant->flags);
		ASSERT_LE(0, self->fds[i]);
	}
	self->since = shs_now(SHS_CLOCK_MONOTONIC);
}

FIXTURE_TEARDOWN(detect)
{
}

static struct actor *process(const int *fds, int threads)
{
	return act_process(fds, OBJECTS, threads);
}

/* One link of a cycle: who waits for what. The clock of the kernel may lag a little. */
#define EXPECT_LINK(entry, actor, waits_for, as) do {				\
	const struct shs_thread_info *link = &(entry);				\
										\
	EXPECT_EQ((actor)->pid, link->pid);					\
	EXPECT_EQ((actor)->tid, link->tid);					\
	EXPECT_EQ(SHS_THREAD_WAITS, link->flags);				\
	EXPECT_EQ(as, link->mode);						\
	EXPECT_EQ(1, link->count);						\
	EXPECT_EQ(shs_inode(self->fds[waits_for]), link->object);		\
	EXPECT_STREQ("detect_test", link->comm);				\
	EXPECT_LE(self->since - SHS_MS, link->since_ns);			\
	EXPECT_GE(shs_now(SHS_CLOCK_MONOTONIC) + SHS_MS, link->since_ns);	\
} while (0)

/* Each has what the other wants: the second to want it is refused, and keeps his. */
TEST_F(detect, two)
{
	struct actor *a = process(self->fds, 1), *b = process(self->fds, 1);

	EXPECT_EQ(0, act_lock(a, 0));
	EXPECT_EQ(0, act_lock(b, 1));
	EXPECT_EQ(-ENODATA, act_cycle(b, 0));
	START_WAITING(a, 1);
	EXPECT_EQ(-EDEADLK, act_lock(b, 0));
	EXPECT_EQ(0, shs_info(self->fds[0]).waiters);
	EXPECT_EQ(a->pid, shs_info(self->fds[0]).holder_pid);
	EXPECT_EQ(b->pid, shs_info(self->fds[1]).holder_pid);
	EXPECT_EQ(2, act_cycle(b, 0));
	EXPECT_LINK(b->list[0], b, 0, SHS_MODE_EXCLUSIVE);
	EXPECT_LINK(b->list[1], a, 1, SHS_MODE_EXCLUSIVE);
	/* The story is told of the attachment that was refused, as often as it is asked. */
	EXPECT_EQ(-ENODATA, act_cycle(b, 1));
	EXPECT_EQ(2, act_cycle(b, 0));
	EXPECT_EQ(0, act_unlock(b, 1));
	EXPECT_EQ(0, act_end(a));
	EXPECT_EQ(-ENODATA, act_cycle(a, 1));
	EXPECT_EQ(2, act_cycle(b, 0));
}

/* A way round over three processes; the one of them that runs closes it. */
TEST_F(detect, three)
{
	struct actor *actor[3];

	for (int i = 0; i < 3; i++) {
		actor[i] = process(self->fds, 1);
		EXPECT_EQ(0, act_lock(actor[i], i));
	}
	START_WAITING(actor[0], 1);
	START_WAITING(actor[1], 2);
	EXPECT_EQ(-EDEADLK, act_lock(actor[2], 0));
	EXPECT_EQ(3, act_cycle(actor[2], 0));
	EXPECT_LINK(actor[2]->list[0], actor[2], 0, SHS_MODE_EXCLUSIVE);
	EXPECT_LINK(actor[2]->list[1], actor[0], 1, SHS_MODE_EXCLUSIVE);
	EXPECT_LINK(actor[2]->list[2], actor[1], 2, SHS_MODE_EXCLUSIVE);
	/* Refused once, it is refused as long as it is so. */
	EXPECT_EQ(-EDEADLK, act_lock(actor[2], 0));
	EXPECT_EQ(0, act_unlock(actor[2], 2));
	EXPECT_EQ(0, act_end(actor[1]));
	EXPECT_EQ(0, act_unlock(actor[1], 2));
	EXPECT_EQ(0, act_unlock(actor[1], 1));
	EXPECT_EQ(0, act_end(actor[0]));
}

/* A side branch is no part of it: two wait for what is in the cycle and stay there. */
TEST_F(detect, branches)
{
	struct actor *a = process(self->fds, 1), *b = process(self->fds, 1);
	struct actor *side[2] = { process(self->fds, 1), process(self->fds, 1) };

	EXPECT_EQ(0, act_lock(a, 0));
	EXPECT_EQ(0, act_lock(b, 1));
	EXPECT_EQ(0, act_lock(side[0], 2));
	START_WAITING(side[0], 0);
	START_WAITING(a, 1);
	START_WAITING(side[1], 0);
	EXPECT_EQ(-EDEADLK, act_lock(b, 0));
	EXPECT_EQ(2, act_cycle(b, 0));
	EXPECT_LINK(b->list[1], a, 1, SHS_MODE_EXCLUSIVE);
	/* To wait for one who waits for the cycle's members is allowed to all others. */
	EXPECT_EQ(-ETIMEDOUT, waits_in_vain(process(self->fds, 1), 2));
	SHS_AWAIT(self->fds[0], info.waiters == 2);
	EXPECT_EQ(0, act_unlock(b, 1));
	EXPECT_EQ(0, act_end(a));
	EXPECT_EQ(0, act_unlock(a, 0));
	EXPECT_EQ(0, act_end(side[0]));
	EXPECT_EQ(0, act_unlock(side[0], 0));
	EXPECT_EQ(0, act_end(side[1]));
}

/* Refused to one, it is free to be had by others, and by him when things have changed. */
TEST_F(detect, vanishes)
{
	struct actor *a = process(self->fds, 1), *b = process(self->fds, 1);

	for (int i = 0; i < 3; i++) {
		EXPECT_EQ(0, act_lock(a, 0));
		EXPECT_EQ(0, act_lock(b, 1));
		START_WAITING(a, 1);
		EXPECT_EQ(-EDEADLK, act_lock(b, 0));
		EXPECT_EQ(0, act_unlock(b, 1));
		EXPECT_EQ(0, act_end(a));
		/* Now it waits only for one that goes on. */
		START_WAITING(b, 0);
		EXPECT_EQ(0, act_unlock(a, 0));
		EXPECT_EQ(0, act_end(b));
		EXPECT_EQ(0, act_unlock(a, 1));
		EXPECT_EQ(0, act_unlock(b, 0));
	}
}

/* One thread and one lock are the shortest way round. */
TEST_F(detect, relock)
{
	struct actor *a = process(self->fds, 1);
	bool recursive = variant->flags & SHS_INIT_RECURSIVE;

	EXPECT_EQ(0, act_lock(a, 0));
	EXPECT_EQ(recursive ? 0 : -EBUSY, act_trylock(a, 0));
	EXPECT_EQ(recursive ? 0 : -EDEADLK, act_lock(a, 0));
	EXPECT_EQ(recursive ? 0 : -EDEADLK,
		  ACT(a, 0, LOCK, &SHS_LOCK(.deadline = soon() + 3600000 * SHS_MS)));
	EXPECT_EQ(recursive ? -ENODATA : 1, act_cycle(a, 0));
	if (!recursive)
		EXPECT_LINK(a->list[0], a, 0, SHS_MODE_EXCLUSIVE);
	EXPECT_EQ(0, shs_info(self->fds[0]).waiters);
	EXPECT_EQ(0, act_unlock(a, 0));
	EXPECT_EQ(recursive ? 0 : -EPERM, act_unlock(a, 0));
}

static int attach_twice(struct actor *actor)
{
	return shs_attach(&actor->att[1], actor->objects[0]);
}

/* By another attachment it is the same thread all the same: even a recursive one waits. */
TEST_F(detect, relock_by_another_attachment)
{
	struct actor *a = process(self->fds, 1);

	EXPECT_EQ(0, act_call(a, attach_twice));
	EXPECT_EQ(0, act_lock(a, 0));
	EXPECT_EQ(-EBUSY, act_trylock(a, 1));
	EXPECT_EQ(-EDEADLK, act_lock(a, 1));
	EXPECT_EQ(1, act_cycle(a, 1));
	EXPECT_LINK(a->list[0], a, 0, SHS_MODE_EXCLUSIVE);
}

/* The kernel has to see who takes it: nobody gets it, or rid of it, by the word alone. */
TEST_F(detect, not_by_the_word)
{
	__u32 *word, free = 0, id;
	struct shs_att att;

	if (variant->kind == SHS_KIND_RWLOCK)
		return;
	ASSERT_EQ(0, shs_attach(&att, self->fds[0]));
	word = &att.shared->word;
	id = att.is.id;
	EXPECT_FALSE(__atomic_compare_exchange_n(word, &free, id, false, __ATOMIC_SEQ_CST,
						 __ATOMIC_SEQ_CST));
	EXPECT_EQ(0, shs_lock(&att));
	EXPECT_FALSE(__atomic_compare_exchange_n(word, &id, 0, false, __ATOMIC_SEQ_CST,
						 __ATOMIC_SEQ_CST));
	EXPECT_EQ(0, shs_unlock(&att));
	EXPECT_NE(0, *word & SHS_WORD_KERNEL);
}

/* To look whether it is free is no wait. */
TEST_F(detect, nowait)
{
	struct actor *a = process(self->fds, 1), *b = process(self->fds, 1);

	EXPECT_EQ(0, act_lock(a, 0));
	EXPECT_EQ(0, act_lock(b, 1));
	START_WAITING(a, 1);
	EXPECT_EQ(-EBUSY, act_trylock(b, 0));
	EXPECT_EQ(-EBUSY, ACT(b, 0, LOCK, &SHS_LOCK(.flags = SHS_LOCK_NOWAIT,
						     .deadline = SHS_FOREVER)));
	EXPECT_EQ(-ENODATA, act_cycle(b, 0));
}

/* A deadline makes a wait no less one, on either side. */
TEST_F(detect, deadlines)
{
	struct actor *a = process(self->fds, 1), *b = process(self->fds, 1);
	__u64 far = soon() + 3600000 * SHS_MS;

	EXPECT_EQ(0, act_lock(a, 0));
	EXPECT_EQ(0, act_lock(b, 1));
	ACT_START(a, 1, LOCK, &SHS_LOCK(.deadline = far));
	SHS_AWAIT(self->fds[1], info.waiters == 1);
	EXPECT_EQ(-EDEADLK, act_lock(b, 0));
	EXPECT_EQ(-EDEADLK, ACT(b, 0, LOCK, &SHS_LOCK(.deadline = far)));
	EXPECT_EQ(0, act_unlock(b, 1));
	EXPECT_EQ(0, act_end(a));
}

/* Once the time is up there is no wait any more. */
TEST_F(detect, deadline_over)
{
	struct actor *a = process(self->fds, 1), *b = process(self->fds, 1);

	EXPECT_EQ(0, act_lock(a, 0));
	EXPECT_EQ(0, act_lock(b, 1));
	EXPECT_EQ(-ETIMEDOUT, waits_in_vain(a, 1));
	EXPECT_EQ(-ETIMEDOUT, waits_in_vain(b, 0));
	EXPECT_EQ(-ENODATA, act_cycle(b, 0));
	START_WAITING(b, 0);
	EXPECT_EQ(-EDEADLK, act_lock(a, 1));
}

static void on_signal(int number)
{
}

/* Nor is there after a signal. */
TEST_F(detect, interrupted)
{
	struct sigaction action = { .sa_handler = on_signal };
	struct actor *a, *b;

	sigaction(SIGUSR1, &action, NULL);
	a = process(self->fds, 1);
	b = process(self->fds, 1);
	EXPECT_EQ(0, act_lock(a, 0));
	EXPECT_EQ(0, act_lock(b, 1));
	START_WAITING(a, 1);
	EXPECT_EQ(-EDEADLK, act_lock(b, 0));
	act_signal(a, SIGUSR1);
	EXPECT_EQ(-EINTR, act_end(a));
	START_WAITING(b, 0);
	EXPECT_EQ(-EDEADLK, act_lock(a, 1));
	EXPECT_EQ(0, act_unlock(a, 0));
	EXPECT_EQ(0, act_end(b));
}

/* The dead wait for nobody, and what they held can be had. */
TEST_F(detect, killed)
{
	struct actor *a = process(self->fds, 1), *b = process(self->fds, 1);

	EXPECT_EQ(0, act_lock(a, 0));
	EXPECT_EQ(0, act_lock(b, 1));
	START_WAITING(a, 1);
	EXPECT_EQ(-EDEADLK, act_lock(b, 0));
	EXPECT_EQ(-SIGKILL, act_kill(a));
	EXPECT_EQ(-EOWNERDEAD, act_lock(b, 0));
	EXPECT_EQ(0, shs_info(self->fds[1]).waiters);
}

/* One that dies while others wait for it lets them go on. */
TEST_F(detect, killed_holder)
{
	struct actor *a = process(self->fds, 1), *b = process(self->fds, 1);
	struct actor *c = process(self->fds, 1);

	EXPECT_EQ(0, act_lock(a, 0));
	EXPECT_EQ(0, act_lock(b, 1));
	EXPECT_EQ(0, act_lock(c, 2));
	START_WAITING(a, 1);
	START_WAITING(b, 2);
	EXPECT_EQ(-EDEADLK, act_lock(c, 0));
	EXPECT_EQ(-SIGKILL, act_kill(c));
	EXPECT_EQ(-EOWNERDEAD, act_end(b));
	EXPECT_EQ(-EDEADLK, act_lock(b, 0));
	EXPECT_EQ(0, act_unlock(b, 1));
	EXPECT_EQ(0, act_end(a));
}

/*
 * No false alarms
 */

/*
 * Two processes that lock crosswise, by different threads: nobody waits for himself.
 * Between processes there would be a cycle.
 */
TEST_F(detect, threads_of_two_processes)
{
	struct actor *a = process(self->fds, 2), *b = process(self->fds, 2);

	EXPECT_EQ(0, act_lock(&a[0], 0));
	EXPECT_EQ(0, act_lock(&b[0], 1));
	START_WAITING(&a[1], 1);
	START_WAITING(&b[1], 0);
	EXPECT_EQ(0, act_unlock(&a[0], 0));
	EXPECT_EQ(0, act_end(&b[1]));
	EXPECT_EQ(0, act_unlock(&b[0], 1));
	EXPECT_EQ(0, act_end(&a[1]));
}

/* Threads of one process wait for each other like strangers. */
TEST_F(detect, threads_of_one_process)
{
	struct actor *a = process(self->fds, 3);

	EXPECT_EQ(0, act_lock(&a[0], 0));
	START_WAITING(&a[1], 0);
	START_WAITING(&a[2], 0);
	EXPECT_EQ(0, act_lock(&a[0], 1));
	EXPECT_EQ(0, act_unlock(&a[0], 0));
	EXPECT_EQ(0, act_end(&a[1]));
	EXPECT_EQ(0, act_unlock(&a[1], 0));
	EXPECT_EQ(0, act_end(&a[2]));
	EXPECT_EQ(0, act_lock(&a[2], 2));
	START_WAITING(&a[1], 2);
	START_WAITING(&a[0], 2);
	EXPECT_EQ(0, act_unlock(&a[2], 2));
}

/* And may deadlock like them. */
TEST_F(detect, cycle_of_threads_of_one_process)
{
	struct actor *a = process(self->fds, 2);

	EXPECT_EQ(0, act_lock(&a[0], 0));
	EXPECT_EQ(0, act_lock(&a[1], 1));
	START_WAITING(&a[0], 1);
	EXPECT_EQ(-EDEADLK, act_lock(&a[1], 0));
	EXPECT_EQ(2, act_cycle(&a[1], 0));
	EXPECT_LINK(a[1].list[0], &a[1], 0, SHS_MODE_EXCLUSIVE);
	EXPECT_LINK(a[1].list[1], &a[0], 1, SHS_MODE_EXCLUSIVE);
	EXPECT_EQ(0, act_unlock(&a[1], 1));
	EXPECT_EQ(0, act_end(&a[0]));
}

static int end_thread(struct actor *actor)
{
	actor->last = true;
	return 0;
}

/* A thread that ended owns on but waits for nobody. */
TEST_F(detect, thread_ended)
{
	struct actor *a = process(self->fds, 2), *b = process(self->fds, 1);

	EXPECT_EQ(0, act_lock(&a[1], 0));
	EXPECT_EQ(0, act_call(&a[1], end_thread));
	EXPECT_EQ(0, act_lock(b, 1));
	START_WAITING(b, 0);
	EXPECT_EQ(-ETIMEDOUT, waits_in_vain(&a[0], 1));
	EXPECT_EQ(-ETIMEDOUT, waits_in_vain(&a[0], 0));
	EXPECT_EQ(-SIGKILL, act_kill(a));
	EXPECT_EQ(-EOWNERDEAD, act_end(b));
}

/* Those who queue for the same wait for its holder, not for one another. */
TEST_F(detect, queue)
{
	struct actor *actor[4];

	for (int i = 0; i < 4; i++)
		actor[i] = process(self->fds, 1);
	EXPECT_EQ(0, act_lock(actor[0], 0));
	EXPECT_EQ(0, act_lock(actor[1], 1));
	EXPECT_EQ(0, act_lock(actor[2], 2));
	START_WAITING(actor[1], 0);
	START_WAITING(actor[2], 0);
	/* It queues for what those hold who queue with it elsewhere. */
	EXPECT_EQ(-ETIMEDOUT, waits_in_vain(actor[3], 1));
	START_WAITING(actor[3], 2);
	EXPECT_EQ(0, act_unlock(actor[0], 0));
	EXPECT_EQ(0, act_end(actor[1]));
	EXPECT_EQ(0, act_unlock(actor[1], 0));
	EXPECT_EQ(0, act_end(actor[2]));
	EXPECT_EQ(0, act_unlock(actor[2], 2));
	EXPECT_EQ(0, act_end(actor[3]));
}

/* An object that does not detect is not seen: there they wait. */
TEST_F(detect, partly)
{
	struct actor *a, *b;

	close(self->fds[1]);
	self->fds[1] = create(variant->kind, variant->flags);
	a = process(self->fds, 1);
	b = process(self->fds, 1);
	EXPECT_EQ(0, act_lock(a, 0));
	EXPECT_EQ(0, act_lock(b, 1));
	START_WAITING(a, 1);
	EXPECT_EQ(-ETIMEDOUT, waits_in_vain(b, 0));
	EXPECT_EQ(0, act_unlock(b, 1));
	EXPECT_EQ(0, act_end(a));
}

/* Nor is one of another mount. */
TEST_F(detect, other_mount)
{
	struct actor *a, *b;

	ASSERT_EQ(0, mount("shstate", SHS_DIR, "shstate", 0, NULL));
	self->fds[1] = create(variant->kind, SHS_INIT_DETECT | variant->flags);
	a = process(self->fds, 1);
	b = process(self->fds, 1);
	EXPECT_EQ(0, act_lock(a, 0));
	EXPECT_EQ(0, act_lock(b, 1));
	START_WAITING(a, 1);
	EXPECT_EQ(-ETIMEDOUT, waits_in_vain(b, 0));
	EXPECT_EQ(0, act_unlock(b, 1));
	EXPECT_EQ(0, act_end(a));
}

/*
 * Single operations wait, too
 */
#define ADD_FOREVER (&SHS_OP(ADD, .arg = 1, .deadline = SHS_FOREVER))

static int add_by_text(struct actor *actor)
{
	return shs_write(actor->objects[0], "+1\n");
}

static int add_by_uring(struct actor *actor)
{
	struct shs_ioc_op op = SHS_OP(ADD, .arg = 1, .deadline = SHS_FOREVER);

	return shs_ring() ? shs_uring_op(actor->objects[0], &op) : -EBUSY;
}

static int add_by_batch(struct actor *actor)
{
	struct shs_ioc_op ops[] = { SHS_OP(PEEK), *ADD_FOREVER, SHS_OP(PEEK) };
	struct shs_ioc_batch batch = SHS_BATCH(ops);
	int ret = shs_batch(actor->objects[0], &batch);

	return batch.done == 1 ? ret : -EIO;
}

/* One that would wait without end is refused by every door at which it would wait. */
TEST_F(detect, operation_closes)
{
	struct actor *a = process(self->fds, 1), *b = process(self->fds, 1);

	EXPECT_EQ(0, act_lock(a, 0));
	/* One's own lock, first. */
	EXPECT_EQ(-EDEADLK, ACT(a, 0 | ON_OBJECT, OP, ADD_FOREVER));
	EXPECT_EQ(-EDEADLK, ACT(a, 0, OP, ADD_FOREVER));
	EXPECT_EQ(0, act_lock(b, 1));
	START_WAITING(a, 1);
	EXPECT_EQ(-EDEADLK, ACT(b, 0 | ON_OBJECT, OP, ADD_FOREVER));
	EXPECT_EQ(-EDEADLK, ACT(b, 0, OP, ADD_FOREVER));
	EXPECT_EQ(-EDEADLK, ACT(b, 0, OP, &SHS_OP(READ, .deadline = SHS_FOREVER)));
	EXPECT_EQ(-EDEADLK, ACT(b, 0, OP, &SHS_OP(WRITE, .deadline = SHS_FOREVER)));
	EXPECT_EQ(-EDEADLK, act_call(b, add_by_text));
	EXPECT_EQ(-EDEADLK, act_call(b, add_by_batch));
	EXPECT_EQ(-EBUSY, act_call(b, add_by_uring));
	EXPECT_EQ(-EBUSY, ACT(b, 0, OP, &SHS_OP(ADD, .arg = 1, .flags = SHS_OP_NOWAIT)));
	EXPECT_EQ(0, ACT(b, 0, OP, &SHS_OP(PEEK)));
	EXPECT_EQ(0, shs_info(self->fds[0]).waiters);
	EXPECT_EQ(0, shs_peek(self->fds[0], 0));
	EXPECT_EQ(0, act_unlock(b, 1));
	EXPECT_EQ(0, act_end(a));
}

/* One that waits is a link like any other. */
TEST_F(detect, operation_waits)
{
	struct actor *a = process(self->fds, 1), *b = process(self->fds, 1);

	EXPECT_EQ(0, act_lock(a, 0));
	EXPECT_EQ(0, act_lock(b, 1));
	ACT_START(a, 1 | ON_OBJECT, OP, ADD_FOREVER);
	SHS_AWAIT(self->fds[1], info.waiters == 1);
	EXPECT_EQ(-EDEADLK, act_lock(b, 0));
	EXPECT_EQ(2, act_cycle(b, 0));
	EXPECT_LINK(b->list[0], b, 0, SHS_MODE_EXCLUSIVE);
	EXPECT_LINK(b->list[1], a, 1, SHS_MODE_EXCLUSIVE);
	EXPECT_EQ(0, act_unlock(b, 1));
	EXPECT_EQ(0, act_end(a));
	EXPECT_EQ(1, shs_peek(self->fds[1], 0));
}

/*
 * Condvars
 */
enum { CONDVAR = 3 };

static void with_condvar(FIXTURE_DATA(detect) *self)
{
	close(self->fds[CONDVAR]);
	self->fds[CONDVAR] = shs_create(SHS_KIND_CONDVAR, SHS_TYPE_NONE, 0);
}

static int notify(int fd)
{
	return shs_op(fd, &SHS_OP(NOTIFY, .arg = ~0ULL));
}

/*
 * A waiter takes its mutex back whatever happens: it could not go on without. The one
 * it waits for has begun to wait for it before, and must see to his deadline.
 */
TEST_F(detect, condvar_takes_back)
{
	struct actor *a, *b;

	with_condvar(self);
	a = process(self->fds, 1);
	b = process(self->fds, 1);
	EXPECT_EQ(0, act_lock(a, 1));
	EXPECT_EQ(0, act_lock(a, 0));
	act_start_wait(a, CONDVAR, 0);
	SHS_AWAIT(self->fds[CONDVAR], info.waiters == 1);
	EXPECT_EQ(0, act_lock(b, 0));
	/* To wait for a notify is to wait for anybody. */
	START_WAITING(b, 1);
	EXPECT_EQ(0, notify(self->fds[CONDVAR]));
	SHS_AWAIT(self->fds[0], info.waiters == 1);
	SHS_AWAIT(self->fds[1], info.waiters == 1);
	EXPECT_EQ(0, shs_info(self->fds[CONDVAR]).waiters);
	/* Out of this only a death leads, as it is. */
	EXPECT_EQ(-SIGKILL, act_kill(b));
	EXPECT_EQ(-EOWNERDEAD, act_end(a));
}

/* The other way about: who would wait for one that takes its mutex back is refused. */
TEST_F(detect, condvar_taking_back)
{
	struct actor *a, *b;

	with_condvar(self);
	a = process(self->fds, 1);
	b = process(self->fds, 1);
	EXPECT_EQ(0, act_lock(a, 1));
	EXPECT_EQ(0, act_lock(a, 0));
	act_start_wait(a, CONDVAR, 0);
	SHS_AWAIT(self->fds[CONDVAR], info.waiters == 1);
	EXPECT_EQ(0, act_lock(b, 0));
	EXPECT_EQ(0, notify(self->fds[CONDVAR]));
	SHS_AWAIT(self->fds[0], info.waiters == 1);
	EXPECT_EQ(-EDEADLK, act_lock(b, 1));
	EXPECT_EQ(2, act_cycle(b, 1));
	EXPECT_LINK(b->list[0], b, 1, SHS_MODE_EXCLUSIVE);
	EXPECT_LINK(b->list[1], a, 0, SHS_MODE_EXCLUSIVE);
	EXPECT_EQ(0, act_unlock(b, 0));
	EXPECT_EQ(0, act_end(a));
}

/*
 * Taken back in a second call, after a signal, or after its deadline, it is the same: the
 * other one waits on, until a signal ends that.
 */
TEST_F(detect, condvar_takes_back_later)
{
	struct sigaction action = { .sa_handler = on_signal };
	struct actor *a, *b;

	sigaction(SIGUSR1, &action, NULL);
	with_condvar(self);
	a = process(self->fds, 1);
	b = process(self->fds, 1);
	for (int i = 0; i < 2; i++) {
		EXPECT_EQ(0, act_lock(a, 1));
		EXPECT_EQ(0, act_lock(a, 0));
		act_start_wait(a, CONDVAR, 0);
		SHS_AWAIT(self->fds[CONDVAR], info.waiters == 1);
		act_signal(a, SIGUSR1);
		EXPECT_EQ(-EINTR, act_end(a));
		if (i)
			a->arg.wait.deadline = 0;
		else
			EXPECT_EQ(0, notify(self->fds[CONDVAR]));
		EXPECT_EQ(0, act_lock(b, 0));
		START_WAITING(b, 1);
		act_start_again(a);
		SHS_AWAIT(self->fds[0], info.waiters == 1);
		SHS_AWAIT(self->fds[1], info.waiters == 1);
		act_signal(b, SIGUSR1);
		EXPECT_EQ(-EINTR, act_end(b));
		SHS_AWAIT(self->fds[0], info.waiters == 1);
		EXPECT_EQ(0, act_unlock(b, 0));
		EXPECT_EQ(i ? -ETIMEDOUT : 0, act_end(a));
		EXPECT_EQ(0, act_unlock(a, 0));
		EXPECT_EQ(0, act_unlock(a, 1));
	}
}

/* A word that somebody forged confuses nobody but those who use this lock. */
TEST_F(detect, forged_word)
{
	static const __u32 forged[] = {
		0, SHS_WORD_OWNER, 12345, ~0U, SHS_WORD_WAITERS, SHS_WORD_KERNEL, 1, 2,
	};
	struct actor *a, *b;
	struct shs_att att;

	if (variant->kind == SHS_KIND_RWLOCK)
		return;
	ASSERT_EQ(0, shs_attach(&att, self->fds[0]));
	a = process(self->fds, 1);
	b = process(self->fds, 1);
	for (int i = 0; i < ARRAY_SIZE(forged); i++) {
		EXPECT_EQ(0, act_lock(a, 0));
		EXPECT_EQ(0, act_lock(b, 1));
		START_WAITING(a, 1);
		att.shared->word = forged[i];
		waits_in_vain(b, 0);
		ACT(b, 0, UNLOCK, &SHS_LOCK());
		att.shared->word = forged[i];
		EXPECT_EQ(0, act_unlock(b, 1));
		EXPECT_EQ(0, act_end(a));
		act_unlock(a, 0);
		EXPECT_EQ(0, act_unlock(a, 1));
		att.shared->word = 0;
		EXPECT_EQ(0, shs_op(self->fds[0], &SHS_OP(WRITE, .flags = SHS_OP_RECOVER)));
		EXPECT_EQ(0, shs_info(self->fds[0]).state);
	}
}

/*
 * The list
 */
#define LONG 20

/* Of a long way round the beginning is told, and how long it is. */
TEST_F(detect, long_cycle)
{
	struct shs_ioc_cycle ask;
	struct actor *a;
	int fds[LONG];

	for (int i = 0; i < LONG; i++)
		fds[i] = create(variant->kind, SHS_INIT_DETECT | variant->flags);
	a = act_process(fds, LONG, LONG);
	for (int i = 0; i < LONG; i++)
		EXPECT_EQ(0, act_lock(&a[i], i));
	for (int i = 0; i < LONG - 1; i++) {
		act_start_lock(&a[i], i + 1);
		SHS_AWAIT(fds[i + 1], info.waiters == 1);
	}
	EXPECT_EQ(-EDEADLK, act_lock(&a[LONG - 1], 0));
	EXPECT_EQ(LONG, act_cycle(&a[LONG - 1], 0));
	for (int i = 0; i < SHS_CYCLE_MAX; i++) {
		EXPECT_EQ(a[(i + LONG - 1) % LONG].tid, a[LONG - 1].list[i].tid);
		EXPECT_EQ(shs_inode(fds[i]), a[LONG - 1].list[i].object);
	}
	EXPECT_EQ(0xa5a5a5a5, a[LONG - 1].list[SHS_CYCLE_MAX].mode);
	/* Where there is room for less, there is less. */
	for (__u32 room = 0; room < 5; room++) {
		memset(a[0].list, 0x5a, sizeof(a[0].list));
		ask = (struct shs_ioc_cycle){ .size = sizeof(ask), .capacity = room,
			.addr = room ? (unsigned long)a[0].list : 0 };
		EXPECT_EQ(0, ACT(&a[LONG - 1], 0, CYCLE, &ask));
		EXPECT_EQ(LONG, a[LONG - 1].arg.cycle.count);
		for (int i = 0; i < 5; i++)
			EXPECT_EQ(i < room, a[0].list[i].count == 1);
	}
	ask = (struct shs_ioc_cycle){ .size = sizeof(ask), .capacity = 2, .addr = 8 };
	EXPECT_EQ(-EFAULT, ACT(&a[LONG - 1], 0, CYCLE, &ask));
	for (int i = LONG - 1; i > 0; i--) {
		EXPECT_EQ(0, act_unlock(&a[i], i));
		EXPECT_EQ(0, act_end(&a[i - 1]));
		EXPECT_EQ(0, act_unlock(&a[i - 1], i));
	}
}

/* Who is in another pid namespace has no number here. */
TEST_F(detect, pid_namespace)
{
	struct actor *outside = process(self->fds, 1), *inside;

	ASSERT_EQ(0, unshare(CLONE_NEWPID));
	inside = process(self->fds, 1);
	EXPECT_EQ(1, inside->tid);
	EXPECT_EQ(0, act_lock(outside, 0));
	EXPECT_EQ(0, act_lock(inside, 1));
	START_WAITING(outside, 1);
	EXPECT_EQ(-EDEADLK, act_lock(inside, 0));
	EXPECT_EQ(2, act_cycle(inside, 0));
	EXPECT_EQ(1, inside->list[0].pid);
	EXPECT_EQ(1, inside->list[0].tid);
	EXPECT_EQ(0, inside->list[1].pid);
	EXPECT_EQ(0, inside->list[1].tid);
	EXPECT_EQ(shs_inode(self->fds[1]), inside->list[1].object);
	EXPECT_EQ(0, act_unlock(inside, 1));
	EXPECT_EQ(0, act_end(outside));
	/* From outside those inside are seen. */
	START_WAITING(inside, 1);
	EXPECT_EQ(0, act_unlock(outside, 0));
	EXPECT_EQ(0, act_unlock(outside, 1));
	EXPECT_EQ(0, act_end(inside));
	EXPECT_EQ(0, act_lock(outside, 0));
	START_WAITING(inside, 0);
	EXPECT_EQ(-EDEADLK, act_lock(outside, 1));
	EXPECT_EQ(2, act_cycle(outside, 1));
	EXPECT_EQ(outside->tid, outside->list[0].tid);
	EXPECT_EQ(inside->pid, outside->list[1].pid);
	EXPECT_EQ(inside->pid, outside->list[1].tid);
}

/*
 * Readers and upgraders
 */
FIXTURE(detect_rwlock) {
	int fds[OBJECTS];	/* rwlocks, and one mutex */
	__u64 since;
};

enum { MUTEX = 3 };

FIXTURE_SETUP(detect_rwlock)
{
	SHS_MOUNT("");
	for (int i = 0; i < OBJECTS; i++) {
		self->fds[i] = create(i == MUTEX ? SHS_KIND_MUTEX : SHS_KIND_RWLOCK,
				      SHS_INIT_DETECT);
		ASSERT_LE(0, self->fds[i]);
	}
	self->since = shs_now(SHS_CLOCK_MONOTONIC);
}

FIXTURE_TEARDOWN(detect_rwlock)
{
}

enum { W = SHS_MODE_EXCLUSIVE, R = SHS_MODE_READ, U = SHS_MODE_UPGRADABLE };

static int lock_in(struct actor *actor, int object, __u32 mode, __u32 lane)
{
	return ACT(actor, object, LOCK, &SHS_LOCK(.mode = mode, .lane = lane,
						  .deadline = SHS_FOREVER));
}

static int unlock_in(struct actor *actor, int object, __u32 mode, __u32 lane)
{
	return ACT(actor, object, UNLOCK, &SHS_LOCK(.mode = mode, .lane = lane));
}

#define START_WAITING_IN(actor, object, as) do {				\
	__u32 already = shs_info(self->fds[object]).waiters;			\
										\
	ACT_START(actor, object, LOCK, &SHS_LOCK(.mode = as, .deadline = SHS_FOREVER)); \
	SHS_AWAIT(self->fds[object], info.waiters == already + 1);		\
} while (0)

#define UPGRADE (&SHS_CONVERT(.from = SHS_MODE_UPGRADABLE, .deadline = SHS_FOREVER))

/* A reader waits for a writer, who would wait for the reader. */
TEST_F(detect_rwlock, reader_and_writer)
{
	struct actor *a = process(self->fds, 1), *b = process(self->fds, 1);

	EXPECT_EQ(0, lock_in(a, 0, R, 5));
	EXPECT_EQ(0, lock_in(b, 1, W, 0));
	START_WAITING_IN(a, 1, R);
	EXPECT_EQ(-EDEADLK, lock_in(b, 0, W, 0));
	EXPECT_EQ(2, act_cycle(b, 0));
	EXPECT_LINK(b->list[0], b, 0, W);
	EXPECT_LINK(b->list[1], a, 1, R);
	/* To read with it is no wait. */
	EXPECT_EQ(0, lock_in(b, 0, R, 0));
	EXPECT_EQ(0, unlock_in(b, 1, W, 0));
	EXPECT_EQ(0, act_end(a));
}

/* Two readers that both want to write wait for each other, and for themselves. */
TEST_F(detect_rwlock, readers_that_would_write)
{
	struct actor *a = process(self->fds, 1), *b = process(self->fds, 1);

	EXPECT_EQ(0, lock_in(a, 0, R, 0));
	EXPECT_EQ(-EDEADLK, lock_in(a, 0, W, 0));
	EXPECT_EQ(1, act_cycle(a, 0));
	EXPECT_LINK(a->list[0], a, 0, W);
	EXPECT_EQ(0, lock_in(b, 0, R, 0));
	EXPECT_EQ(-EDEADLK, lock_in(b, 0, W, 0));
	EXPECT_EQ(0, lock_in(a, 0, U, 0));
	EXPECT_EQ(0, lock_in(b, 1, W, 0));
	START_WAITING_IN(a, 1, W);
	EXPECT_EQ(-EDEADLK, lock_in(b, 0, U, 0));
	EXPECT_EQ(0, unlock_in(b, 1, W, 0));
	EXPECT_EQ(0, act_end(a));
}

/* Among many readers the one that waits back is found; the others are beside it. */
TEST_F(detect_rwlock, one_of_many_readers)
{
	struct actor *a = process(self->fds, 6), *b = process(self->fds, 1);

	EXPECT_EQ(0, act_lock(b, MUTEX));
	for (int i = 0; i < 6; i++)
		EXPECT_EQ(0, lock_in(&a[i], 0, R, i));
	EXPECT_EQ(-ETIMEDOUT, waits_in_vain(b, 0));
	START_WAITING(&a[3], MUTEX);
	EXPECT_EQ(-EDEADLK, lock_in(b, 0, W, 0));
	EXPECT_EQ(2, act_cycle(b, 0));
	EXPECT_LINK(b->list[1], &a[3], MUTEX, W);
	EXPECT_EQ(0, lock_in(b, 0, R, 0));
	EXPECT_EQ(0, unlock_in(b, 0, R, 0));
	EXPECT_EQ(0, lock_in(b, 0, U, 0));
	EXPECT_EQ(0, act_unlock(b, MUTEX));
	EXPECT_EQ(0, act_end(&a[3]));
}

/* The reader waits last. */
TEST_F(detect_rwlock, reader_closes)
{
	struct actor *a = process(self->fds, 1), *b = process(self->fds, 1);

	EXPECT_EQ(0, lock_in(a, 0, R, 0));
	EXPECT_EQ(0, act_lock(b, MUTEX));
	START_WAITING_IN(b, 0, W);
	EXPECT_EQ(-EDEADLK, act_lock(a, MUTEX));
	EXPECT_EQ(2, act_cycle(a, MUTEX));
	EXPECT_LINK(a->list[0], a, MUTEX, W);
	EXPECT_LINK(a->list[1], b, 0, W);
	EXPECT_EQ(0, unlock_in(a, 0, R, 0));
	EXPECT_EQ(0, act_end(b));
}

/* A reader queues behind a writer, and so waits for all whom that one waits for. */
TEST_F(detect_rwlock, reader_behind_a_writer)
{
	struct actor *a = process(self->fds, 1), *b = process(self->fds, 1);
	struct actor *writer = process(self->fds, 1);

	for (int last = 0; last < 2; last++) {
		EXPECT_EQ(0, lock_in(a, 0, R, 0));
		EXPECT_EQ(0, act_lock(b, MUTEX));
		START_WAITING_IN(writer, 0, W);
		if (last) {
			START_WAITING(a, MUTEX);
			EXPECT_EQ(-EDEADLK, lock_in(b, 0, R, 0));
			EXPECT_EQ(0, act_unlock(b, MUTEX));
			EXPECT_EQ(0, act_end(a));
			EXPECT_EQ(0, act_unlock(a, MUTEX));
			EXPECT_EQ(0, unlock_in(a, 0, R, 0));
			EXPECT_EQ(0, act_end(writer));
		} else {
			START_WAITING_IN(b, 0, R);
			EXPECT_EQ(-EDEADLK, act_lock(a, MUTEX));
			EXPECT_EQ(0, unlock_in(a, 0, R, 0));
			EXPECT_EQ(0, act_end(writer));
			EXPECT_EQ(0, unlock_in(writer, 0, W, 0));
			EXPECT_EQ(0, act_end(b));
			EXPECT_EQ(0, unlock_in(b, 0, R, 0));
			EXPECT_EQ(0, act_unlock(b, MUTEX));
		}
	}
}

/* An upgrade waits for the readers; one of them waits for the upgrader. */
TEST_F(detect_rwlock, upgrade)
{
	struct actor *up = process(self->fds, 1), *reader = process(self->fds, 1);

	EXPECT_EQ(0, act_lock(up, MUTEX));
	EXPECT_EQ(0, lock_in(up, 0, U, 0));
	EXPECT_EQ(0, lock_in(reader, 0, R, 2));
	START_WAITING(reader, MUTEX);
	EXPECT_EQ(-EDEADLK, ACT(up, 0, CONVERT, UPGRADE));
	EXPECT_EQ(2, act_cycle(up, 0));
	EXPECT_LINK(up->list[0], up, 0, W);
	EXPECT_LINK(up->list[1], reader, MUTEX, W);
	/* It holds what it held. */
	EXPECT_EQ(SHS_STATE_HELD | SHS_STATE_UPGRADABLE, shs_info(self->fds[0]).state);
	EXPECT_EQ(-EBUSY, ACT(up, 0, CONVERT, &SHS_CONVERT(.from = SHS_MODE_UPGRADABLE,
							    .flags = SHS_LOCK_NOWAIT)));
	EXPECT_EQ(0, act_unlock(up, MUTEX));
	EXPECT_EQ(0, act_end(reader));
	EXPECT_EQ(0, unlock_in(reader, 0, R, 2));
	EXPECT_EQ(0, ACT(up, 0, CONVERT, UPGRADE));
	EXPECT_EQ(0, unlock_in(up, 0, W, 0));
	/* The other way about. */
	EXPECT_EQ(0, act_unlock(reader, MUTEX));
	EXPECT_EQ(0, act_lock(up, MUTEX));
	EXPECT_EQ(0, lock_in(up, 0, U, 0));
	EXPECT_EQ(0, lock_in(reader, 0, R, 2));
	ACT_START(up, 0, CONVERT, UPGRADE);
	SHS_AWAIT(self->fds[0], info.waiters == 1);
	EXPECT_EQ(-EDEADLK, act_lock(reader, MUTEX));
	EXPECT_EQ(2, act_cycle(reader, MUTEX));
	EXPECT_LINK(reader->list[1], up, 0, W);
	EXPECT_EQ(0, unlock_in(reader, 0, R, 2));
	EXPECT_EQ(0, act_end(up));
}

/* An upgrader that reads by a lane as well waits for its own lane. */
TEST_F(detect_rwlock, upgrade_of_a_reader)
{
	struct actor *up = process(self->fds, 1);

	EXPECT_EQ(0, lock_in(up, 0, R, 0));
	EXPECT_EQ(0, lock_in(up, 0, U, 0));
	EXPECT_EQ(-EDEADLK, ACT(up, 0, CONVERT, UPGRADE));
	EXPECT_EQ(1, act_cycle(up, 0));
	EXPECT_EQ(0, unlock_in(up, 0, R, 0));
	EXPECT_EQ(0, ACT(up, 0, CONVERT, UPGRADE));
}

/* Who wants to become the upgrader waits for the upgrader, and for no reader. */
TEST_F(detect_rwlock, upgradable_beside_readers)
{
	struct actor *up = process(self->fds, 1), *reader = process(self->fds, 1);
	struct actor *next = process(self->fds, 1);

	EXPECT_EQ(0, lock_in(up, 0, U, 0));
	EXPECT_EQ(0, lock_in(reader, 0, R, 0));
	EXPECT_EQ(0, act_lock(next, MUTEX));
	START_WAITING(reader, MUTEX);
	START_WAITING_IN(next, 0, U);
	EXPECT_EQ(0, unlock_in(up, 0, U, 0));
	EXPECT_EQ(0, act_end(next));
	EXPECT_EQ(0, act_unlock(next, MUTEX));
	EXPECT_EQ(0, act_end(reader));
	/* The other way about. */
	EXPECT_EQ(0, act_unlock(reader, MUTEX));
	EXPECT_EQ(0, unlock_in(next, 0, U, 0));
	EXPECT_EQ(0, lock_in(up, 0, U, 0));
	EXPECT_EQ(0, act_lock(next, MUTEX));
	START_WAITING_IN(next, 0, U);
	START_WAITING(reader, MUTEX);
	EXPECT_EQ(0, unlock_in(up, 0, U, 0));
	EXPECT_EQ(0, act_end(next));
	EXPECT_EQ(0, act_unlock(next, MUTEX));
	EXPECT_EQ(0, act_end(reader));
}

/* A reader that queues behind such a one waits for the upgrader, too, and for no reader. */
TEST_F(detect_rwlock, reader_behind_an_upgradable)
{
	struct actor *up = process(self->fds, 1), *next = process(self->fds, 1);
	struct actor *inside = process(self->fds, 1), *late = process(self->fds, 1);

	for (int last = 0; last < 2; last++) {
		EXPECT_EQ(0, lock_in(up, 0, U, 0));
		EXPECT_EQ(0, lock_in(inside, 0, R, 0));
		EXPECT_EQ(0, act_lock(late, MUTEX));
		START_WAITING_IN(next, 0, U);
		if (last)
			START_WAITING(inside, MUTEX);
		START_WAITING_IN(late, 0, R);
		if (!last)
			START_WAITING(inside, MUTEX);
		EXPECT_EQ(0, unlock_in(up, 0, U, 0));
		EXPECT_EQ(0, act_end(next));
		EXPECT_EQ(0, act_end(late));
		EXPECT_EQ(0, act_unlock(late, MUTEX));
		EXPECT_EQ(0, act_end(inside));
		EXPECT_EQ(0, act_unlock(inside, MUTEX));
		EXPECT_EQ(0, unlock_in(inside, 0, R, 0));
		EXPECT_EQ(0, unlock_in(late, 0, R, 0));
		EXPECT_EQ(0, unlock_in(next, 0, U, 0));
	}
}

/* A writer behind an upgrader waits for him; a reader does not. */
TEST_F(detect_rwlock, upgrader_excludes_writers)
{
	struct actor *up = process(self->fds, 1), *other = process(self->fds, 1);

	EXPECT_EQ(0, lock_in(up, 0, U, 0));
	EXPECT_EQ(0, act_lock(other, MUTEX));
	START_WAITING(up, MUTEX);
	EXPECT_EQ(0, lock_in(other, 0, R, 0));
	EXPECT_EQ(0, unlock_in(other, 0, R, 0));
	EXPECT_EQ(-EDEADLK, lock_in(other, 0, W, 0));
	EXPECT_EQ(-EDEADLK, lock_in(other, 0, U, 0));
	EXPECT_EQ(0, act_unlock(other, MUTEX));
	EXPECT_EQ(0, act_end(up));
}

/* What a conversion gave up is not waited for. */
TEST_F(detect_rwlock, converted)
{
	struct actor *a = process(self->fds, 1), *b = process(self->fds, 1);

	EXPECT_EQ(0, lock_in(a, 0, W, 0));
	EXPECT_EQ(0, act_lock(b, MUTEX));
	START_WAITING(a, MUTEX);
	EXPECT_EQ(-EDEADLK, lock_in(b, 0, R, 0));
	EXPECT_EQ(0, act_unlock(b, MUTEX));
	EXPECT_EQ(0, act_end(a));
	EXPECT_EQ(0, act_unlock(a, MUTEX));
	EXPECT_EQ(0, ACT(a, 0, CONVERT, &SHS_CONVERT(.from = W, .to = R, .lane = 1)));
	EXPECT_EQ(0, act_lock(b, MUTEX));
	START_WAITING(a, MUTEX);
	EXPECT_EQ(0, lock_in(b, 0, R, 0));
	EXPECT_EQ(0, unlock_in(b, 0, R, 0));
	EXPECT_EQ(-EDEADLK, lock_in(b, 0, W, 0));
	EXPECT_EQ(2, act_cycle(b, 0));
	EXPECT_LINK(b->list[1], a, MUTEX, W);
	EXPECT_EQ(0, act_unlock(b, MUTEX));
	EXPECT_EQ(0, act_end(a));
	EXPECT_EQ(0, unlock_in(a, 0, R, 1));
	EXPECT_EQ(0, lock_in(b, 0, W, 0));
}

/*
 * A lane by which two threads read tells nothing about who still does: one that has
 * gone must not be taken for one that holds.
 */
TEST_F(detect_rwlock, shared_lane)
{
	struct actor *a = process(self->fds, 2), *b = process(self->fds, 1);

	for (int gone = 0; gone < 2; gone++) {
		struct actor *stays = &a[!gone];

		EXPECT_EQ(0, lock_in(&a[0], 0, R, 0));
		EXPECT_EQ(0, lock_in(&a[1], 0, R, 0));
		EXPECT_EQ(0, act_lock(b, MUTEX));
		EXPECT_EQ(0, unlock_in(&a[gone], 0, R, 0));
		START_WAITING(&a[gone], MUTEX);
		EXPECT_EQ(-ETIMEDOUT, waits_in_vain(b, 0));
		EXPECT_EQ(0, unlock_in(stays, 0, R, 0));
		EXPECT_EQ(0, act_lock(b, 0));
		EXPECT_EQ(0, unlock_in(b, 0, W, 0));
		EXPECT_EQ(0, act_unlock(b, MUTEX));
		EXPECT_EQ(0, act_end(&a[gone]));
		EXPECT_EQ(0, act_unlock(&a[gone], MUTEX));
	}
}

/* One that reads several times by its lane reads until it has left as often. */
TEST_F(detect_rwlock, counted_lane)
{
	struct actor *a = process(self->fds, 1), *b = process(self->fds, 1);

	EXPECT_EQ(0, act_lock(b, MUTEX));
	EXPECT_EQ(0, lock_in(a, 0, R, 3));
	EXPECT_EQ(0, lock_in(a, 0, R, 3));
	EXPECT_EQ(0, unlock_in(a, 0, R, 3));
	START_WAITING(a, MUTEX);
	EXPECT_EQ(-EDEADLK, lock_in(b, 0, W, 0));
	EXPECT_EQ(0, act_unlock(b, MUTEX));
	EXPECT_EQ(0, act_end(a));
	EXPECT_EQ(0, unlock_in(a, 0, R, 3));
	EXPECT_EQ(0, act_lock(b, 0));
}

/* A reader that died is no reader. */
TEST_F(detect_rwlock, killed_reader)
{
	struct actor *a = process(self->fds, 1), *b = process(self->fds, 1);

	EXPECT_EQ(0, act_lock(b, MUTEX));
	EXPECT_EQ(0, lock_in(a, 0, R, 0));
	START_WAITING(a, MUTEX);
	EXPECT_EQ(-EDEADLK, lock_in(b, 0, W, 0));
	EXPECT_EQ(-SIGKILL, act_kill(a));
	EXPECT_EQ(0, act_lock(b, 0));
	EXPECT_EQ(1, shs_info(self->fds[0]).deaths);
}

/* An operation that reads waits for writers only. */
TEST_F(detect_rwlock, operations)
{
	struct actor *a = process(self->fds, 1), *b = process(self->fds, 1);
	struct shs_ioc_op read = SHS_OP(READ, .deadline = SHS_FOREVER);

	EXPECT_EQ(0, lock_in(a, 0, R, 0));
	EXPECT_EQ(0, ACT(a, 0, OP, &read));
	EXPECT_EQ(-EDEADLK, ACT(a, 0, OP, ADD_FOREVER));
	EXPECT_EQ(0, act_lock(b, MUTEX));
	START_WAITING(a, MUTEX);
	EXPECT_EQ(0, ACT(b, 0, OP, &read));
	EXPECT_EQ(-EDEADLK, ACT(b, 0, OP, ADD_FOREVER));
	EXPECT_EQ(0, act_unlock(b, MUTEX));
	EXPECT_EQ(0, act_end(a));
	EXPECT_EQ(0, unlock_in(a, 0, R, 0));
	EXPECT_EQ(0, lock_in(a, 0, W, 0));
	EXPECT_EQ(-EDEADLK, ACT(a, 0, OP, &read));
}

/*
 * The search is done under a spinlock, so it is given up when too many wait: a long way
 * round is found through few readers in a queue, not through hundreds, each of whom
 * looks at all who are ahead. Nobody is refused then; the wait ends by its deadline.
 */
#define CROWD 8		/* processes, of so many threads: */
#define CROWD_THREADS 32

enum { READ_BY_ALL = 4 };

TEST_F(detect_rwlock, too_many)
{
	const struct rlimit many = { 4096, 4096 };	/* descriptors: four an actor */
	struct actor *owner, *crowd[CROWD];
	int fds[READ_BY_ALL + 1];

	setrlimit(RLIMIT_NOFILE, &many);
	for (int i = 0; i <= READ_BY_ALL; i++)
		fds[i] = create(i == READ_BY_ALL ? SHS_KIND_RWLOCK : SHS_KIND_MUTEX,
				SHS_INIT_DETECT);
	owner = act_process(fds, ARRAY_SIZE(fds), 4);
	for (int i = 0; i < 4; i++)
		EXPECT_EQ(0, act_lock(&owner[i], i));
	for (int i = 0; i < 3; i++) {
		act_start_lock(&owner[i], i + 1);
		SHS_AWAIT(fds[i + 1], info.waiters == 1);
	}
	for (int i = 0; i < CROWD; i++) {
		crowd[i] = act_process(fds, ARRAY_SIZE(fds), CROWD_THREADS);
		for (int n = 0; n < CROWD_THREADS; n++) {
			ASSERT_EQ(0, lock_in(&crowd[i][n], READ_BY_ALL, R, n));
			act_start_lock(&crowd[i][n], 0);
		}
		SHS_AWAIT(fds[0], info.waiters == (i + 1) * CROWD_THREADS);
		if (i)
			continue;
		EXPECT_EQ(-EDEADLK, lock_in(&owner[3], READ_BY_ALL, W, 0));
		EXPECT_EQ(5, act_cycle(&owner[3], READ_BY_ALL));
	}
	EXPECT_EQ(-ETIMEDOUT, waits_in_vain(&owner[3], READ_BY_ALL));
	/* A short way round is sought first, and found. */
	EXPECT_EQ(-EDEADLK, act_lock(&owner[3], 3));
	EXPECT_EQ(-EDEADLK, act_lock(&owner[3], 2));
	EXPECT_EQ(2, act_cycle(&owner[3], 2));
}

/*
 * Many threads that lock at random
 */
FIXTURE(detect_stress) {
	int fds[6];
};

FIXTURE_SETUP(detect_stress)
{
	static const struct {
		__u32 kind, flags;
	} objects[] = {
		{ SHS_KIND_MUTEX, 0 }, { SHS_KIND_RWLOCK, 0 },
		{ SHS_KIND_MUTEX, SHS_INIT_FIFO }, { SHS_KIND_RWLOCK, 0 },
		{ SHS_KIND_MUTEX, SHS_INIT_RECURSIVE }, { SHS_KIND_RWLOCK, SHS_INIT_COMMIT },
	};

	SHS_MOUNT("");
	for (int i = 0; i < ARRAY_SIZE(objects); i++) {
		self->fds[i] = create(objects[i].kind, SHS_INIT_DETECT | SHS_INIT_IGNORE |
						       objects[i].flags);
		ASSERT_LE(0, self->fds[i]);
	}
}

FIXTURE_TEARDOWN(detect_stress)
{
}

struct runner {
	const int *fds;
	struct shs_att *att;
	unsigned int seed;
	__u32 lane;
	bool ordered;		/* then it is never refused */
	unsigned long rounds;
	int status;
};

/* One lock in a mode that the object has; what was held, or an error. */
static int take(struct runner *run, int object, struct shs_ioc_lock *held)
{
	bool rwlock = run->att[object].is.kind == SHS_KIND_RWLOCK;
	__u32 mode = rwlock ? rand_r(&run->seed) % 4 : W;
	bool upgrade = mode == 3;
	int ret;

	*held = SHS_LOCK(.mode = upgrade ? U : mode, .lane = mode == R ? run->lane : 0,
			 .deadline = SHS_FOREVER);
	ret = shs_lock_as(&run->att[object], held);
	held->deadline = 0;
	if (ret || !upgrade)
		return ret;
	ret = shs_convert(&run->att[object], UPGRADE);
	if (!ret)
		held->mode = W;
	else
		shs_unlock_as(&run->att[object], held);
	return ret;
}

/* Some locks, in a row or any order; 0, -EDEADLK, or what should not be. */
static int take_some(struct runner *run)
{
	struct shs_ioc_lock held[6];
	bool has[6] = { false };
	int ret = 0;

	for (int i = 0; i < 6 && !ret; i++) {
		int object = run->ordered ? i : rand_r(&run->seed) % 6;

		if (has[object] || rand_r(&run->seed) % 2)
			continue;
		if (rand_r(&run->seed) % 8) {
			ret = take(run, object, &held[object]);
			has[object] = !ret;
		} else {
			ret = shs_op(run->fds[object], ADD_FOREVER);
		}
	}
	for (int i = 0; i < 6; i++)
		if (has[i] && shs_unlock_as(&run->att[i], &held[i]))
			return -EIO;
	return ret;
}

static void *run(void *argument)
{
	struct runner *run = argument;

	for (unsigned long n = 0; n < run->rounds && !run->status; n++) {
		int ret = take_some(run);

		if (ret && (ret != -EDEADLK || run->ordered))
			run->status = -ret;
	}
	return NULL;
}

static int run_threads(const int *fds, unsigned int seed, bool ordered)
{
	struct runner runners[3];
	struct shs_att att[6];
	pthread_t threads[3];

	for (int i = 0; i < 6; i++)
		if (shs_attach(&att[i], fds[i]))
			return 255;
	for (int i = 0; i < 3; i++) {
		runners[i] = (struct runner){ fds, att, seed * 100 + i, i, ordered,
					      shs_scale(400), 0 };
		if (pthread_create(&threads[i], NULL, run, &runners[i]))
			return 254;
	}
	for (int i = 0; i < 3; i++) {
		pthread_join(threads[i], NULL);
		if (runners[i].status)
			return runners[i].status;
	}
	/* Some run this again and again, and there is not room for any number of them. */
	for (int i = 0; i < 6; i++) {
		munmap(att[i].private, att[i].is.private_size);
		munmap((void *)att[i].control, att[i].is.control_size);
		munmap(att[i].shared, att[i].is.shared_size);
		close(att[i].fd);
	}
	return 0;
}

#define RUN_ALL(ordered) do {							\
	pid_t child[3];								\
										\
	for (int i = 0; i < 3; i++) {						\
		child[i] = shs_fork();						\
		if (!child[i])							\
			_exit(run_threads(self->fds, i, ordered));		\
	}									\
	for (int i = 0; i < 3; i++)						\
		EXPECT_EQ(0, shs_reap(child[i]));				\
	for (int i = 0; i < 6; i++) {						\
		EXPECT_EQ(0, shs_info(self->fds[i]).state);			\
		EXPECT_EQ(0, shs_info(self->fds[i]).waiters);			\
		EXPECT_EQ(0, shs_info(self->fds[i]).readers);			\
	}									\
} while (0)

/* All lock in one order: then nobody can wait for himself, and nobody is told so. */
TEST_F(detect_stress, ordered)
{
	RUN_ALL(true);
}

/* Each in its own: deadlocks all the time, and every one of them is found. */
TEST_F(detect_stress, chaos)
{
	RUN_ALL(false);
}

/* The same, with processes that are killed in the middle of it. */
TEST_F(detect_stress, killed)
{
	unsigned int seed = 0;
	pid_t child[3];

	for (int i = 0; i < 3; i++) {
		child[i] = shs_fork();
		if (!child[i])
			for (;;)
				run_threads(self->fds, seed, false);
		seed++;
	}
	for (unsigned long n = 0; n < shs_scale(60); n++) {
		__u64 waits = shs_info(self->fds[0]).waits;

		SHS_AWAIT(self->fds[0], info.waits > waits);
		EXPECT_EQ(-SIGKILL, shs_kill(child[n % 3]));
		child[n % 3] = shs_fork();
		if (!child[n % 3])
			for (;;)
				run_threads(self->fds, seed, false);
		seed++;
	}
	for (int i = 0; i < 3; i++)
		EXPECT_EQ(-SIGKILL, shs_kill(child[i]));
	for (int i = 0; i < 6; i++) {
		struct shs_att att;

		ASSERT_EQ(0, shs_attach(&att, self->fds[i]));
		EXPECT_EQ(0, shs_trylock(&att));
		EXPECT_EQ(0, shs_info(self->fds[i]).waiters);
	}
}

TEST_HARNESS_MAIN
