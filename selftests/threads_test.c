// SPDX-License-Identifier: GPL-2.0-only
/*
 * Who holds and who waits, by thread: for people who look for the one to blame, so
 * what is told must be true, and what is not known must not be told.
 */
#include "actors.h"
#include <ctype.h>

#define LIST 16

static char comm[17];

FIXTURE(threads) {
	int mutex, rwlock, detecting;
	struct shs_att mine;
	struct shs_thread_info list[LIST];
	__u64 since;
};

FIXTURE_SETUP(threads)
{
	SHS_MOUNT("");
	self->mutex = shs_create(SHS_KIND_MUTEX, SHS_TYPE_U64, 1);
	self->rwlock = shs_create(SHS_KIND_RWLOCK, SHS_TYPE_U64, 1);
	self->detecting = shs_create_as(&SHS_INIT(.kind = SHS_KIND_RWLOCK, .type = SHS_TYPE_U64,
			.count = 1, .flags = SHS_INIT_DETECT));
	ASSERT_LE(0, self->mutex);
	ASSERT_LE(0, self->rwlock);
	ASSERT_LE(0, self->detecting);
	ASSERT_EQ(0, shs_attach(&self->mine, self->mutex));
	prctl(PR_GET_NAME, comm);
	self->since = shs_now(SHS_CLOCK_MONOTONIC);
}

FIXTURE_TEARDOWN(threads)
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

#define START_WAITING(actor, fd, as) do {					\
	__u32 already = shs_info(fd).waiters;					\
										\
	ACT_START(actor, 0, LOCK, &SHS_LOCK(.mode = as, .deadline = SHS_FOREVER)); \
	SHS_AWAIT(fd, info.waiters == already + 1);				\
} while (0)

/* since_ns is 0 where nothing is known; else the kernel's clock may lag behind ours. */
#define EXPECT_ENTRY(entry, fd, a_mode, a_flags, a_pid, a_tid, a_count, known) do { \
	const struct shs_thread_info *is = &(entry);				\
										\
	EXPECT_EQ(a_mode, is->mode);						\
	EXPECT_EQ(a_flags, is->flags);						\
	EXPECT_EQ(a_pid, is->pid);						\
	EXPECT_EQ(a_tid, is->tid);						\
	EXPECT_EQ(a_count, is->count);						\
	EXPECT_EQ(shs_inode(fd), is->object);					\
	EXPECT_STREQ(comm, is->comm);						\
	EXPECT_LE((known) ? self->since - SHS_MS : 0, is->since_ns);		\
	EXPECT_GE((known) ? shs_now(SHS_CLOCK_MONOTONIC) + SHS_MS : 0, is->since_ns); \
} while (0)

#define EXPECT_HOLDER(n, fd, mode, actor, count) \
	EXPECT_ENTRY(self->list[n], fd, mode, 0, (actor)->pid, (actor)->tid, count, true)
#define EXPECT_WAITER(n, fd, mode, actor) \
	EXPECT_ENTRY(self->list[n], fd, mode, SHS_THREAD_WAITS, (actor)->pid, (actor)->tid, 1, \
		     true)
/* It was this thread that took it by a call, but the word may have changed hands since. */
#define EXPECT_POSSIBLE(n, fd, mode, actor, count) \
	EXPECT_ENTRY(self->list[n], fd, mode, SHS_THREAD_POSSIBLE, (actor)->pid, (actor)->tid, \
		     count, true)
#define EXPECT_SOMEBODY(n, fd, mode, actor, count) \
	EXPECT_ENTRY(self->list[n], fd, mode, SHS_THREAD_POSSIBLE, (actor)->pid, 0, count, false)

