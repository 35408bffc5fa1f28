// SPDX-License-Identifier: GPL-2.0-only
/*
 * A notify moves waiters from the condvar's queue to the mutex's, whatever stands for
 * the mutex: nobody is woken to find it held, one is woken when it becomes free, and
 * whoever leaves on the way passes on what it got.
 */
#include "actors.h"

#define WAITERS 4

enum { CONDVAR, LOCK };

FIXTURE(requeue) {
	int fds[2];
	struct shs_att condvar, lock;
	struct actor *actor[WAITERS];
	struct shs_ioc_info before[2];
};

FIXTURE_VARIANT(requeue) {
	__u32 kind, flags;
};

FIXTURE_VARIANT_ADD(requeue, mutex) { SHS_KIND_MUTEX, 0 };
FIXTURE_VARIANT_ADD(requeue, mutex_fifo) { SHS_KIND_MUTEX, SHS_INIT_FIFO };
FIXTURE_VARIANT_ADD(requeue, mutex_strict) { SHS_KIND_MUTEX, SHS_INIT_STRICT |
							     SHS_INIT_RECURSIVE };
FIXTURE_VARIANT_ADD(requeue, rwlock) { SHS_KIND_RWLOCK, 0 };
FIXTURE_VARIANT_ADD(requeue, rwlock_detect) { SHS_KIND_RWLOCK, SHS_INIT_DETECT };

static void on_signal(int number)
{
}

static void handle(int number, int flags)
{
	struct sigaction action = { .sa_handler = on_signal, .sa_flags = flags };

	sigaction(number, &action, NULL);
}

FIXTURE_SETUP(requeue)
{
	SHS_MOUNT("");
	self->fds[CONDVAR] = shs_create(SHS_KIND_CONDVAR, SHS_TYPE_NONE, 0);
	self->fds[LOCK] = shs_create_as(&SHS_INIT(.kind = variant->kind, .type = SHS_TYPE_U64,
			.count = 4, .flags = variant->flags));
	ASSERT_LE(0, self->fds[CONDVAR]);
	ASSERT_LE(0, self->fds[LOCK]);
	ASSERT_EQ(0, shs_attach(&self->condvar, self->fds[CONDVAR]));
	ASSERT_EQ(0, shs_attach(&self->lock, self->fds[LOCK]));
	handle(SIGUSR1, 0);
	handle(SIGUSR2, SA_RESTART);
}

FIXTURE_TEARDOWN(requeue)
{
}

static int notify(FIXTURE_DATA(requeue) *self, __u64 count)
{
	struct shs_ioc_op op = SHS_OP(NOTIFY, .arg = count);
	int ret = shs_op(self->fds[CONDVAR], &op);

	return ret ?: op.result;
}

static __u32 waiters(FIXTURE_DATA(requeue) *self, int object)
{
	return shs_info(self->fds[object]).waiters;
}

/* How often somebody was woken, or queued, since all of them wait. */
static __u64 wakes(FIXTURE_DATA(requeue) *self, int object)
{
	return shs_info(self->fds[object]).wakes - self->before[object].wakes;
}

static __u64 waits(FIXTURE_DATA(requeue) *self, int object)
{
	return shs_info(self->fds[object]).waits - self->before[object].waits;
}

static bool owns(FIXTURE_DATA(requeue) *self, const struct actor *actor)
{
	struct shs_ioc_info info = shs_info(self->fds[LOCK]);

	return info.holder_pid == actor->pid && info.holder_tid == actor->tid;
}

/* Starts a process that waits, until it sleeps; with threads, its first thread does. */
static struct actor *wait_in(FIXTURE_DATA(requeue) *self, int threads)
{
	__u32 already = waiters(self, CONDVAR);
	struct actor *actor = act_process(self->fds, 2, threads);

	if (act_lock(actor, LOCK))
		abort();
	act_start_wait(actor, CONDVAR, LOCK);
	SHS_AWAIT(self->fds[CONDVAR], info.waiters == already + 1);
	shs_await_sleep(actor->tid);
	return actor;
}

