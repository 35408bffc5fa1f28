// SPDX-License-Identifier: GPL-2.0-only
/*
 * The mutex: one owner, a queue, deadlines, signals, and single operations that
 * respect whoever holds it.
 */
#include "shs.h"

#include <pthread.h>

/*
 * Two attachments of this process: to the kernel they are two owners, as if of two
 * processes. A third one belongs to a child where somebody has to sleep.
 */
FIXTURE(mutex) {
	int fd;
	struct shs_att mine, other;
	struct shs_pipe ready, go;
};

FIXTURE_SETUP(mutex)
{
	SHS_MOUNT("");
	self->fd = shs_create(SHS_KIND_MUTEX, SHS_TYPE_I64, 2);
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, shs_attach(&self->mine, self->fd));
	ASSERT_EQ(0, shs_attach(&self->other, self->fd));
	self->ready = shs_pipe();
	self->go = shs_pipe();
}

FIXTURE_TEARDOWN(mutex)
{
}

static __u32 word(const struct shs_att *att)
{
	return __atomic_load_n(&att->shared->word, __ATOMIC_SEQ_CST);
}

/* A child that locks in a given way and exits with the outcome, a negated errno. */
static pid_t locker(int fd, struct shs_ioc_lock *lock)
{
	pid_t child = shs_fork();
	struct shs_att att;

	if (child)
		return child;
	if (shs_attach(&att, fd))
		_exit(255);
	_exit(-shs_lock_as(&att, lock));
}

#define LOCK_FOREVER (&SHS_LOCK(.deadline = SHS_FOREVER))

/* Held: the word and the information say by whom. Free: by nobody. */
TEST_F(mutex, lock_unlock)
{
	struct shs_ioc_info info;
	char comm[17] = "";

	prctl(PR_GET_NAME, comm);
	EXPECT_EQ(0, word(&self->mine));
	EXPECT_EQ(0, shs_lock(&self->mine));
	EXPECT_EQ(self->mine.is.id, word(&self->mine));
	info = shs_info(self->fd);
	EXPECT_EQ(SHS_STATE_HELD, info.state);
	EXPECT_EQ(getpid(), info.holder_pid);
	EXPECT_STREQ(comm, info.holder_comm);
	EXPECT_EQ(0, shs_unlock(&self->mine));
	EXPECT_EQ(0, word(&self->mine));
	info = shs_info(self->fd);
	EXPECT_EQ(0, info.state);
	EXPECT_EQ(0, info.holder_pid);
	EXPECT_STREQ("", info.holder_comm);
}

/* One owner at a time; an attempt that fails leaves no trace. */
TEST_F(mutex, trylock)
{
	EXPECT_EQ(0, shs_trylock(&self->mine));
	EXPECT_EQ(-EBUSY, shs_trylock(&self->other));
	EXPECT_EQ(0, shs_info(self->fd).waiters);
	/* The owner's fast way out is as open as before. */
	EXPECT_EQ(self->mine.is.id, word(&self->mine));
	EXPECT_EQ(0, shs_unlock(&self->mine));
	EXPECT_EQ(0, shs_trylock(&self->other));
	EXPECT_EQ(-EBUSY, shs_trylock(&self->mine));
	EXPECT_EQ(0, shs_unlock(&self->other));
	EXPECT_EQ(0, word(&self->mine) & SHS_WORD_OWNER);
}

/* Locking again what one holds waits like anybody, and does not release it. */
TEST_F(mutex, relock)
{
	EXPECT_EQ(0, shs_lock(&self->mine));
	EXPECT_EQ(-EBUSY, shs_trylock(&self->mine));
	EXPECT_EQ(-ETIMEDOUT, shs_lock_as(&self->mine, &SHS_LOCK()));
	EXPECT_EQ(-EBUSY, shs_trylock(&self->other));
	EXPECT_EQ(0, shs_unlock(&self->mine));
	EXPECT_EQ(-EPERM, shs_unlock(&self->mine));
}

/* Only the owner unlocks. */
TEST_F(mutex, unlock_of_others)
{
	EXPECT_EQ(-EPERM, shs_unlock(&self->mine));
	EXPECT_EQ(0, shs_lock(&self->other));
	EXPECT_EQ(-EPERM, shs_unlock(&self->mine));
	EXPECT_EQ(self->other.is.id, word(&self->mine));
	EXPECT_EQ(-EBUSY, shs_trylock(&self->mine));
	EXPECT_EQ(0, shs_unlock(&self->other));
}

/* A mutex has no readers. */
TEST_F(mutex, no_read_mode)
{
	EXPECT_EQ(-EINVAL, shs_rdlock(&self->mine, 0));
	EXPECT_EQ(-EINVAL, shs_lock_as(&self->mine, &SHS_LOCK(.mode = 2)));
	EXPECT_EQ(0, word(&self->mine));
	EXPECT_EQ(0, shs_lock(&self->mine));
	EXPECT_EQ(-EINVAL, shs_rdunlock(&self->mine, 0));
	EXPECT_EQ(self->mine.is.id, word(&self->mine));
}