/* Nobody, one holder, and then all who wait in the order in which they came. */
TEST_F(threads, mutex)
{
	struct actor *a = act_process(&self->mutex, 1, 2), *b = act_process(&self->mutex, 1, 1);

	EXPECT_EQ(0, shs_threads(self->mutex, self->list, LIST));
	EXPECT_EQ(0, act_lock(&a[1], 0));
	EXPECT_EQ(1, shs_threads(self->mutex, self->list, LIST));
	EXPECT_POSSIBLE(0, self->mutex, W, &a[1], 1);
	EXPECT_EQ(0xa5a5a5a5, self->list[1].mode);
	START_WAITING(b, self->mutex, W);
	START_WAITING(&a[0], self->mutex, W);
	for (int i = 0; i < 2; i++) {
		EXPECT_EQ(3, shs_threads(i ? self->mine.fd : self->mutex, self->list, LIST));
		EXPECT_POSSIBLE(0, self->mutex, W, &a[1], 1);
		EXPECT_WAITER(1, self->mutex, W, b);
		EXPECT_WAITER(2, self->mutex, W, &a[0]);
		EXPECT_LE(self->list[1].since_ns, self->list[2].since_ns);
	}
	EXPECT_EQ(0, act_unlock(&a[1], 0));
	EXPECT_EQ(0, act_end(b));
	EXPECT_EQ(2, shs_threads(self->mutex, self->list, LIST));
	EXPECT_POSSIBLE(0, self->mutex, W, b, 1);
	EXPECT_WAITER(1, self->mutex, W, &a[0]);
	EXPECT_EQ(-SIGKILL, act_kill(b));
	EXPECT_EQ(-EOWNERDEAD, act_end(&a[0]));
	EXPECT_EQ(1, shs_threads(self->mutex, self->list, LIST));
	EXPECT_EQ(0, act_unlock(&a[0], 0));
	EXPECT_EQ(0, shs_threads(self->mutex, self->list, LIST));
}

/* Depth, of one that is locked several times. */
TEST_F(threads, recursive)
{
	int fd = shs_create_as(&SHS_INIT(.kind = SHS_KIND_MUTEX, .flags = SHS_INIT_RECURSIVE));
	struct actor *a = act_process(&fd, 1, 1);

	for (int i = 1; i <= 3; i++) {
		EXPECT_EQ(0, act_lock(a, 0));
		EXPECT_EQ(1, shs_threads(fd, self->list, LIST));
		EXPECT_HOLDER(0, fd, W, a, i);
	}
}

static bool word_changes(const struct shs_att *att, __u32 from, __u32 to)
{
	return __atomic_compare_exchange_n(&att->shared->word, &from, to, false, __ATOMIC_SEQ_CST,
					   __ATOMIC_SEQ_CST);
}

static int lock_by_word(struct actor *actor)
{
	return word_changes(&actor->att[0], 0, actor->att[0].is.id) ? 0 : -EBUSY;
}

static int unlock_by_word(struct actor *actor)
{
	return word_changes(&actor->att[0], actor->att[0].is.id, 0) ? 0 : -EPERM;
}

/* Of one who took it by the word alone the kernel knows the process, and no thread. */
TEST_F(threads, locked_by_word)
{
	struct actor *a = act_process(&self->mutex, 1, 2);

	EXPECT_EQ(0, act_call(&a[1], lock_by_word));
	EXPECT_EQ(1, shs_threads(self->mutex, self->list, LIST));
	EXPECT_SOMEBODY(0, self->mutex, W, a, 1);
	EXPECT_EQ(a->pid, shs_info(self->mutex).holder_pid);
	EXPECT_EQ(0, shs_info(self->mutex).holder_tid);
	EXPECT_EQ(0, shs_info(self->mutex).held_ns);
}

/*
 * If it saw another one of this process take it before, it says that, as a guess.
 * Where it sees every change of hands it is none.
 */
TEST_F(threads, locked_by_word_after_a_call)
{
	struct actor *a = act_process(&self->mutex, 1, 2);
	int fd;

	EXPECT_EQ(0, act_lock(&a[0], 0));
	EXPECT_EQ(0, act_call(&a[0], unlock_by_word));
	EXPECT_EQ(0, shs_threads(self->mutex, self->list, LIST));
	EXPECT_EQ(0, shs_info(self->mutex).holder_tid);
	EXPECT_EQ(0, act_call(&a[1], lock_by_word));
	EXPECT_EQ(a[0].tid, shs_info(self->mutex).holder_tid);
	EXPECT_EQ(1, shs_threads(self->mutex, self->list, LIST));
	EXPECT_POSSIBLE(0, self->mutex, W, &a[0], 1);
	fd = shs_create_as(&SHS_INIT(.kind = SHS_KIND_MUTEX, .flags = SHS_INIT_FIFO));
	a = act_process(&fd, 1, 2);
	EXPECT_EQ(0, act_lock(&a[0], 0));
	EXPECT_EQ(-EPERM, act_call(&a[0], unlock_by_word));
	EXPECT_EQ(1, shs_threads(fd, self->list, LIST));
	EXPECT_HOLDER(0, fd, W, &a[0], 1);
}