static void all_wait(FIXTURE_DATA(requeue) *self, int count)
{
	for (int i = 0; i < count; i++)
		self->actor[i] = wait_in(self, 1);
	for (int i = 0; i < 2; i++)
		self->before[i] = shs_info(self->fds[i]);
}

/* The actor comes back holding, alone, and goes. */
#define EXPECT_TURN(actor) do {							\
	EXPECT_EQ(0, act_end(actor));						\
	EXPECT_TRUE(owns(self, actor));						\
	EXPECT_EQ(0, act_unlock(actor, LOCK));					\
} while (0)

/* Notified while it is held: all change queues, nobody wakes; then one an unlock. */
TEST_F(requeue, notify_all_while_held)
{
	all_wait(self, WAITERS);
	EXPECT_EQ(0, shs_lock(&self->lock));
	EXPECT_EQ(WAITERS, notify(self, ~0ULL));
	EXPECT_EQ(0, waiters(self, CONDVAR));
	EXPECT_EQ(WAITERS, waiters(self, LOCK));
	EXPECT_EQ(WAITERS, waits(self, LOCK));
	EXPECT_EQ(0, wakes(self, CONDVAR));
	EXPECT_EQ(0, wakes(self, LOCK));
	EXPECT_EQ(0, notify(self, ~0ULL));
	EXPECT_EQ(0, shs_unlock(&self->lock));
	for (int i = 0; i < WAITERS; i++) {
		EXPECT_EQ(0, act_end(self->actor[i]));
		EXPECT_TRUE(owns(self, self->actor[i]));
		EXPECT_EQ(WAITERS - 1 - i, waiters(self, LOCK));
		EXPECT_EQ(i + 1, wakes(self, LOCK));
		if (variant->flags & SHS_INIT_RECURSIVE)
			EXPECT_EQ(1, shs_info(self->fds[LOCK]).depth);
		EXPECT_EQ(0, act_unlock(self->actor[i], LOCK));
	}
	EXPECT_EQ(WAITERS, wakes(self, LOCK));
	EXPECT_EQ(0, wakes(self, CONDVAR));
	EXPECT_EQ(0, shs_trylock(&self->lock));
}

/* Notified while it is free: one has it at once, the rest queue behind. */
TEST_F(requeue, notify_all_while_free)
{
	all_wait(self, WAITERS);
	EXPECT_EQ(WAITERS, notify(self, ~0ULL));
	EXPECT_EQ(0, waiters(self, CONDVAR));
	for (int i = 0; i < WAITERS; i++) {
		EXPECT_EQ(0, act_end(self->actor[i]));
		EXPECT_TRUE(owns(self, self->actor[i]));
		EXPECT_EQ(WAITERS - 1 - i, waiters(self, LOCK));
		EXPECT_EQ(i + 1, wakes(self, LOCK));
		EXPECT_EQ(0, act_unlock(self->actor[i], LOCK));
	}
	EXPECT_EQ(0, wakes(self, CONDVAR));
	EXPECT_EQ(0, shs_info(self->fds[LOCK]).state);
}

/* As many as were asked for, the longest waiting first; the others stay. */
TEST_F(requeue, notify_one)
{
	all_wait(self, WAITERS);
	EXPECT_EQ(0, shs_lock(&self->lock));
	for (int i = 1; i <= 2; i++) {
		EXPECT_EQ(1, notify(self, 1));
		EXPECT_EQ(WAITERS - i, waiters(self, CONDVAR));
		EXPECT_EQ(i, waiters(self, LOCK));
	}
	EXPECT_EQ(0, notify(self, 0));
	EXPECT_EQ(0, wakes(self, LOCK));
	EXPECT_EQ(0, shs_unlock(&self->lock));
	EXPECT_TURN(self->actor[0]);
	EXPECT_TURN(self->actor[1]);
	EXPECT_EQ(2, waiters(self, CONDVAR));
	EXPECT_EQ(0, waiters(self, LOCK));
	EXPECT_EQ(2, wakes(self, LOCK));
	EXPECT_EQ(2, notify(self, 3));
	EXPECT_TURN(self->actor[2]);
	EXPECT_TURN(self->actor[3]);
	EXPECT_EQ(0, wakes(self, CONDVAR));
}

