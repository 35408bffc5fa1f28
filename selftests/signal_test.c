// SPDX-License-Identifier: GPL-2.0-only
/*
 * Signals: a storm of them through every call that waits, and whoever waits or holds
 * is stopped, frozen or traced meanwhile. No wakeup is lost, nothing is done twice,
 * and who does not run is not dead.
 */
#include "cgroup.h"
#include "waits.h"

#include <sys/ptrace.h>

#define ACTORS 3

/* What the processes of a test see in common. */
static struct common {
	volatile unsigned long signals[ACTORS], interrupted[ACTORS];
	volatile int granted, spurious;
	volatile __u64 through, begin;
} *common;

static int who;

static void on_signal(int number)
{
	common->signals[who]++;
}

FIXTURE(storm) {
};

FIXTURE_VARIANT(storm) {
	int flags;
};

FIXTURE_VARIANT_ADD(storm, interrupt) { 0 };
FIXTURE_VARIANT_ADD(storm, restart) { SA_RESTART };

FIXTURE_SETUP(storm)
{
	SHS_MOUNT("");
	common = shs_common(sizeof(*common));
}

FIXTURE_TEARDOWN(storm)
{
}

/* Calls again as long as a signal was the reason not to go on. */
#define DESPITE_SIGNALS(call) ({						\
	int result;								\
										\
	while ((result = (call)) == -EINTR)					\
		common->interrupted[who]++;					\
	result;									\
})

/* Plainly, where one at a time is through: a second one would lose an addition. */
static void count_through(enum shs_way way)
{
	__u64 before = common->through;

	if (!common->granted)
		common->spurious++;
	if (!shs_way_is_exclusive(way)) {
		__atomic_fetch_add(&common->through, 1, __ATOMIC_RELAXED);
		return;
	}
	for (int i = 0; i < 100; i++)
		if (common->through != before)
			common->spurious++;
	common->through = before + 1;
}

static pid_t actor_in_storm(const struct shs_scene *s, int i, int flags)
{
	pid_t child = shs_fork();
	struct shs_actor a;
	int ret;

	if (child)
		return child;
	who = i;
	if (shs_storm(on_signal, flags) || shs_actor_come(&a, s) ||
	    DESPITE_SIGNALS(shs_actor_enter(&a)))
		_exit(200);
	ret = DESPITE_SIGNALS(shs_actor_wait(&a, SHS_FOREVER, SHS_CLOCK_MONOTONIC));
	/* one of them changes the cell, and the others are told that it was so */
	if (ret && (s->way != SHS_WAY_OP_CELL || ret != -EREMCHG))
		_exit(-ret);
	count_through(s->way);
	_exit(shs_actor_leave(&a) ? 201 : 0);
}

/*
 * Signals come while they wait, again and again: afterwards everybody has got
 * through once, one at a time where it must be so, and not before it was free.
 */
static void exact(struct __test_metadata *_metadata, enum shs_way way, int flags)
{
	for (unsigned long round = shs_scale(2); round; round--) {
		pid_t child[ACTORS];
		struct shs_scene s;

		memset(common, 0, sizeof(*common));
		ASSERT_EQ(0, shs_scene_make(&s, way));
		ASSERT_EQ(0, shs_scene_obstruct(&s));
		for (int i = 0; i < ACTORS; i++)
			child[i] = actor_in_storm(&s, i, flags);
		SHS_AWAIT(s.fd, info.waiters == ACTORS);
		for (int i = 0; i < ACTORS; i++)
			while (flags ? common->signals[i] < 3 :
						common->interrupted[i] < 3)
				sched_yield();
		EXPECT_EQ(0, common->through);
		common->granted = 1;
		ASSERT_EQ(0, shs_scene_clear(&s, ACTORS));
		for (int i = 0; i < ACTORS; i++) {
			EXPECT_EQ(0, shs_reap(child[i]));
			/* A batch is not restarted in its middle, whatever the flag. */
			if (flags && way != SHS_WAY_BATCH)
				EXPECT_EQ(0, common->interrupted[i]);
		}
		EXPECT_EQ(ACTORS, common->through);
		EXPECT_EQ(0, common->spurious);
		EXPECT_TRUE(shs_scene_is_quiet(&s));
		EXPECT_TRUE(shs_scene_adds_up(&s, ACTORS));
		shs_scene_end(&s);
	}
}