/* Readers: by process, and where the kernel keeps count for DETECT, by thread. */
TEST_F(threads, readers)
{
	struct actor *a = act_process(&self->rwlock, 1, 2), *b;

	EXPECT_EQ(0, lock_in(&a[0], 0, R, 0));
	EXPECT_EQ(0, lock_in(&a[1], 0, R, 1));
	EXPECT_EQ(0, lock_in(&a[1], 0, R, 1));
	EXPECT_EQ(1, shs_threads(self->rwlock, self->list, LIST));
	EXPECT_SOMEBODY(0, self->rwlock, R, a, 3);
	b = act_process(&self->rwlock, 1, 1);
	EXPECT_EQ(0, lock_in(b, 0, R, 0));
	EXPECT_EQ(2, shs_threads(self->rwlock, self->list, LIST));
	EXPECT_SOMEBODY(0, self->rwlock, R, a, 3);
	EXPECT_SOMEBODY(1, self->rwlock, R, b, 1);
	EXPECT_EQ(0, unlock_in(&a[0], 0, R, 0));
	EXPECT_EQ(0, unlock_in(b, 0, R, 0));
	EXPECT_EQ(1, shs_threads(self->rwlock, self->list, LIST));
	EXPECT_SOMEBODY(0, self->rwlock, R, a, 2);
}

TEST_F(threads, readers_with_detect)
{
	struct actor *a = act_process(&self->detecting, 1, 3);

	EXPECT_EQ(0, lock_in(&a[0], 0, R, 0));
	EXPECT_EQ(0, lock_in(&a[1], 0, R, 5));
	EXPECT_EQ(0, lock_in(&a[1], 0, R, 5));
	EXPECT_EQ(2, shs_threads(self->detecting, self->list, LIST));
	EXPECT_HOLDER(0, self->detecting, R, &a[0], 1);
	EXPECT_HOLDER(1, self->detecting, R, &a[1], 2);
	/* By a lane that two use nobody can tell which of them is left. */
	EXPECT_EQ(0, lock_in(&a[2], 0, R, 0));
	EXPECT_EQ(2, shs_threads(self->detecting, self->list, LIST));
	EXPECT_HOLDER(0, self->detecting, R, &a[1], 2);
	EXPECT_SOMEBODY(1, self->detecting, R, a, 2);
	EXPECT_EQ(0, unlock_in(&a[0], 0, R, 0));
	EXPECT_EQ(0, unlock_in(&a[2], 0, R, 0));
	EXPECT_EQ(1, shs_threads(self->detecting, self->list, LIST));
	EXPECT_EQ(0, lock_in(&a[2], 0, R, 0));
	EXPECT_EQ(2, shs_threads(self->detecting, self->list, LIST));
	EXPECT_HOLDER(0, self->detecting, R, &a[2], 1);
}