/* A deadline that has passed is one look; a free lock is taken all the same. */
TEST_F(mutex, deadline_past)
{
	EXPECT_EQ(0, shs_lock_as(&self->mine, &SHS_LOCK()));
	for (int clock = SHS_CLOCK_MONOTONIC; clock <= SHS_CLOCK_BOOTTIME; clock++) {
		__u64 past[] = { 0, 1, shs_now(clock) - 1, shs_now(clock) };

		for (int i = 0; i < ARRAY_SIZE(past); i++)
			EXPECT_EQ(-ETIMEDOUT, shs_lock_as(&self->other, &SHS_LOCK(
					.clock = clock, .deadline = past[i])));
	}
	EXPECT_EQ(0, shs_info(self->fd).waiters);
	EXPECT_EQ(0, shs_unlock(&self->mine));
	EXPECT_EQ(0, shs_lock_as(&self->other, &SHS_LOCK()));
}

/* Time runs out at the deadline, not before, on the clock that was named. */
TEST_F(mutex, deadline_reached)
{
	EXPECT_EQ(0, shs_lock(&self->mine));
	for (int clock = SHS_CLOCK_MONOTONIC; clock <= SHS_CLOCK_BOOTTIME; clock++) {
		__u64 deadline = shs_now(clock) + 30 * SHS_MS;

		EXPECT_EQ(-ETIMEDOUT, shs_lock_as(&self->other, &SHS_LOCK(
				.clock = clock, .deadline = deadline)));
		EXPECT_LE(deadline, shs_now(clock));
	}
	EXPECT_EQ(0, shs_info(self->fd).waiters);
	EXPECT_EQ(0, shs_unlock(&self->mine));
	EXPECT_EQ(0, word(&self->mine) & SHS_WORD_OWNER);
	EXPECT_EQ(0, shs_trylock(&self->other));
}

/* A far deadline, however far, is no error and no past. */
TEST_F(mutex, deadline_far)
{
	__u64 far[] = { shs_now(SHS_CLOCK_MONOTONIC) + 3600000 * SHS_MS, 1ULL << 62,
			(1ULL << 63) - 1, 1ULL << 63, SHS_FOREVER - 1, SHS_FOREVER };

	for (int i = 0; i < ARRAY_SIZE(far); i++) {
		for (int clock = SHS_CLOCK_MONOTONIC; clock <= SHS_CLOCK_BOOTTIME; clock++) {
			pid_t child;

			if (clock == SHS_CLOCK_REALTIME && !i)
				continue;
			EXPECT_EQ(0, shs_lock(&self->mine));
			child = locker(self->fd, &SHS_LOCK(.deadline = far[i], .clock = clock));
			SHS_AWAIT(self->fd, info.waiters == 1);
			EXPECT_EQ(0, shs_unlock(&self->mine));
			EXPECT_EQ(0, shs_reap(child)) TH_LOG("deadline %llx", far[i]);
			/* It died holding: take the notice away. */
			EXPECT_EQ(-EOWNERDEAD, shs_lock(&self->mine));
			EXPECT_EQ(0, shs_unlock(&self->mine));
		}
	}
}

/* Who waits is seen in the word and gets the lock when it is released. */
TEST_F(mutex, unlock_wakes)
{
	pid_t child;

	EXPECT_EQ(0, shs_lock(&self->mine));
	child = locker(self->fd, LOCK_FOREVER);
	SHS_AWAIT(self->fd, info.waiters == 1);
	EXPECT_EQ(self->mine.is.id | SHS_WORD_WAITERS, word(&self->mine));
	EXPECT_EQ(0, waitpid(child, NULL, WNOHANG));
	EXPECT_EQ(0, shs_unlock(&self->mine));
	EXPECT_EQ(0, shs_reap(child));
	EXPECT_EQ(0, shs_info(self->fd).waiters);
}

static void on_signal(int number)
{
}

static void handle(int number, int flags)
{
	struct sigaction action = { .sa_handler = on_signal, .sa_flags = flags };

	sigaction(number, &action, NULL);
}

/* A signal ends the wait with -EINTR, which means that the lock is not held. */
TEST_F(mutex, interrupted)
{
	pid_t child;

	EXPECT_EQ(0, shs_lock(&self->mine));
	handle(SIGUSR1, 0);
	child = locker(self->fd, LOCK_FOREVER);
	SHS_AWAIT(self->fd, info.waiters == 1);
	kill(child, SIGUSR1);
	EXPECT_EQ(EINTR, shs_reap(child));
	EXPECT_EQ(0, shs_info(self->fd).waiters);
	EXPECT_EQ(0, shs_unlock(&self->mine));
	EXPECT_EQ(0, shs_lock(&self->other));
}

static struct shs_pipe handled;

static void say_handled(int number)
{
	shs_say(&handled);
}

/* With SA_RESTART the wait goes on after the handler, as for any system call. */
TEST_F(mutex, restarted)
{
	struct sigaction action = { .sa_handler = say_handled, .sa_flags = SA_RESTART };
	pid_t child;

	handled = shs_pipe();
	sigaction(SIGUSR1, &action, NULL);
	EXPECT_EQ(0, shs_lock(&self->mine));
	child = locker(self->fd, LOCK_FOREVER);
	for (int i = 0; i < 3; i++) {
		SHS_AWAIT(self->fd, info.waiters == 1);
		kill(child, SIGUSR1);
		shs_hear(&handled);
	}
	SHS_AWAIT(self->fd, info.waiters == 1);
	EXPECT_EQ(0, shs_unlock(&self->mine));
	EXPECT_EQ(0, shs_reap(child));
}