TEST_F(storm, exact)
{
	SHS_BY_EACH_WAY(SHS_WAYS, exact, variant->flags);
}

/* However often it is interrupted, the deadline stays where it is. */
static void deadline(struct __test_metadata *_metadata, enum shs_way way, int flags)
{
	struct shs_scene s;
	struct shs_actor a;
	__u64 deadline;
	int ret;

	ASSERT_EQ(0, shs_scene_make(&s, way));
	ASSERT_EQ(0, shs_scene_obstruct(&s));
	ASSERT_EQ(0, shs_actor_come(&a, &s));
	ASSERT_EQ(0, shs_actor_enter(&a));
	deadline = shs_now(SHS_CLOCK_MONOTONIC) + 10 * SHS_MS;
	ret = DESPITE_SIGNALS(shs_actor_wait(&a, deadline, SHS_CLOCK_MONOTONIC));
	EXPECT_EQ(-ETIMEDOUT, ret);
	EXPECT_LE(deadline, shs_now(SHS_CLOCK_MONOTONIC));
	if (flags && way != SHS_WAY_BATCH)
		EXPECT_EQ(0, common->interrupted[0]);
	EXPECT_EQ(0, shs_actor_give_up(&a));
	EXPECT_EQ(0, shs_info(s.fd).waiters);
	shs_actor_go(&a);
	shs_scene_end(&s);
}

TEST_F(storm, deadline)
{
	ASSERT_EQ(0, shs_storm(on_signal, variant->flags));
	while (!common->signals[0])
		sched_yield();
	SHS_BY_EACH_WAY(SHS_TIMED_WAYS, deadline, variant->flags);
}

/*
 * Processes that run freely in the storm, without restarts, so that signals meet
 * grants at any moment
 */
FIXTURE(free) {
	unsigned long rounds;
};

FIXTURE_SETUP(free)
{
	SHS_MOUNT("");
	common = shs_common(sizeof(*common));
	self->rounds = shs_scale(500);
}

FIXTURE_TEARDOWN(free)
{
}

typedef int (*work_fn)(int i, unsigned long rounds);

/*
 * Each process works in a storm and must come to an end well, again until signals
 * enough have come: how many rounds each has made.
 */
#define ENOUGH 100
static unsigned long in_storm(struct __test_metadata *_metadata, work_fn work,
			      unsigned long rounds)
{
	unsigned long made = 0, signals = 0;
	pid_t child[ACTORS];

	for (; signals < ENOUGH; made += rounds, common->begin = made * ACTORS) {
		for (int i = 0; i < ACTORS; i++) {
			child[i] = shs_fork();
			if (!child[i]) {
				who = i;
				_exit(shs_storm(on_signal, 0) ? 100 : work(i, rounds));
			}
		}
		signals = 0;
		for (int i = 0; i < ACTORS; i++) {
			int got = shs_reap(child[i]);

			ASSERT_EQ(0, got);
			signals += common->signals[i];
		}
	}
	return made;
}

static int first, second;	/* objects of the test, for its children */

/* In turns: an addition by an operation, one under the lock, one of a batch. */
static int add_to_mutex(int i, unsigned long rounds)
{
	struct shs_att att;
	volatile __u64 *value;

	if (shs_attach(&att, first))
		return 1;
	value = shs_value(&att);
	while (rounds--) {
		struct shs_ioc_op op = SHS_OP(ADD, .arg = 1, .deadline = SHS_FOREVER);
		struct shs_ioc_batch batch = { .size = sizeof(batch), .count = 1,
					       .ops = (unsigned long)&op };

		if (DESPITE_SIGNALS(shs_op(first, &op)))
			return 2;
		if (DESPITE_SIGNALS(shs_lock(&att)))
			return 3;
		value[1]++;
		if (shs_unlock(&att))
			return 4;
		op = SHS_OP(ADD, .index = 2, .arg = 1, .deadline = SHS_FOREVER);
		if (DESPITE_SIGNALS(shs_batch(first, &batch)) || batch.done != 1)
			return 5;
	}
	return 0;
}