/* The modes of a rwlock, of holders and of those who wait. */
TEST_F(threads, modes)
{
	struct actor *a = act_process(&self->rwlock, 1, 4);

	EXPECT_EQ(0, lock_in(&a[0], 0, U, 0));
	EXPECT_EQ(0, lock_in(&a[1], 0, R, 1));
	START_WAITING(&a[2], self->rwlock, W);
	START_WAITING(&a[3], self->rwlock, U);
	EXPECT_EQ(4, shs_threads(self->rwlock, self->list, LIST));
	EXPECT_HOLDER(0, self->rwlock, U, &a[0], 1);
	EXPECT_SOMEBODY(1, self->rwlock, R, a, 1);
	EXPECT_WAITER(2, self->rwlock, W, &a[2]);
	EXPECT_WAITER(3, self->rwlock, U, &a[3]);
	/* One that upgrades holds, and is the first of those who wait. */
	ACT_START(&a[0], 0, CONVERT, &SHS_CONVERT(.from = U, .deadline = SHS_FOREVER));
	SHS_AWAIT(self->rwlock, info.waiters == 3);
	EXPECT_EQ(5, shs_threads(self->rwlock, self->list, LIST));
	EXPECT_HOLDER(0, self->rwlock, U, &a[0], 1);
	EXPECT_WAITER(2, self->rwlock, W, &a[0]);
	EXPECT_WAITER(3, self->rwlock, W, &a[2]);
	EXPECT_EQ(0, unlock_in(&a[1], 0, R, 1));
	EXPECT_EQ(0, act_end(&a[0]));
	EXPECT_EQ(3, shs_threads(self->rwlock, self->list, LIST));
	EXPECT_HOLDER(0, self->rwlock, W, &a[0], 1);
	START_WAITING(&a[1], self->rwlock, R);
	EXPECT_EQ(0, ACT(&a[0], 0, CONVERT, &SHS_CONVERT(.from = W, .to = U)));
	EXPECT_EQ(4, shs_threads(self->rwlock, self->list, LIST));
	EXPECT_HOLDER(0, self->rwlock, U, &a[0], 1);
	EXPECT_WAITER(3, self->rwlock, R, &a[1]);
}

/* A single operation waits like a lock; while it is at work nobody sees it. */
TEST_F(threads, operations)
{
	struct actor *a = act_process(&self->mutex, 1, 1);

	EXPECT_EQ(0, shs_lock(&self->mine));
	ACT_START(a, 0 | ON_OBJECT, OP, &SHS_OP(ADD, .arg = 1, .deadline = SHS_FOREVER));
	SHS_AWAIT(self->mutex, info.waiters == 1);
	EXPECT_EQ(2, shs_threads(self->mutex, self->list, LIST));
	EXPECT_WAITER(1, self->mutex, W, a);
	EXPECT_EQ(0, shs_unlock(&self->mine));
	EXPECT_EQ(0, act_end(a));
	EXPECT_EQ(0, shs_threads(self->mutex, self->list, LIST));
}

/* A once: who runs it, who waits for his turn or for its end. */
TEST_F(threads, once)
{
	int fd = shs_create(SHS_KIND_ONCE, SHS_TYPE_NONE, 0);
	struct actor *a = act_process(&fd, 1, 3);

	EXPECT_EQ(0, shs_threads(fd, self->list, LIST));
	EXPECT_EQ(0, ACT(&a[1], 0, ONCE, &SHS_ONCE(.deadline = SHS_FOREVER)));
	ACT_START(&a[0], 0, ONCE, &SHS_ONCE(.deadline = SHS_FOREVER));
	SHS_AWAIT(fd, info.waiters == 1);
	ACT_START(&a[2], 0, ONCE, &SHS_ONCE(.cmd = SHS_ONCE_WAIT, .deadline = SHS_FOREVER));
	SHS_AWAIT(fd, info.waiters == 2);
	EXPECT_EQ(3, shs_threads(fd, self->list, LIST));
	EXPECT_HOLDER(0, fd, W, &a[1], 1);
	EXPECT_WAITER(1, fd, W, &a[0]);
	EXPECT_WAITER(2, fd, W, &a[2]);
	EXPECT_EQ(a[1].tid, shs_info(fd).holder_tid);
	EXPECT_NE(0, shs_info(fd).held_ns);
	EXPECT_EQ(0, ACT(&a[1], 0, ONCE, &SHS_ONCE(.cmd = SHS_ONCE_COMPLETE)));
	EXPECT_EQ(0, act_end(&a[0]));
	EXPECT_EQ(0, act_end(&a[2]));
	EXPECT_EQ(0, shs_threads(fd, self->list, LIST));
	EXPECT_EQ(0, shs_info(fd).holder_tid);
}

