// SPDX-License-Identifier: GPL-2.0-only
/*
 * The semaphore: permits that are there, held or nobody's, never more than the bound, and
 * given back when their holder dies.
 */
#include "shs.h"

FIXTURE(semaphore) {
	int fd;
	struct shs_att mine, other;
};

static int create(__u32 flags, __u32 permits, __u32 bound)
{
	__u32 value[2] = { permits, bound };

	return shs_create_as(&SHS_INIT(.kind = SHS_KIND_SEMAPHORE, .type = SHS_TYPE_U32, .count = 2,
				       .flags = flags, .value = (unsigned long)value,
				       .value_size = sizeof(value)));
}

FIXTURE_SETUP(semaphore)
{
	SHS_MOUNT("");
	self->fd = create(0, 3, 5);
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, shs_attach(&self->mine, self->fd));
	ASSERT_EQ(0, shs_attach(&self->other, self->fd));
}

FIXTURE_TEARDOWN(semaphore)
{
}

#define TAKE(n, ...) (&SHS_LOCK(.permits = (n), .deadline = SHS_FOREVER, ##__VA_ARGS__))

static int take(const struct shs_att *att, __u32 permits)
{
	return shs_lock_as(att, &SHS_LOCK(.permits = permits, .flags = SHS_LOCK_NOWAIT));
}

static int give(const struct shs_att *att, __u32 permits)
{
	return shs_unlock_as(att, &SHS_LOCK(.permits = permits));
}

/* Of permits that nobody holds. */
static int take_any(const struct shs_att *att, __u32 permits)
{
	return shs_lock_as(att, &SHS_LOCK(.permits = permits,
					  .flags = SHS_LOCK_NOWAIT | SHS_LOCK_NO_UNDO));
}

static int add(const struct shs_att *att, __u32 permits)
{
	return shs_unlock_as(att, &SHS_LOCK(.permits = permits, .flags = SHS_UNLOCK_NO_UNDO));
}

/* A child that takes in a given way and exits with the outcome, a negated errno. */
static pid_t taker(int fd, struct shs_ioc_lock *lock)
{
	pid_t child = shs_fork();
	struct shs_att att;

	if (child)
		return child;
	if (shs_attach(&att, fd))
		_exit(255);
	_exit(-shs_lock_as(&att, lock));
}

/* One that took and goes on. */
static pid_t holder(int fd, struct shs_ioc_lock *lock)
{
	struct shs_pipe ready = shs_pipe();
	pid_t child = shs_fork();
	struct shs_att att;

	if (!child) {
		if (shs_attach(&att, fd) || shs_lock_as(&att, lock))
			_exit(255);
		shs_say(&ready);
		shs_until_killed();
	}
	shs_hear(&ready);
	return child;
}

/* What can be made: so many of at most so many. */
TEST_F(semaphore, init)
{
	static const struct {
		__u32 permits, bound;
		int expected;
		__u32 has;
	} cases[] = {
		{ 0, 0, 0, SHS_SEMAPHORE_MAX }, { 7, 0, 0, SHS_SEMAPHORE_MAX },
		{ SHS_SEMAPHORE_MAX, 0, 0, SHS_SEMAPHORE_MAX },
		{ SHS_SEMAPHORE_MAX, SHS_SEMAPHORE_MAX, 0, SHS_SEMAPHORE_MAX },
		{ 1, 1, 0, 1 }, { 0, 1, 0, 1 }, { 2, 1, -EINVAL },
		{ SHS_SEMAPHORE_MAX + 1, 0, -EINVAL }, { 0, SHS_SEMAPHORE_MAX + 1, -EINVAL },
		{ ~0U, ~0U, -EINVAL },
	};

	for (int i = 0; i < ARRAY_SIZE(cases); i++) {
		int fd = create(0, cases[i].permits, cases[i].bound);

		EXPECT_EQ(cases[i].expected, fd < 0 ? fd : 0) TH_LOG("case %d", i);
		if (fd < 0)
			continue;
		EXPECT_EQ(cases[i].permits, shs_load(fd, 0));
		EXPECT_EQ(cases[i].has, shs_load(fd, 1));
		close(fd);
	}
}