static void exact_mutex(struct __test_metadata *_metadata, unsigned long rounds, __u32 flags)
{
	first = shs_create_as(&SHS_INIT(.kind = SHS_KIND_MUTEX, .type = SHS_TYPE_U64,
					.count = 3, .flags = flags));
	rounds = in_storm(_metadata, add_to_mutex, rounds);
	for (int i = 0; i < 3; i++)
		EXPECT_EQ(ACTORS * rounds, shs_peek(first, i));
	EXPECT_EQ(0, shs_info(first).state);
	EXPECT_EQ(0, shs_info(first).waiters);
}

/* No addition is lost, none is made twice, nobody waits for ever. */
TEST_F(free, mutex)
{
	exact_mutex(_metadata, self->rounds, 0);
}

TEST_F(free, mutex_fifo)
{
	exact_mutex(_metadata, self->rounds / 2, SHS_INIT_FIFO);
}

/* In turns: reads the pair, adds to it by upgrading, adds to it as the writer. */
static int add_to_rwlock(int i, unsigned long rounds)
{
	struct shs_ioc_lock upgradable = SHS_LOCK(.mode = SHS_MODE_UPGRADABLE,
						  .deadline = SHS_FOREVER);
	struct shs_ioc_convert up = SHS_CONVERT(.from = SHS_MODE_UPGRADABLE,
						.deadline = SHS_FOREVER);
	volatile __u64 *value;
	struct shs_att att;

	if (shs_attach(&att, first))
		return 1;
	value = shs_value(&att);
	while (rounds--) {
		if (DESPITE_SIGNALS(shs_rdlock(&att, 0)))
			return 2;
		if (value[0] != value[1] || shs_rdunlock(&att, 0))
			return 3;
		if (DESPITE_SIGNALS(shs_lock_as(&att, &upgradable)) ||
		    DESPITE_SIGNALS(shs_convert(&att, &up)))
			return 4;
		value[0]++;
		value[1]++;
		if (shs_unlock(&att) || DESPITE_SIGNALS(shs_lock(&att)))
			return 5;
		value[0]++;
		value[1]++;
		if (shs_unlock(&att))
			return 6;
	}
	return 0;
}

TEST_F(free, rwlock)
{
	unsigned long rounds;

	first = shs_create(SHS_KIND_RWLOCK, SHS_TYPE_U64, 2);
	rounds = in_storm(_metadata, add_to_rwlock, self->rounds / 2);
	EXPECT_EQ(2 * ACTORS * rounds, shs_peek(first, 0));
	EXPECT_EQ(2 * ACTORS * rounds, shs_peek(first, 1));
	EXPECT_EQ(0, shs_info(first).state);
	EXPECT_EQ(0, shs_info(first).readers);
	EXPECT_EQ(0, shs_info(first).waiters);
}

/* Whose turn it is, the value says; who has had his gives it to the next. */
static int turn_by_condvar(int i, unsigned long rounds)
{
	struct shs_ioc_op notify = SHS_OP(NOTIFY, .arg = ~0ULL);
	struct shs_att condvar, mutex;
	volatile __u64 *value;

	if (shs_attach(&condvar, second) || shs_attach(&mutex, first))
		return 1;
	value = shs_value(&mutex);
	while (rounds--) {
		struct shs_ioc_wait wait = SHS_WAIT(.mutex_fd = mutex.fd,
						    .deadline = SHS_FOREVER);

		if (DESPITE_SIGNALS(shs_lock(&mutex)))
			return 2;
		while (*value % ACTORS != i)
			if (DESPITE_SIGNALS(shs_wait(&condvar, &wait)))
				return 3;
		++*value;
		if (shs_unlock(&mutex))
			return 4;
		notify.result = 0;
		if (shs_op(second, &notify))
			return 5;
	}
	return 0;
}