static volatile int *interruptions;

static void count_interruption(int number)
{
	++*interruptions;
}

/* The deadline is a point in time: signals do not push it away. */
TEST_F(mutex, restarted_until_deadline)
{
	struct sigaction action = { .sa_handler = count_interruption, .sa_flags = SA_RESTART };
	__u64 deadline = shs_now(SHS_CLOCK_MONOTONIC) + 200 * SHS_MS;
	pid_t child;

	interruptions = shs_common(4096);
	sigaction(SIGUSR1, &action, NULL);
	EXPECT_EQ(0, shs_lock(&self->mine));
	child = locker(self->fd, &SHS_LOCK(.deadline = deadline));
	for (int i = 0; i < 20; i++) {
		kill(child, SIGUSR1);
		while (*interruptions == i && !shs_is_gone(child))
			sched_yield();
	}
	EXPECT_EQ(ETIMEDOUT, shs_reap(child));
	EXPECT_LE(deadline, shs_now(SHS_CLOCK_MONOTONIC));
	EXPECT_EQ(0, shs_info(self->fd).waiters);
}

/* A waiter that is killed leaves the queue, and the next one is served. */
TEST_F(mutex, killed_waiter)
{
	pid_t first, second;

	EXPECT_EQ(0, shs_lock(&self->mine));
	first = locker(self->fd, LOCK_FOREVER);
	SHS_AWAIT(self->fd, info.waiters == 1);
	second = locker(self->fd, LOCK_FOREVER);
	SHS_AWAIT(self->fd, info.waiters == 2);
	EXPECT_EQ(-SIGKILL, shs_kill(first));
	SHS_AWAIT(self->fd, info.waiters == 1);
	EXPECT_EQ(0, shs_info(self->fd).deaths);
	EXPECT_EQ(0, shs_unlock(&self->mine));
	EXPECT_EQ(0, shs_reap(second));
}

/*
 * A kill that races the unlock: either the victim never had the lock, or it died
 * with it. Never is the lock lost, nor the wakeup of the next.
 */
TEST_F(mutex, killed_while_unlocked)
{
	for (unsigned long round = 0; round < shs_scale(100); round++) {
		pid_t first, second;
		int got;

		got = shs_lock(&self->mine);
		EXPECT_TRUE(got == 0 || got == -EOWNERDEAD);
		first = locker(self->fd, LOCK_FOREVER);
		SHS_AWAIT(self->fd, info.waiters == 1);
		second = locker(self->fd, LOCK_FOREVER);
		SHS_AWAIT(self->fd, info.waiters == 2);
		if (round % 2)
			kill(first, SIGKILL);
		EXPECT_EQ(0, shs_unlock(&self->mine));
		kill(first, SIGKILL);
		shs_reap(first);
		got = shs_reap(second);
		EXPECT_TRUE(got == 0 || got == EOWNERDEAD) TH_LOG("round %lu: %d", round, got);
	}
}

/* Waiters whose deadline races the unlock pass the wakeup on just so. */
TEST_F(mutex, timed_out_while_unlocked)
{
	for (unsigned long round = 0; round < shs_scale(50); round++) {
		pid_t first, second;
		int got = shs_lock(&self->mine);

		EXPECT_TRUE(got == 0 || got == -EOWNERDEAD);
		first = locker(self->fd, &SHS_LOCK(.deadline = shs_now(SHS_CLOCK_MONOTONIC) +
						   10 * SHS_MS));
		second = locker(self->fd, LOCK_FOREVER);
		SHS_AWAIT(self->fd, info.waiters >= 1);
		EXPECT_EQ(0, shs_unlock(&self->mine));
		got = shs_reap(first);
		EXPECT_TRUE(got == 0 || got == ETIMEDOUT || got == EOWNERDEAD);
		got = shs_reap(second);
		EXPECT_TRUE(got == 0 || got == EOWNERDEAD);
	}
}

/* After fork the child is a stranger: it owns nothing and can do nothing. */
TEST_F(mutex, forked_child)
{
	pid_t child;

	EXPECT_EQ(0, shs_lock(&self->mine));
	child = shs_fork();
	if (!child) {
		EXPECT_EQ(-ESTALE, shs_unlock(&self->mine));
		EXPECT_EQ(-ESTALE, shs_lock(&self->other));
		EXPECT_EQ(-ESTALE, shs_trylock(&self->other));
		/* With an attachment of its own it is as good as any process. */
		EXPECT_EQ(0, shs_attach(&self->other, self->fd));
		EXPECT_EQ(-EBUSY, shs_trylock(&self->other));
		_exit(0);
	}
	EXPECT_EQ(0, shs_reap(child));
	EXPECT_EQ(self->mine.is.id, word(&self->mine));
	EXPECT_EQ(0, shs_unlock(&self->mine));
}