/* A condvar and an atomic: who waits. Nobody holds them. */
TEST_F(threads, waiters_alone)
{
	int fds[] = { shs_create(SHS_KIND_CONDVAR, SHS_TYPE_NONE, 0), self->mutex,
		      shs_create(SHS_KIND_ATOMIC, SHS_TYPE_U32, 2) };
	struct actor *a = act_process(fds, 3, 2);

	EXPECT_EQ(0, act_lock(&a[0], 1));
	act_start_wait(&a[0], 0, 1);
	SHS_AWAIT(fds[0], info.waiters == 1);
	EXPECT_EQ(1, shs_threads(fds[0], self->list, LIST));
	EXPECT_WAITER(0, fds[0], W, &a[0]);
	shs_await_sleep(a[0].tid);
	/* Notified it waits for the mutex. */
	EXPECT_EQ(0, shs_lock(&self->mine));
	EXPECT_EQ(0, shs_op(fds[0], &SHS_OP(NOTIFY, .arg = 1)));
	EXPECT_EQ(0, shs_threads(fds[0], self->list, LIST));
	EXPECT_EQ(2, shs_threads(self->mutex, self->list, LIST));
	EXPECT_WAITER(1, self->mutex, W, &a[0]);
	ACT_START(&a[1], 2 | ON_OBJECT, OP, &SHS_OP(WAIT, .index = 1, .deadline = SHS_FOREVER));
	SHS_AWAIT(fds[2], info.waiters == 1);
	EXPECT_EQ(1, shs_threads(fds[2], self->list, LIST));
	EXPECT_WAITER(0, fds[2], W, &a[1]);
}

static void on_signal(int number)
{
}

/* A place that is kept over a signal handler is still one in the queue. */
TEST_F(threads, interrupted_waiter)
{
	int fds[] = { shs_create(SHS_KIND_CONDVAR, SHS_TYPE_NONE, 0), self->mutex };
	struct sigaction action = { .sa_handler = on_signal };
	struct actor *a;

	sigaction(SIGUSR1, &action, NULL);
	a = act_process(fds, 2, 1);
	EXPECT_EQ(0, act_lock(a, 1));
	act_start_wait(a, 0, 1);
	SHS_AWAIT(fds[0], info.waiters == 1);
	act_signal(a, SIGUSR1);
	EXPECT_EQ(-EINTR, act_end(a));
	EXPECT_EQ(1, shs_threads(fds[0], self->list, LIST));
	EXPECT_WAITER(0, fds[0], W, a);
	EXPECT_EQ(-SIGKILL, act_kill(a));
	EXPECT_EQ(0, shs_threads(fds[0], self->list, LIST));
}

/* A cell's word can be held, a counter cannot. */
TEST_F(threads, other_kinds)
{
	int cell = shs_create(SHS_KIND_CELL, SHS_TYPE_U64, 1);
	int counter = shs_create(SHS_KIND_COUNTER, SHS_TYPE_I64, 1);
	struct actor *a = act_process(&cell, 1, 1);

	EXPECT_EQ(0, act_lock(a, 0));
	EXPECT_EQ(1, shs_threads(cell, self->list, LIST));
	EXPECT_POSSIBLE(0, cell, W, a, 1);
	EXPECT_EQ(0, shs_threads(counter, self->list, LIST));
}

/*
 * The call
 */

/* As many as there is room for; the count is of all. */
TEST_F(threads, capacity)
{
	struct shs_ioc_threads threads;
	struct actor *a = act_process(&self->mutex, 1, 4);

	EXPECT_EQ(0, act_lock(&a[0], 0));
	for (int i = 1; i < 4; i++)
		START_WAITING(&a[i], self->mutex, W);
	for (__u32 room = 0; room < 8; room++) {
		memset(self->list, 0x5a, sizeof(self->list));
		threads = (struct shs_ioc_threads){ .size = sizeof(threads), .capacity = room,
			.addr = room ? (unsigned long)self->list : 0 };
		EXPECT_EQ(0, shs_ioctl(self->mutex, SHS_IOC_THREADS, &threads));
		EXPECT_EQ(4, threads.count);
		for (int i = 0; i < 8; i++)
			EXPECT_EQ(i < room && i < 4, self->list[i].count == 1);
	}
}