/* A lost notify stops the round, a wait that ends twice spoils it. */
TEST_F(free, condvar)
{
	unsigned long rounds;

	first = shs_create(SHS_KIND_MUTEX, SHS_TYPE_U64, 1);
	second = shs_create(SHS_KIND_CONDVAR, SHS_TYPE_NONE, 0);
	rounds = in_storm(_metadata, turn_by_condvar, self->rounds / 2);
	EXPECT_EQ(ACTORS * rounds, shs_peek(first, 0));
	EXPECT_EQ(0, shs_info(first).state);
	EXPECT_EQ(0, shs_info(second).waiters);
}

/* The same by waiting for the value itself to change. */
static int turn_by_atomic(int i, unsigned long rounds)
{
	struct shs_ioc_op op;

	for (__u64 turn = common->begin + i; rounds--; turn += ACTORS) {
		for (__u64 now = shs_load(first, 0); now != turn; now = shs_load(first, 0)) {
			op = SHS_OP(WAIT, .expected = now, .deadline = SHS_FOREVER);
			if (DESPITE_SIGNALS(shs_op(first, &op)))
				return 1;
		}
		op = SHS_OP(FETCH_ADD, .arg = 1);
		if (shs_op(first, &op) || op.result != turn)
			return 2;
		op = SHS_OP(NOTIFY, .arg = ~0ULL);
		if (shs_op(first, &op))
			return 3;
	}
	return 0;
}

TEST_F(free, atomic)
{
	unsigned long rounds;

	first = shs_create(SHS_KIND_ATOMIC, SHS_TYPE_U64, 1);
	rounds = in_storm(_metadata, turn_by_atomic, self->rounds);
	EXPECT_EQ(ACTORS * rounds, shs_load(first, 0));
	EXPECT_EQ(0, shs_info(first).waiters);
}

/* The one of that number, made by the first who wants it. */
static int open_once(unsigned long n)
{
	char name[20];
	int fd;

	snprintf(name, sizeof(name), "once%lu", n);
	for (;;) {
		fd = shs_open(name, O_RDWR);
		if (fd != -ENOENT)
			return fd;
		fd = shs_create(SHS_KIND_ONCE, SHS_TYPE_NONE, 0);
		if (!shs_link(fd, name))
			return fd;
		close(fd);
	}
}

/* Everybody comes to each of them; the one who runs it gives it up twice first. */
static int run_each(int i, unsigned long rounds)
{
	for (unsigned long n = 0; n < rounds; n++) {
		struct shs_ioc_once begin;
		int fd = open_once(common->begin + n), given_up = 0;
		struct shs_att att;

		if (fd < 0 || shs_attach(&att, fd))
			return 1;
		for (;;) {
			begin = SHS_ONCE(.deadline = SHS_FOREVER);
			while (shs_once(&att, &begin) == -EINTR)
				begin.state = 0;
			if (begin.state != SHS_ONCE_RUNNING)
				break;
			if (given_up++ < 2) {
				if (shs_once(&att, &SHS_ONCE(.cmd = SHS_ONCE_ABANDON)))
					return 2;
				continue;
			}
			common->through++;
			if (shs_once(&att, &SHS_ONCE(.cmd = SHS_ONCE_COMPLETE)))
				return 3;
		}
		if (begin.state != SHS_ONCE_DONE)
			return 4;
		shs_unmap(&att);
		close(fd);
	}
	return 0;
}

TEST_F(free, once)
{
	unsigned long rounds;

	rounds = in_storm(_metadata, run_each, self->rounds / 8);
	EXPECT_EQ(rounds, common->through);
}

/*
 * Whoever does not run
 */
enum stop { STOP, FREEZE, TRACE };

FIXTURE(stopped) {
	struct shs_cgroup group;
	struct shs_pipe ready, go;
};

FIXTURE_VARIANT(stopped) {
	enum stop stop;
};

FIXTURE_VARIANT_ADD(stopped, signal) { STOP };
FIXTURE_VARIANT_ADD(stopped, freezer) { FREEZE };
FIXTURE_VARIANT_ADD(stopped, tracer) { TRACE };