/* Whoever queued for the lock before comes first. */
TEST_F(requeue, behind_those_who_queue)
{
	struct actor *first = act_process(self->fds, 2, 1);

	all_wait(self, 2);
	EXPECT_EQ(0, shs_lock(&self->lock));
	act_start_lock(first, LOCK);
	SHS_AWAIT(self->fds[LOCK], info.waiters == 1);
	EXPECT_EQ(2, notify(self, ~0ULL));
	EXPECT_EQ(3, waiters(self, LOCK));
	EXPECT_EQ(0, shs_unlock(&self->lock));
	EXPECT_TURN(first);
	EXPECT_TURN(self->actor[0]);
	EXPECT_TURN(self->actor[1]);
}

/* The word says that somebody waits, or the owner's fast way out would lose them. */
TEST_F(requeue, word)
{
	__u32 *word, id = self->lock.is.id;

	if (variant->kind == SHS_KIND_RWLOCK)
		return;
	word = &self->lock.shared->word;
	all_wait(self, 2);
	EXPECT_EQ(0, shs_lock(&self->lock));
	EXPECT_EQ(0, *word & SHS_WORD_WAITERS);
	EXPECT_EQ(2, notify(self, ~0ULL));
	EXPECT_NE(0, *word & SHS_WORD_WAITERS);
	EXPECT_FALSE(__atomic_compare_exchange_n(word, &id, 0, false, __ATOMIC_SEQ_CST,
						 __ATOMIC_SEQ_CST));
	EXPECT_EQ(0, shs_unlock(&self->lock));
	EXPECT_TURN(self->actor[0]);
	EXPECT_TURN(self->actor[1]);
	EXPECT_EQ(0, *word & ~SHS_WORD_KERNEL);
}

/* A signal ends the sleep in the lock's queue; the notify stays this waiter's. */
TEST_F(requeue, interrupted)
{
	all_wait(self, 2);
	EXPECT_EQ(0, shs_lock(&self->lock));
	EXPECT_EQ(2, notify(self, ~0ULL));
	act_signal(self->actor[0], SIGUSR1);
	EXPECT_EQ(-EINTR, act_end(self->actor[0]));
	EXPECT_EQ(1, self->actor[0]->arg.wait.started);
	EXPECT_EQ(1, waiters(self, LOCK));
	EXPECT_EQ(0, waiters(self, CONDVAR));
	EXPECT_EQ(0, notify(self, ~0ULL));
	act_start_again(self->actor[0]);
	SHS_AWAIT(self->fds[LOCK], info.waiters == 2);
	EXPECT_EQ(0, waiters(self, CONDVAR));
	EXPECT_EQ(0, shs_unlock(&self->lock));
	/* It left its place, so it is the last one now. */
	EXPECT_TURN(self->actor[1]);
	EXPECT_TURN(self->actor[0]);
	EXPECT_EQ(0, self->actor[0]->arg.wait.started);
}

/* With SA_RESTART it comes back by itself, as often as it takes. */
TEST_F(requeue, restarted)
{
	all_wait(self, 1);
	EXPECT_EQ(0, shs_lock(&self->lock));
	EXPECT_EQ(1, notify(self, 1));
	for (int i = 1; i <= 3; i++) {
		act_signal(self->actor[0], SIGUSR2);
		SHS_AWAIT(self->fds[LOCK], info.waits - self->before[LOCK].waits >= i + 1 &&
					   info.waiters == 1);
	}
	EXPECT_EQ(0, shs_unlock(&self->lock));
	EXPECT_TURN(self->actor[0]);
}

/*
 * One that is in a signal handler does not sleep, so it is not moved; it finds out by
 * itself, and takes its turn like the others.
 */