/* What is there is seen by an operation, in the control region and as text. */
TEST_F(semaphore, takes_and_gives)
{
	const __u32 *value = (void *)((char *)self->other.control + self->other.is.value_offset);
	struct shs_ioc_info info;

	EXPECT_EQ(SHS_VALUE_OFFSET, self->other.is.value_offset);
	EXPECT_EQ(0, self->other.is.shared_size);
	EXPECT_EQ(0, take(&self->mine, 2));
	EXPECT_EQ(1, shs_load(self->fd, 0));
	EXPECT_EQ(5, shs_load(self->fd, 1));
	EXPECT_EQ(1, value[0]);
	EXPECT_EQ(5, value[1]);
	EXPECT_STREQ("1 5", shs_text(self->fd));
	EXPECT_EQ(-EINVAL, shs_write(self->fd, "3\n"));
	EXPECT_EQ(-EINVAL, shs_write(self->fd, "+3\n"));
	info = shs_info(self->fd);
	EXPECT_EQ(SHS_STATE_HELD, info.state);
	EXPECT_EQ(2, info.readers);
	EXPECT_EQ(0, info.holder_pid);
	EXPECT_EQ(-EBUSY, take(&self->other, 2));
	EXPECT_EQ(0, shs_info(self->fd).waiters);
	EXPECT_EQ(0, take(&self->other, 0));		/* one */
	EXPECT_EQ(0, value[0]);
	EXPECT_EQ(-EPERM, give(&self->other, 2));
	EXPECT_EQ(0, value[0]);
	EXPECT_EQ(0, give(&self->mine, 1));
	EXPECT_EQ(0, give(&self->mine, 1));
	EXPECT_EQ(-EPERM, give(&self->mine, 1));
	EXPECT_EQ(0, shs_unlock(&self->other));
	EXPECT_EQ(3, value[0]);
	EXPECT_EQ(0, shs_info(self->fd).state);
	EXPECT_EQ(0, shs_info(self->fd).readers);
}

/* Fields and flags that mean nothing here, and numbers that cannot be. */
TEST_F(semaphore, refused)
{
	struct shs_ioc_lock bad[] = {
		SHS_LOCK(.permits = 6), SHS_LOCK(.permits = ~0U), SHS_LOCK(.notice = 1),
		SHS_LOCK(.mode = SHS_MODE_READ), SHS_LOCK(.mode = SHS_MODE_UPGRADABLE),
		SHS_LOCK(.lane = 1), SHS_LOCK(.flags = 1U << 2), SHS_LOCK(.flags = 1U << 4),
		SHS_LOCK(.pad[3] = 1),
	};
	struct shs_ioc_op op = SHS_OP(STORE, .arg = 1);

	for (int i = 0; i < ARRAY_SIZE(bad); i++) {
		EXPECT_EQ(-EINVAL, shs_lock_as(&self->mine, &bad[i])) TH_LOG("lock %d", i);
		EXPECT_EQ(-EINVAL, shs_unlock_as(&self->mine, &bad[i])) TH_LOG("unlock %d", i);
	}
	EXPECT_EQ(-EINVAL, shs_lock_as(&self->mine, &SHS_LOCK(.flags = SHS_LOCK_RECURSIVE)));
	EXPECT_EQ(-EINVAL, shs_lock_as(&self->mine, &SHS_LOCK(.clock = 3)));
	EXPECT_EQ(0, take(&self->mine, 1));
	EXPECT_EQ(-EINVAL, shs_unlock_as(&self->mine, &SHS_LOCK(.flags = SHS_UNLOCK_FAIR)));
	EXPECT_EQ(-EINVAL, shs_unlock_as(&self->mine, &SHS_LOCK(.flags = SHS_UNLOCK_ABANDON)));
	EXPECT_EQ(-EINVAL, shs_unlock_as(&self->mine, &SHS_LOCK(.deadline = 1)));
	EXPECT_EQ(-EOPNOTSUPP, shs_op(self->fd, &op));
	EXPECT_EQ(-EOPNOTSUPP, shs_convert(&self->mine, &SHS_CONVERT(.from = SHS_MODE_EXCLUSIVE,
								     .to = SHS_MODE_READ)));
	EXPECT_EQ(-EOPNOTSUPP, shs_recover(&self->mine));
	EXPECT_EQ(-EOPNOTSUPP, shs_barrier(&self->mine, &SHS_BARRIER()));
	EXPECT_EQ(SHS_FAILED, shs_load(self->fd, 2));
	EXPECT_EQ(2, shs_load(self->fd, 0));
}