FIXTURE_SETUP(stopped)
{
	SHS_MOUNT("");
	if (variant->stop == FREEZE) {
		int err = shs_cgroup_make(&self->group, NULL);

		if (err)
			SKIP(return, "there is no cgroup to freeze in: %d", err);
	}
	self->ready = shs_pipe();
	self->go = shs_pipe();
}

FIXTURE_TEARDOWN(stopped)
{
	if (variant->stop == FREEZE)
		shs_cgroup_end(&self->group);
}

/* Before one is stopped. */
static int prepare_stop(FIXTURE_DATA(stopped) *self, enum stop stop, pid_t child)
{
	switch (stop) {
	case FREEZE:
		return shs_cgroup_add(&self->group, child);
	case TRACE:
		return ptrace(PTRACE_SEIZE, child, 0, 0) ? -errno : 0;
	case STOP:
		break;
	}
	return 0;
}

static void begin_stop(FIXTURE_DATA(stopped) *self, enum stop stop, pid_t child)
{
	switch (stop) {
	case STOP:
		kill(child, SIGSTOP);
		break;
	case FREEZE:
		shs_cgroup_put(&self->group, "cgroup.freeze", "1");
		break;
	case TRACE:
		ptrace(PTRACE_INTERRUPT, child, 0, 0);
		break;
	}
}

/* True when it stands still, false if it has ended. */
static bool await_stop(FIXTURE_DATA(stopped) *self, enum stop stop, pid_t child)
{
	siginfo_t info;

	if (stop == FREEZE) {
		while (shs_cgroup_get(&self->group, "cgroup.events", "frozen") != 1 ||
		       shs_is_gone(child))
			if (shs_is_gone(child))
				return false;
		return true;
	}
	waitid(P_PID, child, &info, WSTOPPED | WEXITED | WNOWAIT);
	return info.si_code != CLD_EXITED;
}

static void end_stop(FIXTURE_DATA(stopped) *self, enum stop stop, pid_t child)
{
	int status;

	switch (stop) {
	case STOP:
		waitpid(child, &status, WUNTRACED);
		kill(child, SIGCONT);
		break;
	case FREEZE:
		shs_cgroup_put(&self->group, "cgroup.freeze", "0");
		break;
	case TRACE:
		waitpid(child, &status, 0);
		ptrace(PTRACE_DETACH, child, 0, 0);
		break;
	}
}

/* In this process: the outcome of the call that waits, everything given back. */
static int wait_here(const struct shs_scene *s, enum shs_way way, __u64 deadline)
{
	struct shs_scene as = *s;
	struct shs_actor a;
	int ret;

	as.way = way;
	if (shs_actor_come(&a, &as) || shs_actor_enter(&a))
		return -EIO;
	ret = shs_actor_wait(&a, deadline, SHS_CLOCK_MONOTONIC);
	if ((ret && ret != -EOWNERDEAD) ? shs_actor_give_up(&a) : shs_actor_leave(&a))
		return -EIO;
	shs_actor_go(&a);
	return ret;
}

/* Who comes while another one, who holds or waits, does not run: by which way? */
static enum shs_way way_against(enum shs_way way)
{
	return way == SHS_WAY_READ ? SHS_WAY_WRITE : way;
}

static __u64 shortly(void)
{
	return shs_now(SHS_CLOCK_MONOTONIC) + 5 * SHS_MS;
}

/*
 * It becomes free while the only waiter stands still: that is in nobody's way, and
 * the waiter gets its turn when it goes on, or had it already.
 */