TEST_F(threads, refused)
{
	struct shs_thread_info *many = calloc(SHS_THREAD_INFO_MAX, sizeof(*many));
	struct shs_ioc_threads threads = { .size = sizeof(threads), .capacity = 1, .addr = 8 };
	struct shs_att reader;
	int ro, wo, path, copy;
	pid_t child;

	EXPECT_EQ(0, shs_lock(&self->mine));
	EXPECT_EQ(1, shs_threads(self->mutex, many, SHS_THREAD_INFO_MAX));
	EXPECT_EQ(-EFAULT, shs_ioctl(self->mutex, SHS_IOC_THREADS, &threads));
	EXPECT_EQ(0, threads.count);
	threads.capacity = SHS_THREAD_INFO_MAX + 1;
	threads.addr = (unsigned long)many;
	EXPECT_EQ(-EINVAL, shs_ioctl(self->mutex, SHS_IOC_THREADS, &threads));
	threads.capacity = ~0U;
	EXPECT_EQ(-EINVAL, shs_ioctl(self->mutex, SHS_IOC_THREADS, &threads));
	ASSERT_EQ(0, shs_link(self->mutex, "mutex"));
	ro = shs_open("mutex", O_RDONLY);
	wo = shs_open("mutex", O_WRONLY);
	path = shs_open("mutex", O_PATH);
	EXPECT_EQ(1, shs_threads(ro, self->list, LIST));
	EXPECT_EQ(-EACCES, shs_threads(wo, self->list, LIST));
	EXPECT_EQ(-EBADF, shs_threads(path, self->list, LIST));
	ASSERT_EQ(0, shs_attach(&reader, ro));
	EXPECT_EQ(1, shs_threads(reader.fd, self->list, LIST));
	/* Like the other information it is for whoever has the descriptor. */
	copy = self->mine.fd;
	child = shs_fork();
	if (!child)
		_exit(shs_threads(copy, self->list, LIST) == 1 ? 0 : 1);
	EXPECT_EQ(0, shs_reap(child));
}

/*
 * INFO
 */

/* For how long it is held, and how often somebody had to wait and was woken. */
TEST_F(threads, info)
{
	struct actor *a = act_process(&self->mutex, 1, 2);
	struct shs_ioc_info info;
	__u64 before, held;

	before = shs_now(SHS_CLOCK_MONOTONIC);
	EXPECT_EQ(0, act_lock(&a[0], 0));
	info = shs_info(self->mutex);
	held = info.held_ns;
	EXPECT_NE(0, held);
	EXPECT_GE(shs_now(SHS_CLOCK_MONOTONIC) - before + SHS_MS, held);
	EXPECT_EQ(a[0].tid, info.holder_tid);
	EXPECT_EQ(0, info.depth);
	EXPECT_EQ(0, info.waits);
	EXPECT_EQ(0, info.wakes);
	SHS_AWAIT(self->mutex, info.held_ns >= held + SHS_MS);
	for (int i = 1; i <= 3; i++) {
		START_WAITING(&a[1], self->mutex, W);
		EXPECT_EQ(i, shs_info(self->mutex).waits);
		EXPECT_EQ(i - 1, shs_info(self->mutex).wakes);
		EXPECT_EQ(0, act_unlock(&a[0], 0));
		EXPECT_EQ(0, act_end(&a[1]));
		info = shs_info(self->mutex);
		EXPECT_EQ(a[1].tid, info.holder_tid);
		EXPECT_EQ(i, info.wakes);
		EXPECT_EQ(0, act_unlock(&a[1], 0));
		EXPECT_EQ(0, act_lock(&a[0], 0));
		info = shs_info(self->mutex);
		EXPECT_GE(shs_now(SHS_CLOCK_MONOTONIC) - before + SHS_MS, info.held_ns);
	}
	EXPECT_EQ(-EBUSY, act_trylock(&a[1], 0));
	EXPECT_EQ(-ETIMEDOUT, ACT(&a[1], 0, LOCK, &SHS_LOCK()));
	EXPECT_EQ(3, shs_info(self->mutex).wakes);
	EXPECT_EQ(0, act_unlock(&a[0], 0));
	info = shs_info(self->mutex);
	EXPECT_EQ(0, info.held_ns);
	EXPECT_EQ(0, info.holder_tid);
	EXPECT_EQ(0, info.holder_pid);
}