/* A program with the struct as it was first takes and gives one. */
TEST_F(semaphore, first_struct)
{
	struct shs_ioc_lock old = { .size = 32, .flags = SHS_LOCK_NOWAIT, .permits = 77,
				    .notice = 77 };

	EXPECT_EQ(0, shs_lock_as(&self->mine, &old));
	EXPECT_EQ(2, shs_load(self->fd, 0));
	old.flags = 0;
	EXPECT_EQ(0, shs_unlock_as(&self->mine, &old));
	EXPECT_EQ(3, shs_load(self->fd, 0));
}

/* Nobody's permits: who adds need not have taken, up to the bound. */
TEST_F(semaphore, no_undo)
{
	EXPECT_EQ(0, take(&self->mine, 2));
	EXPECT_EQ(0, add(&self->other, 2));
	EXPECT_EQ(3, shs_load(self->fd, 0));
	EXPECT_EQ(-EOVERFLOW, add(&self->other, 1));	/* with the two that are held */
	EXPECT_EQ(3, shs_load(self->fd, 0));
	EXPECT_EQ(0, take_any(&self->other, 3));
	EXPECT_EQ(-EPERM, give(&self->other, 1));
	EXPECT_EQ(-EOVERFLOW, add(&self->other, 4));
	EXPECT_EQ(0, give(&self->mine, 2));
	EXPECT_EQ(2, shs_load(self->fd, 0));
	EXPECT_EQ(0, add(&self->mine, 3));
	EXPECT_EQ(5, shs_load(self->fd, 0));
	EXPECT_EQ(-EOVERFLOW, add(&self->mine, 1));
}

/* A death gives back what is held, once, and no more. */
TEST_F(semaphore, death)
{
	struct shs_ioc_death death;
	pid_t child, careless;

	child = holder(self->fd, TAKE(2));
	careless = holder(self->fd, TAKE(1, .flags = SHS_LOCK_NO_UNDO));
	EXPECT_EQ(0, shs_load(self->fd, 0));
	EXPECT_EQ(-ENODATA, shs_death(self->fd, &death));
	EXPECT_EQ(-SIGKILL, shs_kill(careless));
	EXPECT_EQ(0, shs_load(self->fd, 0));
	EXPECT_EQ(-SIGKILL, shs_kill(child));
	SHS_AWAIT(self->fd, info.readers == 0);
	EXPECT_EQ(2, shs_load(self->fd, 0));
	EXPECT_EQ(0, shs_death(self->fd, &death));
	EXPECT_EQ(child, death.pid);
	EXPECT_EQ(SHS_WHY_SIGNAL, death.why);
	EXPECT_EQ(1, death.deaths);
	/* To the next it is no news. */
	EXPECT_EQ(0, take(&self->mine, 2));
	EXPECT_EQ(SHS_STATE_HELD, shs_info(self->fd).state);
}

/* So do an unmap and the end of the last descriptor; a child has none of its parent's. */
TEST_F(semaphore, fork_and_unmap)
{
	pid_t child;

	EXPECT_EQ(0, take(&self->mine, 3));
	child = shs_fork();
	if (!child) {
		struct shs_att own;

		EXPECT_EQ(-ESTALE, give(&self->mine, 1));
		EXPECT_EQ(-ESTALE, take(&self->other, 1));
		EXPECT_EQ(0, shs_attach(&own, self->fd));
		EXPECT_EQ(-EPERM, give(&own, 1));
		EXPECT_EQ(-EBUSY, take(&own, 1));
		_exit(0);
	}
	EXPECT_EQ(0, shs_reap(child));
	EXPECT_EQ(0, shs_load(self->fd, 0));
	munmap(self->mine.private, self->mine.is.private_size);
	EXPECT_EQ(3, shs_load(self->fd, 0));
	EXPECT_EQ(-ENXIO, give(&self->mine, 1));
	EXPECT_EQ(-ENXIO, take(&self->mine, 1));
	EXPECT_EQ(0, take(&self->other, 3));
	ASSERT_EQ(0, shs_attach_only(&self->mine, self->fd));
	EXPECT_EQ(-ENXIO, take(&self->mine, 1));
}