static void stop_waiter(struct __test_metadata *_metadata, enum shs_way way,
			FIXTURE_DATA(stopped) *self, enum stop stop)
{
	struct shs_scene s;
	pid_t child;

	ASSERT_EQ(0, shs_scene_closed(&s, way));
	child = shs_actor_fork(&s, SHS_FOREVER, SHS_CLOCK_MONOTONIC);
	SHS_AWAIT(s.fd, info.waiters == 1);
	ASSERT_EQ(0, prepare_stop(self, stop, child));
	begin_stop(self, stop, child);
	EXPECT_TRUE(await_stop(self, stop, child));
	EXPECT_EQ(0, shs_scene_clear(&s, 1));
	if (shs_way_holds(way) && way != SHS_WAY_CONDVAR && way != SHS_WAY_UPGRADE)
		EXPECT_EQ(0, wait_here(&s, way, 0));
	end_stop(self, stop, child);
	EXPECT_EQ(0, shs_reap(child));
	EXPECT_TRUE(shs_scene_is_quiet(&s));
	EXPECT_TRUE(shs_scene_adds_up(&s, 1));
	shs_scene_end(&s);
}

TEST_F(stopped, waiter)
{
	SHS_BY_EACH_WAY(SHS_WAYS, stop_waiter, self, variant->stop);
}

/* What there is to see while one stands still that was granted before. */
static void look_at_granted(struct __test_metadata *_metadata, enum shs_way way,
			    const struct shs_scene *s, pid_t child)
{
	struct shs_ioc_info held = shs_info(shs_scene_held(s));

	if (shs_way_holds(way) && way != SHS_WAY_CONDVAR) {
		EXPECT_EQ(way == SHS_WAY_READ, held.readers);
		EXPECT_EQ(way == SHS_WAY_READ ? 0 : child, held.holder_pid);
	}
	if (shs_way_holds(way) && way != SHS_WAY_CONDVAR && way != SHS_WAY_UPGRADE)
		EXPECT_EQ(-ETIMEDOUT, wait_here(s, way_against(way), shortly()));
	if (way != SHS_WAY_BATCH)	/* which is stopped between two of its operations */
		EXPECT_TRUE(shs_scene_adds_up(s, 1));
	EXPECT_EQ(0, shs_info(shs_scene_held(s)).deaths);
}

/* False: it came to its end before it stood still. */
static bool stop_granted_in_time(struct __test_metadata *_metadata, enum shs_way way,
				 FIXTURE_DATA(stopped) *self, enum stop stop)
{
	struct shs_scene s;
	bool stopped;
	pid_t child;
	__u64 seen;

	EXPECT_EQ(0, shs_scene_closed(&s, way));
	child = shs_actor_fork(&s, SHS_FOREVER, SHS_CLOCK_MONOTONIC);
	SHS_AWAIT(s.fd, info.waiters == 1);
	/* A mutex is handed to one who has waited for a millisecond, not to a younger. */
	for (seen = shs_now(SHS_CLOCK_MONOTONIC); shs_now(SHS_CLOCK_MONOTONIC) < seen + 2 * SHS_MS;)
		;
	EXPECT_EQ(0, prepare_stop(self, stop, child));
	EXPECT_EQ(0, shs_hold_off(child));
	EXPECT_EQ(0, shs_scene_clear(&s, 1));
	begin_stop(self, stop, child);
	shs_let_go();
	stopped = await_stop(self, stop, child);
	if (stopped)
		look_at_granted(_metadata, way, &s, child);
	if (stopped || stop == FREEZE)
		end_stop(self, stop, child);
	EXPECT_EQ(0, shs_reap(child));
	EXPECT_TRUE(shs_scene_is_quiet(&s));
	EXPECT_TRUE(shs_scene_adds_up(&s, 1));
	shs_scene_end(&s);
	return stopped;
}

/*
 * It was granted before it stood still: that stays. What it holds it holds, the time
 * of others runs out; an operation has been done. Who was notified keeps that, but
 * leaves the mutex to others until it goes on.
 */
static void stop_granted(struct __test_metadata *_metadata, enum shs_way way,
			FIXTURE_DATA(stopped) *self, enum stop stop)
{
	while (!stop_granted_in_time(_metadata, way, self, stop) && __test_passed(_metadata))
		;
}

TEST_F(stopped, granted)
{
	SHS_BY_EACH_WAY(SHS_WAYS, stop_granted, self, variant->stop);
}

/*
 * Its time runs out while it stands still. If it did before it could be stopped, then
 * again with more of it.
 */