TEST_F(requeue, notified_while_interrupted)
{
	all_wait(self, 3);
	act_signal(self->actor[1], SIGUSR1);
	EXPECT_EQ(-EINTR, act_end(self->actor[1]));
	EXPECT_EQ(3, waiters(self, CONDVAR));
	EXPECT_EQ(0, shs_lock(&self->lock));
	EXPECT_EQ(3, notify(self, ~0ULL));
	EXPECT_EQ(0, waiters(self, CONDVAR));
	EXPECT_EQ(2, waiters(self, LOCK));
	EXPECT_EQ(0, shs_unlock(&self->lock));
	EXPECT_TURN(self->actor[0]);
	EXPECT_TURN(self->actor[2]);
	EXPECT_EQ(0, shs_lock(&self->lock));
	act_start_again(self->actor[1]);
	SHS_AWAIT(self->fds[LOCK], info.waiters == 1);
	EXPECT_EQ(0, shs_unlock(&self->lock));
	EXPECT_TURN(self->actor[1]);
}

/* The deadline is for the notify: once that came, the lock is waited for without one. */
TEST_F(requeue, deadline_passes)
{
	for (__u64 limit = 50 * SHS_MS;; limit *= 4) {
		struct actor *actor = act_process(self->fds, 2, 1);
		__u64 deadline;
		int notified;

		EXPECT_EQ(0, act_lock(actor, LOCK));
		deadline = shs_now(SHS_CLOCK_MONOTONIC) + limit;
		actor->mutex = LOCK;
		ACT_START(actor, CONDVAR, WAIT, &SHS_WAIT(.deadline = deadline));
		EXPECT_EQ(0, shs_lock(&self->lock));
		notified = notify(self, 1);
		if (notified) {
			EXPECT_EQ(1, notified);
			while (shs_now(SHS_CLOCK_MONOTONIC) < deadline + 20 * SHS_MS)
				sched_yield();
			SHS_AWAIT(self->fds[LOCK], info.waiters == 1);
		}
		EXPECT_EQ(0, shs_unlock(&self->lock));
		EXPECT_EQ(notified ? 0 : -ETIMEDOUT, act_end(actor));
		EXPECT_TRUE(owns(self, actor));
		EXPECT_EQ(0, act_unlock(actor, LOCK));
		if (notified)
			break;
	}
}

/* One that is killed in the lock's queue leaves its notify to one who still waits. */
TEST_F(requeue, killed)
{
	all_wait(self, 3);
	EXPECT_EQ(0, shs_lock(&self->lock));
	EXPECT_EQ(1, notify(self, 1));
	EXPECT_EQ(-SIGKILL, act_kill(self->actor[0]));
	SHS_AWAIT(self->fds[LOCK], info.waiters == 1);
	EXPECT_EQ(1, waiters(self, CONDVAR));
	EXPECT_EQ(1, notify(self, ~0ULL));
	EXPECT_EQ(-SIGKILL, act_kill(self->actor[1]));
	SHS_AWAIT(self->fds[LOCK], info.waiters == 1);
	EXPECT_EQ(0, shs_unlock(&self->lock));
	EXPECT_TURN(self->actor[2]);
	EXPECT_EQ(0, shs_info(self->fds[LOCK]).deaths);
	EXPECT_EQ(0, waiters(self, LOCK));
	EXPECT_EQ(0, waiters(self, CONDVAR));
}

/* The same when the lock has become its own and it does not know yet. */
TEST_F(requeue, killed_when_granted)
{
	__u64 since;

	all_wait(self, 2);
	EXPECT_EQ(0, shs_lock(&self->lock));
	EXPECT_EQ(1, notify(self, 1));
	since = shs_now(SHS_CLOCK_MONOTONIC);
	while (shs_now(SHS_CLOCK_MONOTONIC) < since + 3 * SHS_MS)
		;
	ASSERT_EQ(0, shs_hold_off(self->actor[0]->pid));
	EXPECT_EQ(0, shs_unlock(&self->lock));
	EXPECT_EQ(self->actor[0]->pid, shs_info(self->fds[LOCK]).holder_pid);
	kill(self->actor[0]->pid, SIGKILL);
	shs_let_go();
	EXPECT_EQ(-SIGKILL, shs_reap(self->actor[0]->pid));
	/* What it got it gave back unused, the lock and the notify. */
	EXPECT_TURN(self->actor[1]);
	EXPECT_EQ(0, shs_info(self->fds[LOCK]).deaths);
	EXPECT_EQ(0, waiters(self, CONDVAR));
}