/* The same of a rwlock's writer and upgrader; readers hold without being the holder. */
TEST_F(threads, info_of_rwlock)
{
	struct actor *a = act_process(&self->rwlock, 1, 2);
	struct shs_ioc_info info;

	EXPECT_EQ(0, lock_in(&a[0], 0, R, 0));
	EXPECT_EQ(0, shs_info(self->rwlock).holder_tid);
	EXPECT_EQ(0, shs_info(self->rwlock).held_ns);
	EXPECT_EQ(0, lock_in(&a[1], 0, U, 0));
	info = shs_info(self->rwlock);
	EXPECT_EQ(a[1].tid, info.holder_tid);
	EXPECT_NE(0, info.held_ns);
	EXPECT_EQ(0, unlock_in(&a[0], 0, R, 0));
	EXPECT_EQ(0, ACT(&a[1], 0, CONVERT, &SHS_CONVERT(.from = U, .deadline = SHS_FOREVER)));
	EXPECT_EQ(a[1].tid, shs_info(self->rwlock).holder_tid);
	EXPECT_EQ(0, ACT(&a[1], 0, CONVERT, &SHS_CONVERT(.from = W, .to = R)));
	EXPECT_EQ(0, shs_info(self->rwlock).holder_tid);
	EXPECT_EQ(0, shs_info(self->rwlock).held_ns);
	EXPECT_EQ(1, shs_info(self->rwlock).readers);
}

/* A dead holder holds nothing; the next one has just begun. */
TEST_F(threads, info_after_death)
{
	struct actor *a = act_process(&self->mutex, 1, 1);
	struct shs_ioc_info info;
	__u64 before;

	EXPECT_EQ(0, act_lock(a, 0));
	SHS_AWAIT(self->mutex, info.held_ns > SHS_MS);
	EXPECT_EQ(-SIGKILL, act_kill(a));
	EXPECT_EQ(0, shs_info(self->mutex).held_ns);
	EXPECT_EQ(0, shs_info(self->mutex).holder_tid);
	EXPECT_EQ(0, shs_threads(self->mutex, self->list, LIST));
	before = shs_now(SHS_CLOCK_MONOTONIC);
	EXPECT_EQ(-EOWNERDEAD, shs_lock(&self->mine));
	info = shs_info(self->mutex);
	EXPECT_GE(shs_now(SHS_CLOCK_MONOTONIC) - before + SHS_MS, info.held_ns);
	EXPECT_EQ(getpid(), info.holder_tid);
}

/* The number after key in a descriptor's fdinfo, or -1. */
static long long fdinfo(int fd, const char *key)
{
	char path[40], line[256];
	long long found = -1;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	file = fopen(path, "r");
	while (file && fgets(line, sizeof(line), file))
		if (!strncmp(line, key, strlen(key)))
			found = atoll(line + strlen(key));
	if (file)
		fclose(file);
	return found;
}

/* fdinfo has it for those who have no program for it. */
TEST_F(threads, fdinfo)
{
	struct actor *a = act_process(&self->mutex, 1, 2);
	int fds[] = { self->mutex, self->mine.fd };
	long long held;

	EXPECT_EQ(-1, fdinfo(self->mutex, "held:\t"));
	EXPECT_EQ(-1, fdinfo(self->mutex, "thread:\t"));
	EXPECT_EQ(0, act_lock(&a[1], 0));
	START_WAITING(&a[0], self->mutex, W);
	for (int i = 0; i < 2; i++) {
		EXPECT_EQ(a[1].tid, fdinfo(fds[i], "thread:\t"));
		held = fdinfo(fds[i], "held:\t");
		EXPECT_LT(0, held);
		EXPECT_GE(shs_info(self->mutex).held_ns, held);
		EXPECT_EQ(1, fdinfo(fds[i], "waits:\t"));
		EXPECT_EQ(0, fdinfo(fds[i], "wakes:\t"));
	}
	EXPECT_EQ(0, act_unlock(&a[1], 0));
	EXPECT_EQ(0, act_end(&a[0]));
	EXPECT_EQ(1, fdinfo(self->mutex, "wakes:\t"));
}

/*
 * Namespaces
 */