/* Who waits is served by a release, an addition or a death, and several at once. */
TEST_F(semaphore, waiters_are_served)
{
	pid_t child[4], dies;

	EXPECT_EQ(0, take(&self->mine, 2));
	dies = holder(self->fd, TAKE(1));
	for (int i = 0; i < 3; i++)
		child[i] = taker(self->fd, TAKE(1, .flags = SHS_LOCK_NO_UNDO));
	SHS_AWAIT(self->fd, info.waiters == 3);
	child[3] = taker(self->fd, TAKE(2));
	SHS_AWAIT(self->fd, info.waiters == 4);
	EXPECT_EQ(0, give(&self->mine, 2));
	SHS_AWAIT(self->fd, info.waiters == 2);
	EXPECT_EQ(-SIGKILL, shs_kill(dies));
	SHS_AWAIT(self->fd, info.waiters == 1);
	EXPECT_EQ(0, add(&self->mine, 2));
	for (int i = 0; i < 4; i++)
		EXPECT_EQ(0, shs_reap(child[i]));
	SHS_AWAIT(self->fd, info.readers == 0);
	EXPECT_EQ(2, shs_load(self->fd, 0));
}

/* A deadline is met on its clock, and leaves no trace. */
TEST_F(semaphore, deadlines)
{
	EXPECT_EQ(0, take(&self->mine, 2));
	for (int clock = SHS_CLOCK_MONOTONIC; clock <= SHS_CLOCK_BOOTTIME; clock++) {
		__u64 near = shs_now(clock) + 10 * SHS_MS;

		EXPECT_EQ(-ETIMEDOUT, shs_lock_as(&self->other, &SHS_LOCK(.permits = 2,
				.clock = clock, .deadline = near)));
		EXPECT_LE(near, shs_now(clock));
	}
	EXPECT_EQ(-ETIMEDOUT, shs_lock_as(&self->other, &SHS_LOCK(.permits = 2)));
	EXPECT_EQ(0, shs_info(self->fd).waiters);
	EXPECT_EQ(1, shs_load(self->fd, 0));
	EXPECT_EQ(0, shs_lock_as(&self->other, &SHS_LOCK()));
}

static void on_signal(int number)
{
}

/* A signal ends the wait, or with SA_RESTART does not. */
TEST_F(semaphore, interrupted)
{
	struct sigaction action = { .sa_handler = on_signal };
	pid_t child;

	sigaction(SIGUSR1, &action, NULL);
	EXPECT_EQ(0, take(&self->mine, 3));
	child = taker(self->fd, TAKE(1));
	SHS_AWAIT(self->fd, info.waiters == 1);
	kill(child, SIGUSR1);
	EXPECT_EQ(EINTR, shs_reap(child));
	EXPECT_EQ(0, shs_info(self->fd).waiters);
	action.sa_flags = SA_RESTART;
	sigaction(SIGUSR1, &action, NULL);
	child = taker(self->fd, TAKE(1));
	SHS_AWAIT(self->fd, info.waiters == 1);
	kill(child, SIGUSR1);
	EXPECT_EQ(0, give(&self->mine, 1));
	EXPECT_EQ(0, shs_reap(child));
}

/* One that is killed while it waits, or just when it is served, takes nothing along. */
TEST_F(semaphore, killed_waiter)
{
	pid_t first, second;

	for (unsigned long i = 0; i < shs_scale(20); i++) {
		EXPECT_EQ(0, take(&self->mine, 3));
		first = taker(self->fd, TAKE(3));
		SHS_AWAIT(self->fd, info.waiters == 1);
		second = taker(self->fd, TAKE(2));
		SHS_AWAIT(self->fd, info.waiters == 2);
		if (i & 1) {
			kill(first, SIGKILL);
			EXPECT_EQ(0, give(&self->mine, 3));
		} else {
			EXPECT_EQ(0, give(&self->mine, 3));
			kill(first, SIGKILL);
		}
		shs_reap(first);
		EXPECT_EQ(0, shs_reap(second));
		SHS_AWAIT(self->fd, info.readers == 0);
		EXPECT_EQ(3, shs_load(self->fd, 0));
	}
}