/* Without the private region mapped, nothing would tell of a death: no ownership. */
TEST_F(mutex, unmapped)
{
	struct shs_att att;

	ASSERT_EQ(0, shs_attach_only(&att, self->fd));
	EXPECT_EQ(-ENXIO, shs_lock(&att));
	EXPECT_EQ(-ENXIO, shs_unlock(&att));
	EXPECT_NE(MAP_FAILED, shs_map(&att, SHS_MMAP_CONTROL, att.is.control_size, PROT_READ));
	EXPECT_NE(MAP_FAILED, shs_map(&att, SHS_MMAP_SHARED, att.is.shared_size,
				      PROT_READ | PROT_WRITE));
	EXPECT_EQ(-ENXIO, shs_trylock(&att));
	att.private = shs_map(&att, SHS_MMAP_PRIVATE, att.is.private_size, PROT_READ | PROT_WRITE);
	ASSERT_NE(MAP_FAILED, att.private);
	EXPECT_EQ(0, shs_lock(&att));
	EXPECT_EQ(0, shs_unlock(&att));
	EXPECT_EQ(0, munmap(att.private, att.is.private_size));
	EXPECT_EQ(-ENXIO, shs_lock(&att));
	EXPECT_EQ(0, word(&self->mine));
}

/* Who may only read the object cannot lock it: it would keep writers out. */
TEST_F(mutex, read_only)
{
	struct shs_att att;
	int ro;

	ASSERT_EQ(0, shs_link(self->fd, "mutex"));
	ro = shs_open("mutex", O_RDONLY);
	ASSERT_EQ(0, shs_attach(&att, ro));
	EXPECT_EQ(-EACCES, shs_lock(&att));
	EXPECT_EQ(-EACCES, shs_trylock(&att));
	EXPECT_EQ(0, word(&self->mine));
	EXPECT_EQ(-EACCES, shs_op(ro, &SHS_OP(WRITE, .arg = 1)));
	EXPECT_EQ(-EACCES, shs_op(ro, &SHS_OP(ADD, .arg = 1)));
	EXPECT_EQ(0, shs_op(ro, &SHS_OP(READ)));
	EXPECT_EQ(0, shs_peek(ro, 0));
}

/* A waiter whose attachment goes is told that it owns nothing and never will. */
static void *lock_in_thread(void *att);

TEST_F(mutex, unmapped_while_waiting)
{
	pthread_t thread;
	void *got;

	EXPECT_EQ(0, shs_lock(&self->mine));
	ASSERT_EQ(0, pthread_create(&thread, NULL, lock_in_thread, &self->other));
	SHS_AWAIT(self->fd, info.waiters == 1);
	EXPECT_EQ(0, munmap(self->other.private, self->other.is.private_size));
	pthread_join(thread, &got);
	EXPECT_EQ(-ENXIO, (long)got);
	EXPECT_EQ(0, shs_info(self->fd).waiters);
	EXPECT_EQ(0, shs_unlock(&self->mine));
	EXPECT_EQ(0, shs_trylock(&self->mine));
}

static void *lock_in_thread(void *att)
{
	return (void *)(long)shs_lock(att);
}

/* A second thread of the owner queues like anyone. */
TEST_F(mutex, second_thread)
{
	pthread_t thread;
	void *got;

	EXPECT_EQ(0, shs_lock(&self->mine));
	ASSERT_EQ(0, pthread_create(&thread, NULL, lock_in_thread, &self->mine));
	SHS_AWAIT(self->fd, info.waiters == 1);
	EXPECT_EQ(0, shs_unlock(&self->mine));
	pthread_join(thread, &got);
	EXPECT_EQ(0, (long)got);
	/* The thread has ended, its process has not: the lock is held. */
	EXPECT_EQ(-EBUSY, shs_trylock(&self->other));
	EXPECT_EQ(0, shs_unlock(&self->mine));
}

/* The user's compare-and-swap of the word is a lock and an unlock to the kernel. */
TEST_F(mutex, locked_by_word)
{
	__u32 *shared = &self->mine.shared->word, free = 0, id = self->mine.is.id;
	pid_t child;

	EXPECT_TRUE(__atomic_compare_exchange_n(shared, &free, id, false, __ATOMIC_ACQUIRE,
						__ATOMIC_RELAXED));
	EXPECT_EQ(SHS_STATE_HELD, shs_info(self->fd).state);
	EXPECT_EQ(getpid(), shs_info(self->fd).holder_pid);
	EXPECT_EQ(-EBUSY, shs_trylock(&self->other));
	child = locker(self->fd, LOCK_FOREVER);
	SHS_AWAIT(self->fd, info.waiters == 1);
	/* From here on the user's way out is barred: somebody must be woken. */
	EXPECT_FALSE(__atomic_compare_exchange_n(shared, &id, 0, false, __ATOMIC_RELEASE,
						 __ATOMIC_RELAXED));
	EXPECT_EQ(0, shs_unlock(&self->mine));
	EXPECT_EQ(0, shs_reap(child));
}

/*
 * Whoever may write the word can spoil this lock, but nobody hangs for it: an owner
 * that does not exist has died.
 */