static int unmap_lock(struct actor *actor)
{
	return munmap(actor->att[LOCK].private, actor->att[LOCK].is.private_size);
}

static int unmap_condvar(struct actor *actor)
{
	return munmap(actor->att[CONDVAR].private, actor->att[CONDVAR].is.private_size);
}

/* Without its attachment of the lock it can take nothing back: its notify goes on. */
TEST_F(requeue, attachment_of_the_lock_ends)
{
	struct actor *first = wait_in(self, 2), *second = wait_in(self, 1);

	EXPECT_EQ(0, shs_lock(&self->lock));
	EXPECT_EQ(1, notify(self, 1));
	SHS_AWAIT(self->fds[LOCK], info.waiters == 1);
	EXPECT_EQ(0, act_call(&first[1], unmap_lock));
	EXPECT_EQ(-ENXIO, act_end(first));
	SHS_AWAIT(self->fds[LOCK], info.waiters == 1);
	EXPECT_EQ(0, waiters(self, CONDVAR));
	EXPECT_EQ(0, shs_unlock(&self->lock));
	EXPECT_TURN(second);
}

/* The same if it ended before there was a notify. */
TEST_F(requeue, attachment_of_the_lock_ended_before)
{
	struct actor *first = wait_in(self, 2), *second = wait_in(self, 1);

	EXPECT_EQ(0, act_call(&first[1], unmap_lock));
	EXPECT_EQ(2, waiters(self, CONDVAR));
	EXPECT_EQ(0, shs_lock(&self->lock));
	EXPECT_EQ(1, notify(self, 1));
	EXPECT_EQ(-ENXIO, act_end(first));
	SHS_AWAIT(self->fds[LOCK], info.waiters == 1);
	EXPECT_EQ(0, waiters(self, CONDVAR));
	EXPECT_EQ(0, shs_unlock(&self->lock));
	EXPECT_TURN(second);
}

/* The condvar has nothing to do with it any more. */
TEST_F(requeue, attachment_of_the_condvar_ends)
{
	struct actor *actor = wait_in(self, 2);

	EXPECT_EQ(0, shs_lock(&self->lock));
	EXPECT_EQ(1, notify(self, 1));
	EXPECT_EQ(0, act_call(&actor[1], unmap_condvar));
	EXPECT_EQ(1, waiters(self, LOCK));
	EXPECT_EQ(0, shs_unlock(&self->lock));
	EXPECT_TURN(actor);
}

/* One that waits for the notify still is told of the end, with the lock in hand. */
TEST_F(requeue, attachment_of_the_condvar_ended_before)
{
	struct actor *actor = wait_in(self, 2);

	EXPECT_EQ(0, shs_lock(&self->lock));
	EXPECT_EQ(0, act_call(&actor[1], unmap_condvar));
	EXPECT_EQ(0, notify(self, 1));
	SHS_AWAIT(self->fds[LOCK], info.waiters == 1);
	EXPECT_EQ(0, shs_unlock(&self->lock));
	EXPECT_EQ(-ENXIO, act_end(actor));
	EXPECT_TRUE(owns(self, actor));
	EXPECT_EQ(0, act_unlock(actor, LOCK));
}

static int close_lock(struct actor *actor)
{
	struct shs_att *lock = &actor->att[LOCK];

	if (munmap((void *)lock->control, lock->is.control_size) ||
	    munmap(lock->shared, lock->is.shared_size) ||
	    munmap(lock->private, lock->is.private_size) || close(lock->fd) ||
	    close(actor->objects[LOCK]))
		return -errno;
	return 0;
}

/*
 * Between an interruption and the next call a process may close all it has of the
 * lock. Its place in the queue is good for nobody then, and no danger to anybody.
 */