/* Who is outside has no number inside; there is somebody all the same. */
TEST_F(threads, pid_namespace)
{
	struct actor *a = act_process(&self->mutex, 1, 2), *inside;

	EXPECT_EQ(0, act_lock(&a[0], 0));
	ASSERT_EQ(0, unshare(CLONE_NEWPID));
	inside = act_process(&self->mutex, 1, 2);
	START_WAITING(&inside[0], self->mutex, W);
	START_WAITING(&a[1], self->mutex, W);
	EXPECT_EQ(0, ACT(&inside[1], 0, THREADS, (&(struct shs_ioc_threads){
			.size = sizeof(struct shs_ioc_threads), .capacity = ACT_LIST,
			.addr = (unsigned long)inside[1].list })));
	EXPECT_EQ(3, inside[1].arg.threads.count);
	memcpy(self->list, inside[1].list, sizeof(self->list));
	EXPECT_ENTRY(self->list[0], self->mutex, W, SHS_THREAD_POSSIBLE, 0, 0, 1, true);
	EXPECT_ENTRY(self->list[1], self->mutex, W, SHS_THREAD_WAITS, 1, 1, 1, true);
	EXPECT_ENTRY(self->list[2], self->mutex, W, SHS_THREAD_WAITS, 0, 0, 1, true);
	EXPECT_EQ(0, act_info(&inside[1], 0).holder_tid);
	EXPECT_EQ(0, act_info(&inside[1], 0).holder_pid);
	EXPECT_NE(0, act_info(&inside[1], 0).held_ns);
	EXPECT_EQ(3, shs_threads(self->mutex, self->list, LIST));
	EXPECT_POSSIBLE(0, self->mutex, W, &a[0], 1);
	EXPECT_ENTRY(self->list[1], self->mutex, W, SHS_THREAD_WAITS, inside->pid, inside->pid,
		     1, true);
	EXPECT_WAITER(2, self->mutex, W, &a[1]);
}

/* Names come from processes, lines from the kernel: nobody can forge one. */
TEST_F(threads, comm)
{
	pid_t child = shs_fork();
	struct actor *a;

	if (!child) {
		prctl(PR_SET_NAME, "x\nheld:\t1\n\033[2J");
		a = act_process(&self->mutex, 1, 1);
		if (act_lock(a, 0) || shs_threads(self->mutex, self->list, LIST) != 1)
			_exit(1);
		for (const char *c = self->list[0].comm; *c; c++)
			if (!isprint(*c))
				_exit(2);
		_exit(0);
	}
	EXPECT_EQ(0, shs_reap(child));
}

/* While everything changes all the time, what is told is told whole. */
static pid_t changer(int fd)
{
	pid_t child = shs_fork();
	struct shs_att att;

	if (child)
		return child;
	if (shs_attach(&att, fd))
		_exit(1);
	for (__u32 n = 0;; n++) {
		struct shs_ioc_lock lock = SHS_LOCK(.mode = n % 3, .deadline = SHS_FOREVER);
		int ret = shs_lock_as(&att, &lock);

		lock.deadline = 0;
		if ((ret && ret != -EOWNERDEAD) || shs_unlock_as(&att, &lock))
			_exit(2);
	}
}

TEST_F(threads, stress)
{
	pid_t child[3];

	for (int i = 0; i < 3; i++)
		child[i] = changer(self->detecting);
	for (unsigned long n = 0; n < shs_scale(3000); n++) {
		int count = shs_threads(self->detecting, self->list, LIST);

		/* One that upgrades would be there twice, but none does. */
		ASSERT_TRUE(count >= 0 && count <= 3);
		for (int i = 0; i < count; i++) {
			pid_t pid = self->list[i].pid;

			EXPECT_TRUE(pid == child[0] || pid == child[1] || pid == child[2]);
			EXPECT_EQ(pid, self->list[i].tid);
			EXPECT_STREQ(comm, self->list[i].comm);
		}
		if (n % 50)
			continue;
		EXPECT_EQ(-SIGKILL, shs_kill(child[n / 50 % 3]));
		child[n / 50 % 3] = changer(self->detecting);
	}
	for (int i = 0; i < 3; i++)
		EXPECT_EQ(-SIGKILL, shs_kill(child[i]));
	EXPECT_EQ(0, shs_threads(self->detecting, self->list, LIST));
}

TEST_HARNESS_MAIN