TEST_F(mutex, forged_word)
{
	static const __u32 forged[] = {
		SHS_WORD_OWNER, SHS_WORD_OWNER - 1, 12345, ~0U, SHS_WORD_WAITERS,
		SHS_WORD_WAITERS | 12345, SHS_WORD_DIED | SHS_WORD_OWNER, SHS_WORD_KERNEL,
		SHS_WORD_KERNEL | SHS_WORD_WAITERS | 77,
	};

	for (int i = 0; i < ARRAY_SIZE(forged); i++) {
		bool died = forged[i] & (SHS_WORD_OWNER | SHS_WORD_DIED);

		self->mine.shared->word = forged[i];
		EXPECT_EQ(died ? -EOWNERDEAD : 0, shs_lock(&self->other))
			TH_LOG("word %#x", forged[i]);
		EXPECT_EQ(-EBUSY, shs_trylock(&self->mine));
		/* In the middle of it, too: the owner's unlock fails, no more. */
		self->mine.shared->word = forged[i];
		shs_unlock(&self->other);
		self->mine.shared->word = 0;
		EXPECT_EQ(0, shs_lock(&self->mine)) TH_LOG("word %#x", forged[i]);
		EXPECT_EQ(0, shs_unlock(&self->mine));
		EXPECT_EQ(0, shs_op(self->fd, &SHS_OP(ADD, .arg = 1)));
		self->mine.shared->word = 0;
	}
	EXPECT_EQ(0, shs_info(self->fd).waiters);
}

/*
 * Single operations
 */

/* The value by operations and in the mapping is one. */
TEST_F(mutex, value)
{
	__s64 *value = shs_value(&self->mine);
	struct shs_ioc_op op;

	EXPECT_EQ(0, shs_op(self->fd, &SHS_OP(WRITE, .index = 1, .arg = -5)));
	EXPECT_EQ(-5, value[1]);
	EXPECT_EQ(0, value[0]);
	op = SHS_OP(ADD, .index = 1, .arg = 3);
	EXPECT_EQ(0, shs_op(self->fd, &op));
	EXPECT_EQ(-5, op.result);
	EXPECT_EQ(-2, value[1]);
	value[1] = 9;
	EXPECT_EQ(9, shs_get(self->fd, SHS_OP_READ, 1));
	EXPECT_EQ(9, shs_peek(self->fd, 1));
	EXPECT_EQ(-EINVAL, shs_op(self->fd, &SHS_OP(READ, .index = 2)));
	EXPECT_EQ(-EINVAL, shs_op(self->fd, &SHS_OP(WRITE, .index = ~0U, .arg = 1)));
	EXPECT_EQ(0, word(&self->mine));
}

/* An addition in a narrow element wraps there; a number too large is refused. */
TEST_F(mutex, narrow_value)
{
	int fd = shs_create(SHS_KIND_MUTEX, SHS_TYPE_I8, 3);

	EXPECT_EQ(0, shs_op(fd, &SHS_OP(WRITE, .index = 1, .arg = 127)));
	EXPECT_EQ(0, shs_op(fd, &SHS_OP(ADD, .index = 1, .arg = 1)));
	EXPECT_STREQ("0 -128 0", shs_text(fd));
	EXPECT_EQ(-ERANGE, shs_op(fd, &SHS_OP(WRITE, .index = 1, .arg = 128)));
	EXPECT_EQ(-ERANGE, shs_op(fd, &SHS_OP(ADD, .index = 1, .arg = -129)));
	EXPECT_STREQ("0 -128 0", shs_text(fd));
}

/* Any part of the value as bytes, and nothing beyond it. */
TEST_F(mutex, bytes)
{
	static const struct {
		__u32 offset, len;
	} bad[] = { { 0, 17 }, { 16, 1 }, { 17, 0 }, { 15, 2 }, { 1, ~0U }, { ~0U, 1 },
		    { ~0U, ~0U }, { 0, ~0U } };
	char in[16] = "0123456789abcdef", out[17];

	EXPECT_EQ(0, shs_op(self->fd, &SHS_OP(WRITE, .flags = SHS_OP_BYTES,
			.addr = (unsigned long)in, .len = 16)));
	EXPECT_EQ(0, memcmp(shs_value(&self->mine), in, 16));
	memset(out, 'x', sizeof(out));
	EXPECT_EQ(0, shs_op(self->fd, &SHS_OP(READ, .flags = SHS_OP_BYTES,
			.addr = (unsigned long)out, .offset = 3, .len = 5)));
	EXPECT_EQ(0, memcmp(out, "34567xxx", 8));
	EXPECT_EQ(0, shs_op(self->fd, &SHS_OP(WRITE, .flags = SHS_OP_BYTES,
			.addr = (unsigned long)"XY", .offset = 14, .len = 2)));
	EXPECT_EQ(0, shs_op(self->fd, &SHS_OP(PEEK, .flags = SHS_OP_BYTES,
			.addr = (unsigned long)out, .len = 16)));
	EXPECT_EQ(0, memcmp(out, "0123456789abcdXYx", 17));
	for (int i = 0; i < ARRAY_SIZE(bad); i++) {
		struct shs_ioc_op op = SHS_OP(READ, .flags = SHS_OP_BYTES,
			.addr = (unsigned long)out, .offset = bad[i].offset, .len = bad[i].len);

		EXPECT_EQ(-EINVAL, shs_op(self->fd, &op)) TH_LOG("%u %u", op.offset, op.len);
		op.op = SHS_OP_WRITE;
		EXPECT_EQ(-EINVAL, shs_op(self->fd, &op)) TH_LOG("%u %u", op.offset, op.len);
	}
	EXPECT_EQ(0, memcmp(shs_value(&self->mine), "0123456789abcdXY", 16));
}