TEST_F(requeue, lock_closed_while_interrupted)
{
	all_wait(self, 2);
	act_signal(self->actor[0], SIGUSR1);
	EXPECT_EQ(-EINTR, act_end(self->actor[0]));
	EXPECT_EQ(0, act_call(self->actor[0], close_lock));
	EXPECT_EQ(2, waiters(self, CONDVAR));
	EXPECT_EQ(0, shs_lock(&self->lock));
	EXPECT_EQ(1, notify(self, 1));
	self->actor[0]->request = SHS_IOC_WAIT;
	act_start_again(self->actor[0]);
	EXPECT_EQ(-EBADF, act_end(self->actor[0]));
	EXPECT_EQ(-SIGKILL, act_kill(self->actor[0]));
	/* What came for it goes to the other one. */
	SHS_AWAIT(self->fds[LOCK], info.waiters == 1);
	EXPECT_EQ(0, shs_unlock(&self->lock));
	EXPECT_TURN(self->actor[1]);
	SHS_AWAIT(self->fds[LOCK], info.attachments == 2);
}

static int attach_again(struct actor *actor)
{
	return shs_attach(&actor->att[LOCK], actor->objects[LOCK]);
}

/* By another attachment, of the same lock even, that wait cannot go on. */
TEST_F(requeue, other_attachment_while_interrupted)
{
	all_wait(self, 2);
	act_signal(self->actor[0], SIGUSR1);
	EXPECT_EQ(-EINTR, act_end(self->actor[0]));
	EXPECT_EQ(0, shs_lock(&self->lock));
	EXPECT_EQ(1, notify(self, 1));
	EXPECT_EQ(0, act_call(self->actor[0], attach_again));
	self->actor[0]->request = SHS_IOC_WAIT;
	act_start_again(self->actor[0]);
	EXPECT_EQ(-EINVAL, act_end(self->actor[0]));
	SHS_AWAIT(self->fds[LOCK], info.waiters == 1);
	EXPECT_EQ(0, shs_unlock(&self->lock));
	EXPECT_TURN(self->actor[1]);
	/* A new wait begins as ever. */
	EXPECT_EQ(0, act_lock(self->actor[0], LOCK));
	act_start_wait(self->actor[0], CONDVAR, LOCK);
	SHS_AWAIT(self->fds[CONDVAR], info.waiters == 1);
	EXPECT_EQ(1, notify(self, 1));
	EXPECT_TURN(self->actor[0]);
}

/* The owner dies with all of them in its queue: the first that comes is told. */
TEST_F(requeue, owner_dies)
{
	bool strict = variant->flags & SHS_INIT_STRICT;

	all_wait(self, 3);
	EXPECT_EQ(0, shs_lock(&self->lock));
	EXPECT_EQ(3, notify(self, ~0ULL));
	EXPECT_EQ(0, munmap(self->lock.private, self->lock.is.private_size));
	EXPECT_EQ(-EOWNERDEAD, act_end(self->actor[0]));
	EXPECT_TRUE(owns(self, self->actor[0]));
	EXPECT_EQ(0, act_unlock(self->actor[0], LOCK));
	for (int i = 1; i < 3; i++) {
		EXPECT_EQ(strict ? -ENOTRECOVERABLE : 0, act_end(self->actor[i]));
		EXPECT_EQ(!strict, owns(self, self->actor[i]));
		EXPECT_EQ(strict ? -EPERM : 0, act_unlock(self->actor[i], LOCK));
	}
	EXPECT_EQ(0, waiters(self, LOCK));
}

/* Only who may write can wait, whatever the lock is. */
TEST_F(requeue, modes)
{
	struct shs_ioc_wait wait = SHS_WAIT(.mutex_fd = self->lock.fd);
	__u32 modes[] = { SHS_MODE_READ, SHS_MODE_UPGRADABLE };

	EXPECT_EQ(-EPERM, shs_wait(&self->condvar, &wait));
	for (int i = 0; i < 2 && variant->kind == SHS_KIND_RWLOCK; i++) {
		EXPECT_EQ(0, shs_lock_as(&self->lock, &SHS_LOCK(.mode = modes[i])));
		wait = SHS_WAIT(.mutex_fd = self->lock.fd);
		EXPECT_EQ(-EPERM, shs_wait(&self->condvar, &wait));
		EXPECT_EQ(0, waiters(self, CONDVAR));
		EXPECT_EQ(0, shs_unlock_as(&self->lock, &SHS_LOCK(.mode = modes[i])));
	}
	EXPECT_EQ(0, shs_lock(&self->lock));
	wait = SHS_WAIT(.mutex_fd = self->lock.fd);
	EXPECT_EQ(-ETIMEDOUT, shs_wait(&self->condvar, &wait));
	EXPECT_EQ(SHS_STATE_HELD, shs_info(self->fds[LOCK]).state);
	EXPECT_EQ(0, shs_unlock(&self->lock));
}