/* In strict order a small request waits behind a large one; else it goes by for a while. */
TEST_F(semaphore, order)
{
	int fifo = create(SHS_INIT_FIFO, 3, 3), fd[] = { self->fd, fifo };
	pid_t large, small;
	struct shs_att att;

	for (int i = 0; i < 2; i++) {
		ASSERT_EQ(0, shs_attach(&att, fd[i]));
		EXPECT_EQ(0, take(&att, 2));
		large = taker(fd[i], TAKE(3));
		SHS_AWAIT(fd[i], info.waiters == 1);
		if (!i)		/* until it is old */
			while (!take(&att, 1))
				EXPECT_EQ(0, give(&att, 1));
		EXPECT_EQ(-EBUSY, take(&att, 1));
		small = taker(fd[i], TAKE(1));
		SHS_AWAIT(fd[i], info.waiters == 2);
		EXPECT_EQ(1, shs_load(fd[i], 0));
		EXPECT_EQ(0, give(&att, 1));
		EXPECT_EQ(2, shs_load(fd[i], 0));
		EXPECT_EQ(2, shs_info(fd[i]).waiters);
		EXPECT_EQ(0, give(&att, 1));
		EXPECT_EQ(0, shs_reap(large));
		EXPECT_EQ(0, shs_reap(small));
	}
}

/* Whoever may only read looks, and no more. */
TEST_F(semaphore, read_only)
{
	struct shs_att att;
	int ro;

	ASSERT_EQ(0, shs_link(self->fd, "permits"));
	ro = shs_open("permits", O_RDONLY);
	ASSERT_EQ(0, shs_attach(&att, ro));
	EXPECT_EQ(3, shs_load(ro, 0));
	EXPECT_EQ(-EACCES, take(&att, 1));
	EXPECT_EQ(-EACCES, give(&att, 1));
	EXPECT_EQ(-EACCES, add(&att, 1));
	EXPECT_EQ(3, shs_load(ro, 0));
}

/* Frozen, nobody takes any; they come back all the same, and are given out at the thaw. */
TEST_F(semaphore, frozen)
{
	struct shs_ioc_watch watch = { .size = sizeof(watch),
				       .flags = SHS_WATCH_ON | SHS_WATCH_FREEZE };
	pid_t child;

	EXPECT_EQ(0, take(&self->mine, 1));
	EXPECT_EQ(0, shs_ioctl(self->other.fd, SHS_IOC_WATCH, &watch));
	EXPECT_EQ(SHS_STATE_HELD | SHS_STATE_WATCHED | SHS_STATE_FROZEN, shs_info(self->fd).state);
	EXPECT_EQ(-EBUSY, take(&self->mine, 1));
	child = taker(self->fd, TAKE(1));
	SHS_AWAIT(self->fd, info.waiters == 1);
	EXPECT_EQ(0, give(&self->mine, 1));
	EXPECT_EQ(3, shs_load(self->fd, 0));
	EXPECT_EQ(1, shs_info(self->fd).waiters);
	watch.flags = 0;
	EXPECT_EQ(0, shs_ioctl(self->other.fd, SHS_IOC_WATCH, &watch));
	EXPECT_EQ(0, shs_reap(child));
}

#ifdef SHS_BY_POLL
#define AS_IT_WAITS (SHS_THREAD_WAITS | SHS_THREAD_GOES_ON)
#else
#define AS_IT_WAITS SHS_THREAD_WAITS
#endif

/* Who has how many, and who wants how many. */
TEST_F(semaphore, threads)
{
	struct shs_thread_info list[4];
	pid_t child;

	EXPECT_EQ(0, take(&self->mine, 2));
	EXPECT_EQ(0, take(&self->other, 1));
	child = taker(self->fd, TAKE(3));
	SHS_AWAIT(self->fd, info.waiters == 1);
	EXPECT_EQ(3, shs_threads(self->fd, list, 4));
	EXPECT_EQ(2, list[0].count);
	EXPECT_EQ(1, list[1].count);
	EXPECT_EQ(SHS_THREAD_POSSIBLE, list[0].flags);
	EXPECT_EQ(getpid(), list[0].pid);
	EXPECT_EQ(0, list[0].tid);
	EXPECT_EQ(3, list[2].count);
	EXPECT_EQ(AS_IT_WAITS, list[2].flags);
	EXPECT_EQ(child, list[2].tid);
	EXPECT_EQ(-SIGKILL, shs_kill(child));
}