/* No byte becomes a bool that is none. */
TEST_F(mutex, bytes_of_bools)
{
	int fd = shs_create(SHS_KIND_MUTEX, SHS_TYPE_BOOL, 4);
	struct shs_ioc_op op = SHS_OP(WRITE, .flags = SHS_OP_BYTES, .len = 4,
				      .addr = (unsigned long)"\001\0\001\002");

	EXPECT_EQ(-ERANGE, shs_op(fd, &op));
	EXPECT_STREQ("0 0 0 0", shs_text(fd));
	op.len = 3;
	EXPECT_EQ(0, shs_op(fd, &op));
	EXPECT_STREQ("1 0 1 0", shs_text(fd));
}

/* A bad address is found before the value changes, and holds nothing up. */
TEST_F(mutex, bytes_bad_address)
{
	__u64 bad[] = { 0, 8, -4096ULL };
	char before[16];

	memcpy(before, shs_value(&self->mine), 16);
	for (int i = 0; i < ARRAY_SIZE(bad); i++) {
		struct shs_ioc_op op = SHS_OP(WRITE, .flags = SHS_OP_BYTES, .addr = bad[i],
					      .len = 16);

		EXPECT_EQ(-EFAULT, shs_op(self->fd, &op));
		op.op = SHS_OP_READ;
		EXPECT_EQ(-EFAULT, shs_op(self->fd, &op));
		op.op = SHS_OP_PEEK;
		EXPECT_EQ(-EFAULT, shs_op(self->fd, &op));
	}
	EXPECT_EQ(0, memcmp(before, shs_value(&self->mine), 16));
	EXPECT_EQ(0, word(&self->mine));
	EXPECT_EQ(0, shs_trylock(&self->mine));
}

/* While a process holds the lock, an operation waits as it was told, or only peeks. */
TEST_F(mutex, operations_while_held)
{
	static const __u32 codes[] = { SHS_OP_READ, SHS_OP_WRITE, SHS_OP_ADD };
	__s64 *value = shs_value(&self->mine);

	EXPECT_EQ(0, shs_lock(&self->mine));
	value[0] = 5;
	for (int i = 0; i < ARRAY_SIZE(codes); i++) {
		__u64 arg = codes[i] != SHS_OP_READ, near;
		struct shs_ioc_op op = { .size = sizeof(op), .op = codes[i], .arg = arg };

		EXPECT_EQ(-ETIMEDOUT, shs_op(self->fd, &op));
		op.flags = SHS_OP_NOWAIT;
		EXPECT_EQ(-EBUSY, shs_op(self->fd, &op));
		op.deadline = SHS_FOREVER;
		EXPECT_EQ(-EBUSY, shs_op(self->fd, &op));
		op.flags = 0;
		for (op.clock = SHS_CLOCK_MONOTONIC; op.clock <= SHS_CLOCK_BOOTTIME; op.clock++) {
			near = shs_now(op.clock) + 20 * SHS_MS;
			op.deadline = near;
			EXPECT_EQ(-ETIMEDOUT, shs_op(self->fd, &op));
			EXPECT_LE(near, shs_now(op.clock));
		}
		op.clock = 0;
		EXPECT_EQ(0, op.result);
		EXPECT_EQ(0, op.notice);
	}
	EXPECT_EQ(5, shs_peek(self->fd, 0));
	EXPECT_EQ(5, value[0]);
	EXPECT_EQ(0, shs_unlock(&self->mine));
	EXPECT_EQ(5, shs_get(self->fd, SHS_OP_READ, 0));
}

/* It gets its turn when the holder releases, and leaves the lock free. */
TEST_F(mutex, operation_waits)
{
	__s64 *value = shs_value(&self->mine);
	pid_t child;

	EXPECT_EQ(0, shs_lock(&self->mine));
	child = shs_fork();
	if (!child) {
		struct shs_ioc_op op = SHS_OP(ADD, .arg = 10, .deadline = SHS_FOREVER);

		_exit(shs_op(self->fd, &op) ?: op.result);
	}
	SHS_AWAIT(self->fd, info.waiters == 1);
	value[0] = 32;
	EXPECT_EQ(0, shs_unlock(&self->mine));
	EXPECT_EQ(32, shs_reap(child));
	EXPECT_EQ(42, value[0]);
	EXPECT_EQ(0, word(&self->mine));
}