/* A writer that was notified waits for the readers, and they for it. */
TEST_F(requeue, readers)
{
	struct actor *reader;

	if (variant->kind != SHS_KIND_RWLOCK)
		return;
	all_wait(self, 2);
	EXPECT_EQ(0, shs_rdlock(&self->lock, 0));
	EXPECT_EQ(2, notify(self, ~0ULL));
	EXPECT_EQ(2, waiters(self, LOCK));
	EXPECT_EQ(0, wakes(self, LOCK));
	EXPECT_EQ(1, self->lock.control->wpending);
	reader = act_process(self->fds, 2, 1);
	ACT_START(reader, LOCK, LOCK, &SHS_LOCK(.mode = SHS_MODE_READ, .deadline = SHS_FOREVER));
	SHS_AWAIT(self->fds[LOCK], info.waiters == 3);
	EXPECT_EQ(0, shs_rdunlock(&self->lock, 0));
	EXPECT_TURN(self->actor[0]);
	EXPECT_TURN(self->actor[1]);
	EXPECT_EQ(0, act_end(reader));
}

/* Beside a lock for reading only nobody can change a thing: no waiting either. */
TEST_F(requeue, read_only_lock)
{
	struct shs_att att;

	ASSERT_EQ(0, shs_link(self->fds[LOCK], "lock"));
	ASSERT_EQ(0, shs_attach(&att, shs_open("lock", O_RDONLY)));
	EXPECT_GT(0, shs_wait(&self->condvar, &SHS_WAIT(.mutex_fd = att.fd)));
	EXPECT_EQ(0, waiters(self, CONDVAR));
}

/* However many there are, each is woken once. */
TEST_F(requeue, herd)
{
	struct actor *actor[10];

	for (int i = 0; i < 10; i++)
		actor[i] = wait_in(self, 1);
	all_wait(self, 0);
	EXPECT_EQ(0, shs_lock(&self->lock));
	EXPECT_EQ(10, notify(self, ~0ULL));
	EXPECT_EQ(0, shs_unlock(&self->lock));
	for (int i = 0; i < 10; i++)
		EXPECT_TURN(actor[i]);
	EXPECT_EQ(10, wakes(self, LOCK));
	EXPECT_EQ(0, wakes(self, CONDVAR));
}

enum { TOKENS, TAKEN };

/* Takes tokens, for which it waits, until there is a last one. */
static int consume(struct shs_att *condvar, struct shs_att *lock)
{
	volatile __u64 *value = shs_value(lock);
	int ret = shs_lock(lock);

	while (!ret && !value[TOKENS])
		ret = shs_wait(condvar, &SHS_WAIT(.mutex_fd = lock->fd,
						  .deadline = SHS_FOREVER));
	if (ret)
		return -ret;
	value[TOKENS] = value[TOKENS] - 1;
	value[TAKEN] = value[TAKEN] + 1;
	return -shs_unlock(lock);
}

static pid_t consumer(FIXTURE_DATA(requeue) *self, unsigned long count)
{
	pid_t child = shs_fork();
	struct shs_att condvar, lock;
	int ret;

	if (child)
		return child;
	ret = shs_attach(&condvar, self->fds[CONDVAR]) ?: shs_attach(&lock, self->fds[LOCK]);
	while (!ret && count--)
		ret = consume(&condvar, &lock);
	_exit(ret < 0 ? 255 : ret);
}

/*
 * One notify for each token: if a single one were lost, or two went to one waiter,
 * somebody would sleep for ever beside his token.
 */