#define CROWD 8
#define PERMITS 3

/* In memory that all have in common. */
struct crowd {
	struct {
		unsigned int changes;	/* odd while it changes */
		int permits;		/* that it says it has */
	} of[CROWD];
};

static void say(struct crowd *crowd, int me, int permits)
{
	__atomic_add_fetch(&crowd->of[me].changes, 1, __ATOMIC_SEQ_CST);
	__atomic_store_n(&crowd->of[me].permits, permits, __ATOMIC_SEQ_CST);
	__atomic_add_fetch(&crowd->of[me].changes, 1, __ATOMIC_SEQ_CST);
}

/* How many they have at one moment; -1: none was found. */
static int sum_of(const struct crowd *crowd)
{
	unsigned int changes[CROWD];
	int sum = 0;

	for (int i = 0; i < CROWD; i++)
		changes[i] = __atomic_load_n(&crowd->of[i].changes, __ATOMIC_SEQ_CST);
	for (int i = 0; i < CROWD; i++)
		sum += __atomic_load_n(&crowd->of[i].permits, __ATOMIC_SEQ_CST);
	for (int i = 0; i < CROWD; i++)
		if (changes[i] & 1 ||
		    changes[i] != __atomic_load_n(&crowd->of[i].changes, __ATOMIC_SEQ_CST))
			return -1;
	return sum;
}

static void crowd_member(int fd, struct crowd *crowd, int me, __u64 seed)
{
	struct shs_att att;

	if (shs_attach(&att, fd))
		_exit(1);
	for (;;) {
		__u32 n = 1 + shs_number(&seed) % PERMITS;
		int ret = shs_lock_as(&att, &SHS_LOCK(.permits = n,
				.flags = shs_number(&seed) % 4 ? 0 : SHS_LOCK_NOWAIT,
				.deadline = shs_now(SHS_CLOCK_MONOTONIC) +
					    shs_number(&seed) % SHS_MS));

		if (ret == -EBUSY || ret == -ETIMEDOUT)
			continue;
		if (ret)
			_exit(2);
		say(crowd, me, n);
		sched_yield();
		say(crowd, me, 0);
		if (give(&att, n))
			_exit(3);
	}
}

static pid_t join(int fd, struct crowd *crowd, int me, __u64 seed)
{
	pid_t child;

	memset(&crowd->of[me], 0, sizeof(crowd->of[me]));
	child = shs_fork();
	if (!child)
		crowd_member(fd, crowd, me, seed);
	return child;
}

/*
 * Killed at random, again and again: what the living have is never more than there is,
 * and in the end all is back.
 */
TEST_F(semaphore, crowd_with_deaths)
{
	struct crowd *crowd = shs_common(sizeof(*crowd));
	int fd = create(0, PERMITS, PERMITS), most = 0;
	__u64 seed = 0x5eed;
	pid_t child[CROWD];

	for (int i = 0; i < CROWD; i++)
		child[i] = join(fd, crowd, i, seed + i);
	for (unsigned long round = 0; round < shs_scale(60); round++) {
		int i = shs_number(&seed) % CROWD;

		for (int look = 0; look < 20; look++) {
			int sum = sum_of(crowd);

			most = sum > most ? sum : most;
			sched_yield();
		}
		EXPECT_EQ(-SIGKILL, shs_kill(child[i]));
		child[i] = join(fd, crowd, i, seed + round);
	}
	for (int i = 0; i < CROWD; i++)
		EXPECT_EQ(-SIGKILL, shs_kill(child[i]));
	EXPECT_GE(PERMITS, most);
	SHS_AWAIT(fd, info.readers == 0);
	EXPECT_EQ(PERMITS, shs_load(fd, 0));
	EXPECT_EQ(0, shs_info(fd).waiters);
}

TEST_HARNESS_MAIN