/* A signal ends it, before it has done anything. */
TEST_F(mutex, operation_interrupted)
{
	pid_t child;

	handle(SIGUSR1, 0);
	EXPECT_EQ(0, shs_lock(&self->mine));
	child = shs_fork();
	if (!child)
		_exit(-shs_op(self->fd, &SHS_OP(WRITE, .arg = 7, .deadline = SHS_FOREVER)));
	SHS_AWAIT(self->fd, info.waiters == 1);
	kill(child, SIGUSR1);
	EXPECT_EQ(EINTR, shs_reap(child));
	EXPECT_EQ(0, shs_info(self->fd).waiters);
	EXPECT_EQ(0, shs_peek(self->fd, 0));
	EXPECT_EQ(0, shs_unlock(&self->mine));
}

/* By io_uring nothing waits: a held lock is -EBUSY whatever the deadline says. */
TEST_F(mutex, operation_by_uring)
{
	struct shs_ioc_op op = SHS_OP(ADD, .arg = 1, .deadline = SHS_FOREVER);

	SHS_NEED_DOOR(SHS_URING);
	EXPECT_EQ(0, shs_lock(&self->mine));
	EXPECT_EQ(-EBUSY, shs_uring_op(self->fd, &op));
	EXPECT_EQ(0, shs_info(self->fd).waiters);
	EXPECT_EQ(0, shs_uring_op(self->fd, &SHS_OP(PEEK)));
	EXPECT_EQ(0, shs_unlock(&self->mine));
	EXPECT_EQ(0, shs_uring_op(self->fd, &op));
	EXPECT_EQ(1, shs_peek(self->fd, 0));
	EXPECT_EQ(0, word(&self->mine));
}

/*
 * Fairness
 */
static void record_turn(struct shs_att *att, int *log, int fd)
{
	if (shs_attach(att, fd) || shs_lock(att))
		_exit(1);
	log[++log[0]] = getpid();	/* plainly: the lock guards it */
	_exit(shs_unlock(att) ? 1 : 0);
}

/* With FIFO the lock goes round in the order in which it was asked for. */
TEST_F(mutex, fifo_order)
{
	int fd = shs_create_as(&SHS_INIT(.kind = SHS_KIND_MUTEX, .type = SHS_TYPE_U64, .count = 1,
					 .flags = SHS_INIT_FIFO));
	int *log = shs_common(4096);
	struct shs_att att;
	pid_t child[8];

	ASSERT_EQ(0, shs_attach(&att, fd));
	EXPECT_EQ(0, shs_lock(&att));
	for (int i = 0; i < 8; i++) {
		child[i] = shs_fork();
		if (!child[i])
			record_turn(&att, log, fd);
		SHS_AWAIT(fd, info.waiters == i + 1);
	}
	EXPECT_EQ(0, shs_unlock(&att));
	for (int i = 0; i < 8; i++)
		EXPECT_EQ(0, shs_reap(child[i]));
	for (int i = 0; i < 8; i++)
		EXPECT_EQ(child[i], log[i + 1]);
}

/* This process and the children to come share one processor. */
static void use_one_processor(void)
{
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET(sched_getcpu(), &one);
	sched_setaffinity(0, sizeof(one), &one);
}

/* A child that locks, holds until it is told to end, and exits with the outcome. */
static pid_t holder(FIXTURE_DATA(mutex) *self, int fd)
{
	pid_t child = shs_fork();
	struct shs_att att;
	int ret;

	if (child)
		return child;
	if (shs_attach(&att, fd))
		_exit(255);
	ret = shs_lock(&att);
	shs_hear(&self->go);
	_exit(-ret);
}

/*
 * Releases and tries to get it back at once. Nobody else runs on this processor in
 * between: whoever the lock was not handed to could not have taken it.
 */
static int unlock_and_trylock(const struct shs_att *att)
{
	struct sched_param first = { .sched_priority = 1 }, normal = { 0 };
	int ret, got;

	if (sched_setscheduler(0, SCHED_FIFO, &first))
		return -errno;
	ret = shs_unlock(att);
	got = shs_trylock(att);
	sched_setscheduler(0, SCHED_OTHER, &normal);
	return ret ?: got;
}

/* Nor can the one who unlocks get it back before the one who waits. */
TEST_F(mutex, fifo_no_barging)
{
	int fd = shs_create_as(&SHS_INIT(.kind = SHS_KIND_MUTEX, .type = SHS_TYPE_U64, .count = 1,
					 .flags = SHS_INIT_FIFO));

	ASSERT_EQ(0, shs_attach(&self->mine, fd));
	use_one_processor();
	for (unsigned long round = 0; round < shs_scale(50); round++) {
		pid_t child;
		int got = shs_lock(&self->mine);

		EXPECT_TRUE(got == 0 || got == -EOWNERDEAD);
		/* Every fast path has to come to the kernel for that. */
		EXPECT_NE(0, word(&self->mine) & SHS_WORD_KERNEL);
		child = holder(self, fd);
		SHS_AWAIT(fd, info.waiters == 1);
		EXPECT_EQ(-EBUSY, unlock_and_trylock(&self->mine));
		shs_say(&self->go);
		EXPECT_EQ(0, shs_reap(child));
	}
}

/*
 * Without FIFO barging is allowed, but not for ever: who has waited for more than a
 * millisecond is handed the lock.
 */