TEST_F(requeue, tokens)
{
	unsigned long each = shs_scale(400);
	pid_t child[3];

	for (int i = 0; i < 3; i++)
		child[i] = consumer(self, each);
	for (unsigned long n = 0; n < 3 * each; n++) {
		volatile __u64 *value = shs_value(&self->lock);

		EXPECT_EQ(0, shs_lock(&self->lock));
		value[TOKENS] = value[TOKENS] + 1;
		if (n % 2)
			EXPECT_EQ(0, shs_unlock(&self->lock));
		EXPECT_LE(0, notify(self, 1));
		if (!(n % 2))
			EXPECT_EQ(0, shs_unlock(&self->lock));
	}
	for (int i = 0; i < 3; i++)
		EXPECT_EQ(0, shs_reap(child[i]));
	EXPECT_EQ(0, shs_peek(self->fds[LOCK], TOKENS));
	EXPECT_EQ(3 * each, shs_peek(self->fds[LOCK], TAKEN));
	EXPECT_EQ(0, waiters(self, LOCK));
	EXPECT_EQ(0, waiters(self, CONDVAR));
	EXPECT_EQ(0, shs_info(self->fds[LOCK]).deaths);
}

/*
 * Waiters that are killed at any moment, asleep in either queue or on the way from the
 * one to the other: the queues come out empty, the lock free or owed, and those who
 * live get what they wait for.
 */
static pid_t waiter(FIXTURE_DATA(requeue) *self)
{
	pid_t child = shs_fork();
	struct shs_att condvar, lock;
	int ret;

	if (child)
		return child;
	if (shs_attach(&condvar, self->fds[CONDVAR]) || shs_attach(&lock, self->fds[LOCK]))
		_exit(255);
	for (;;) {
		ret = shs_lock(&lock);
		if (ret && ret != -EOWNERDEAD)
			_exit(1);
		if (ret && shs_recover(&lock) && shs_recover(&lock) != -EINVAL)
			_exit(2);
		ret = shs_wait(&condvar, &SHS_WAIT(.mutex_fd = lock.fd, .deadline = SHS_FOREVER));
		if (ret && ret != -EOWNERDEAD)
			_exit(3);
		if (ret && shs_recover(&lock) && shs_recover(&lock) != -EINVAL)
			_exit(4);
		if (shs_unlock(&lock))
			_exit(5);
	}
}

TEST_F(requeue, killed_anywhere)
{
	pid_t child[4];
	int ret;

	for (int i = 0; i < 4; i++)
		child[i] = waiter(self);
	for (unsigned long n = 0; n < shs_scale(100); n++) {
		for (int look = 0; look < 5; look++) {
			ret = shs_lock(&self->lock);
			ASSERT_TRUE(!ret || ret == -EOWNERDEAD);
			if (ret)
				shs_recover(&self->lock);
			EXPECT_LE(0, notify(self, look % 2 ? 1 : ~0ULL));
			EXPECT_EQ(0, shs_unlock(&self->lock));
		}
		for (int i = 0; i < 4; i++)
			ASSERT_FALSE(shs_is_gone(child[i]));
		EXPECT_EQ(-SIGKILL, shs_kill(child[n % 4]));
		child[n % 4] = waiter(self);
	}
	/* All who are left come to sleep on the condvar, and to the end by one notify. */
	SHS_AWAIT(self->fds[CONDVAR], info.waiters == 4);
	EXPECT_EQ(0, waiters(self, LOCK));
	EXPECT_EQ(4, notify(self, ~0ULL));
	SHS_AWAIT(self->fds[CONDVAR], info.waiters == 4);
	for (int i = 0; i < 4; i++)
		EXPECT_EQ(-SIGKILL, shs_kill(child[i]));
	EXPECT_EQ(0, waiters(self, LOCK));
	EXPECT_EQ(0, waiters(self, CONDVAR));
	ret = shs_trylock(&self->lock);
	EXPECT_TRUE(!ret || ret == -EOWNERDEAD);
}

TEST_HARNESS_MAIN