static void stop_before_deadline(struct __test_metadata *_metadata, enum shs_way way,
			FIXTURE_DATA(stopped) *self, enum stop stop)
{
	bool stopped = false;

	for (__u64 span = 10 * SHS_MS; !stopped; span *= 2) {
		__u64 deadline = shs_now(SHS_CLOCK_MONOTONIC) + span;
		struct shs_scene s;
		pid_t child;

		ASSERT_EQ(0, shs_scene_closed(&s, way));
		child = shs_actor_fork(&s, deadline, SHS_CLOCK_MONOTONIC);
		while (!shs_info(s.fd).waiters && !shs_is_gone(child))
			sched_yield();
		stopped = !prepare_stop(self, stop, child);
		begin_stop(self, stop, child);
		stopped &= await_stop(self, stop, child);
		while (shs_now(SHS_CLOCK_MONOTONIC) <= deadline)
			sched_yield();
		if (stopped || stop == FREEZE)
			end_stop(self, stop, child);
		EXPECT_EQ(ETIMEDOUT, shs_reap(child));
		EXPECT_EQ(0, shs_info(s.fd).waiters);
		shs_scene_end(&s);
	}
}

TEST_F(stopped, deadline)
{
	SHS_BY_EACH_WAY(SHS_TIMED_WAYS, stop_before_deadline, self, variant->stop);
}

/* A child that holds, says so, and leaves when it is told to. */
static pid_t holder(FIXTURE_DATA(stopped) *self, const struct shs_scene *s)
{
	pid_t child = shs_fork();
	struct shs_actor a;

	if (child)
		return child;
	if (shs_actor_come(&a, s) ||
	    shs_actor_wait(&a, SHS_FOREVER, SHS_CLOCK_MONOTONIC))
		_exit(1);
	shs_say(&self->ready);
	shs_hear(&self->go);
	_exit(shs_actor_leave(&a) ? 2 : 0);
}

/* A holder that stands still is not dead; nor is it immortal. */
static void stop_holder(struct __test_metadata *_metadata, enum shs_way way,
			FIXTURE_DATA(stopped) *self, enum stop stop)
{
	enum shs_way against = way_against(way);
	struct shs_ioc_death death;
	struct shs_scene s;
	pid_t child;

	if (!shs_way_holds(way) || way == SHS_WAY_CONDVAR || way == SHS_WAY_UPGRADE)
		return;
	ASSERT_EQ(0, shs_scene_make(&s, way));
	for (int killed = 0; killed < 2; killed++) {
		child = holder(self, &s);
		shs_hear(&self->ready);
		ASSERT_EQ(0, prepare_stop(self, stop, child));
		begin_stop(self, stop, child);
		EXPECT_TRUE(await_stop(self, stop, child));
		EXPECT_EQ(-ETIMEDOUT, wait_here(&s, against, 0));
		EXPECT_EQ(-ETIMEDOUT, wait_here(&s, against, shortly()));
		EXPECT_EQ(-ENODATA, shs_death(s.fd, &death));
		if (killed)
			break;
		end_stop(self, stop, child);
		shs_say(&self->go);
		EXPECT_EQ(0, shs_reap(child));
		EXPECT_EQ(0, wait_here(&s, against, SHS_FOREVER));
	}
	EXPECT_EQ(-SIGKILL, shs_kill(child));
	if (stop == FREEZE)
		end_stop(self, stop, child);	/* of the group */
	EXPECT_EQ(0, shs_death(s.fd, &death));
	EXPECT_EQ(1, death.deaths);
	EXPECT_EQ(SHS_WHY_SIGNAL, death.why);
	EXPECT_EQ(way == SHS_WAY_READ || way == SHS_WAY_UPGRADABLE || way == SHS_WAY_CELL_LOCK ?
		  0 : -EOWNERDEAD, wait_here(&s, against, SHS_FOREVER));
	shs_scene_end(&s);
}

TEST_F(stopped, holder)
{
	SHS_BY_EACH_WAY(SHS_WAYS, stop_holder, self, variant->stop);
}

TEST_HARNESS_MAIN