TEST_F(mutex, old_waiter_is_handed_the_lock)
{
	__u64 since;
	pid_t child;

	use_one_processor();
	EXPECT_EQ(0, shs_lock(&self->mine));
	child = holder(self, self->fd);
	SHS_AWAIT(self->fd, info.waiters == 1);
	since = shs_now(SHS_CLOCK_MONOTONIC);
	while (shs_now(SHS_CLOCK_MONOTONIC) < since + 3 * SHS_MS)
		;
	EXPECT_EQ(-EBUSY, unlock_and_trylock(&self->mine));
	shs_say(&self->go);
	EXPECT_EQ(0, shs_reap(child));
}

/*
 * Mutual exclusion
 */
FIXTURE(exclusion) {
	int fd;
	unsigned long rounds;
	struct shs_pipe gate;
	pid_t child[4];
};

FIXTURE_VARIANT(exclusion) {
	__u32 flags;
	bool by_word;		/* half of the processes use the user's fast path */
	bool by_operation;	/* half of them add by an operation instead */
	enum shs_door door;
};

FIXTURE_VARIANT_ADD(exclusion, calls) { };
FIXTURE_VARIANT_ADD(exclusion, fifo) { .flags = SHS_INIT_FIFO };
FIXTURE_VARIANT_ADD(exclusion, word) { .by_word = true };
FIXTURE_VARIANT_ADD(exclusion, operation) { .by_operation = true };
FIXTURE_VARIANT_ADD(exclusion, operation_fifo) { .flags = SHS_INIT_FIFO, .by_operation = true };
FIXTURE_VARIANT_ADD(exclusion, uring) { .by_operation = true, .door = SHS_URING };

FIXTURE_SETUP(exclusion)
{
	SHS_MOUNT("");
	SHS_NEED_DOOR(variant->door);
	self->fd = shs_create_as(&SHS_INIT(.kind = SHS_KIND_MUTEX, .type = SHS_TYPE_U64,
					   .count = 2, .flags = variant->flags));
	ASSERT_LE(0, self->fd);
	self->rounds = shs_scale(2000);
	self->gate = shs_pipe();
}

FIXTURE_TEARDOWN(exclusion)
{
}

static bool word_changes(struct shs_att *att, __u32 from, __u32 to)
{
	return __atomic_compare_exchange_n(&att->shared->word, &from, to, false, __ATOMIC_SEQ_CST,
					   __ATOMIC_SEQ_CST);
}

static int take(struct shs_att *att, bool by_word)
{
	if (by_word && word_changes(att, 0, att->is.id))
		return 0;
	return shs_lock(att);
}

static int give(struct shs_att *att, bool by_word)
{
	if (by_word && word_changes(att, att->is.id, 0))
		return 0;
	return shs_unlock(att);
}

static int add_by(enum shs_door door, int fd, __u32 index)
{
	struct shs_ioc_op op;
	int ret;

	do {
		op = SHS_OP(ADD, .index = index, .arg = 1, .deadline = SHS_FOREVER);
		ret = shs_by(door, fd, &op);
	} while (ret == -EBUSY && door == SHS_URING);
	return ret;
}

/*
 * Plain additions to the mapped value, by processes that take turns: one that gets
 * in while another is inside loses an addition. The second element tells who is in.
 */
TEST_F(exclusion, plain_stores)
{
	for (int i = 0; i < 4; i++) {
		volatile __u64 *value;
		struct shs_att att;

		self->child[i] = shs_fork();
		if (self->child[i])
			continue;
		if (shs_attach(&att, self->fd))
			_exit(1);
		value = shs_value(&att);
		shs_gate_pass(&self->gate);
		for (unsigned long n = 0; n < self->rounds; n++) {
			if (variant->by_operation && i % 2) {
				if (add_by(variant->door, self->fd, 0))
					_exit(2);
				continue;
			}
			if (take(&att, variant->by_word && i % 2))
				_exit(3);
			value[1] = i;
			value[0] = value[0] + 1;
			if (value[1] != i)
				_exit(4);
			if (give(&att, variant->by_word && i % 2))
				_exit(5);
		}
		_exit(0);
	}
	shs_gate_open(&self->gate);
	for (int i = 0; i < 4; i++)
		EXPECT_EQ(0, shs_reap(self->child[i]));
	EXPECT_EQ(4 * self->rounds, shs_peek(self->fd, 0));
	EXPECT_EQ(0, shs_info(self->fd).waiters);
	EXPECT_EQ(0, shs_info(self->fd).state);
	EXPECT_EQ(0, shs_info(self->fd).deaths);
}

/* Operations alone exclude one another, too: an ADD is one addition. */
TEST_F(exclusion, operations)
{
	for (int i = 0; i < 4; i++) {
		self->child[i] = shs_fork();
		if (self->child[i])
			continue;
		shs_gate_pass(&self->gate);
		for (unsigned long n = 0; n < self->rounds; n++)
			if (add_by(variant->door, self->fd, 0))
				_exit(1);
		_exit(0);
	}
	shs_gate_open(&self->gate);
	for (int i = 0; i < 4; i++)
		EXPECT_EQ(0, shs_reap(self->child[i]));
	EXPECT_EQ(4 * self->rounds, shs_peek(self->fd, 0));
	EXPECT_EQ(0, shs_info(self->fd).state);
}

TEST_HARNESS_MAIN
