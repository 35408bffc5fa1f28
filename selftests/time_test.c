// SPDX-License-Identifier: GPL-2.0-only
/*
 * Deadlines of every call that waits: on each clock, at the ends of the range, while
 * somebody sets the clock, and where a time namespace shows clocks of its own.
 */
#include "waits.h"

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x00000080
#endif

#define HOUR (3600 * 1000 * SHS_MS)
#define DAY (24 * HOUR)
/* The kernel's longest time; what is later is clamped to it, and means for ever. */
#define KTIME_LAST 0x7fffffffffffffffULL

FIXTURE(wait) {
};

FIXTURE_SETUP(wait)
{
	SHS_MOUNT("");
}

FIXTURE_TEARDOWN(wait)
{
}

#define BODY(name) static void name(struct __test_metadata *_metadata, enum shs_way way)

static const char * const clock_name[] = {
	[SHS_CLOCK_MONOTONIC] = "monotonic",
	[SHS_CLOCK_REALTIME] = "realtime",
	[SHS_CLOCK_BOOTTIME] = "boottime",
};

/* Once in this process: the outcome of the wait, everything given back. */
static int wait_here(const struct shs_scene *s, __u64 deadline, __u8 clock)
{
	struct shs_actor a;
	int ret;

	if (shs_actor_come(&a, s) || shs_actor_enter(&a))
		return -EIO;
	ret = shs_actor_wait_on(&a, deadline, clock);
	if (ret ? shs_actor_give_up(&a) : shs_actor_leave(&a))
		return -EIO;
	shs_actor_go(&a);
	return ret;
}

/* What has passed is past on every clock, 0 as well, and leaves nothing in the queue. */
BODY(past)
{
	struct shs_scene s;

	ASSERT_EQ(0, shs_scene_closed(&s, way));
	for (__u8 clock = 0; clock < ARRAY_SIZE(clock_name); clock++) {
		__u64 past[] = { 0, 1, 1000 * SHS_MS, shs_now(clock) / 2, shs_now(clock) - 1 };

		for (int i = 0; i < ARRAY_SIZE(past); i++) {
			EXPECT_EQ(-ETIMEDOUT, wait_here(&s, past[i], clock))
				TH_LOG("%s: %llu", clock_name[clock], past[i]);
			EXPECT_EQ(0, shs_info(s.fd).waiters);
		}
	}
	EXPECT_EQ(0, shs_scene_clear(&s, 0));
	if (way != SHS_WAY_BATCH) /* whose first one needs no lock */
		EXPECT_TRUE(shs_scene_adds_up(&s, 0));
	shs_scene_end(&s);
}

TEST_F(wait, past)
{
	SHS_BY_EACH_WAY(SHS_TIMED_WAYS, past);
}

/* One that comes is reached, not a nanosecond early. */
BODY(reached)
{
	struct shs_scene s;

	ASSERT_EQ(0, shs_scene_closed(&s, way));
	for (__u8 clock = 0; clock < ARRAY_SIZE(clock_name); clock++) {
		__u64 deadline = shs_now(clock) + 5 * SHS_MS;

		EXPECT_EQ(-ETIMEDOUT, wait_here(&s, deadline, clock))
			TH_LOG("%s", clock_name[clock]);
		EXPECT_LE(deadline, shs_now(clock));
		EXPECT_EQ(0, shs_info(s.fd).waiters);
	}
	shs_scene_end(&s);
}

TEST_F(wait, reached)
{
	SHS_BY_EACH_WAY(SHS_TIMED_WAYS, reached);
}

/*
 * The last ones that there are: no overflow makes a past of them, and who waits that
 * long is woken as ever.
 */
BODY(the_last)
{
	static const __u64 late[] = { SHS_FOREVER, SHS_FOREVER - 1, KTIME_LAST, KTIME_LAST - 1 };

	for (int i = 0; i < ARRAY_SIZE(late); i++) {
		struct shs_scene s;
		pid_t child[3];

		ASSERT_EQ(0, shs_scene_closed(&s, way));
		for (int clock = 0; clock < 3; clock++)
			child[clock] = shs_actor_fork(&s, late[i], clock);
		SHS_AWAIT(s.fd, info.waiters == 3);
		EXPECT_EQ(0, shs_scene_clear(&s, 3));
		for (int clock = 0; clock < 3; clock++) {
			int got = shs_reap(child[clock]);

			if (way == SHS_WAY_OP_CELL && got == EREMCHG)
				got = 0;
			EXPECT_EQ(0, got) TH_LOG("%s: %llu", clock_name[clock], late[i]);
		}
		EXPECT_TRUE(shs_scene_is_quiet(&s));
		EXPECT_TRUE(shs_scene_adds_up(&s, 3));
		shs_scene_end(&s);
	}
}

TEST_F(wait, the_last)
{
	SHS_BY_EACH_WAY(SHS_TIMED_WAYS, the_last);
}

/*
 * Somebody sets the clock
 */
FIXTURE(stepped) {
	__u64 realtime, monotonic;	/* one moment, to restore by */
};

static int set_realtime(__u64 ns)
{
	struct timespec to = { ns / 1000000000, ns % 1000000000 };

	return clock_settime(CLOCK_REALTIME, &to) ? -errno : 0;
}

static int step(__s64 ns)
{
	return set_realtime(shs_now(SHS_CLOCK_REALTIME) + ns);
}

FIXTURE_SETUP(stepped)
{
	SHS_MOUNT("");
	self->realtime = shs_now(SHS_CLOCK_REALTIME);
	self->monotonic = shs_now(SHS_CLOCK_MONOTONIC);
	if (set_realtime(self->realtime) == -EPERM)
		SKIP(return, "setting the clock needs CAP_SYS_TIME");
}

FIXTURE_TEARDOWN(stepped)
{
	set_realtime(self->realtime + shs_now(SHS_CLOCK_MONOTONIC) - self->monotonic);
}

/*
 * The upgradable lock is one's at a time, so a second actor would queue for that,
 * without a deadline.
 */
static bool is_for_one(enum shs_way way)
{
	return way == SHS_WAY_UPGRADE;
}

/*
 * Forward, past all of three deadlines in numbers: the one that is on the clock that
 * was set is over, the others, each an hour away like it, are not.
 */
BODY(forward)
{
	__u64 realtime = shs_now(SHS_CLOCK_REALTIME) + HOUR;
	__u64 monotonic = shs_now(SHS_CLOCK_MONOTONIC) + HOUR;
	__u64 boottime = shs_now(SHS_CLOCK_BOOTTIME) + HOUR;
	int others = is_for_one(way) ? 0 : 2;
	pid_t late[2], child;
	struct shs_scene s;

	ASSERT_EQ(0, shs_scene_closed(&s, way));
	if (others) {
		late[0] = shs_actor_fork(&s, monotonic, SHS_CLOCK_MONOTONIC);
		late[1] = shs_actor_fork(&s, boottime, SHS_CLOCK_BOOTTIME);
	}
	SHS_AWAIT(s.fd, info.waiters == others);
	child = shs_actor_fork(&s, realtime, SHS_CLOCK_REALTIME);
	SHS_AWAIT(s.fd, info.waiters == others + 1);
	ASSERT_EQ(0, step(2 * HOUR));
	EXPECT_EQ(ETIMEDOUT, shs_reap(child));
	SHS_AWAIT(s.fd, info.waiters == others);
	EXPECT_EQ(0, shs_scene_clear(&s, others));
	for (int i = 0; i < others; i++) {
		int got = shs_reap(late[i]);

		EXPECT_TRUE(got == 0 || (way == SHS_WAY_OP_CELL && got == EREMCHG))
			TH_LOG("%d", got);
	}
	EXPECT_TRUE(shs_scene_is_quiet(&s));
	shs_scene_end(&s);
}

TEST_F(stepped, forward)
{
	SHS_BY_EACH_WAY(SHS_TIMED_WAYS, forward);
}

/* One that waits on another clock alone is not over either. */
BODY(forward_on_other_clocks)
{
	static const __u8 clocks[] = { SHS_CLOCK_MONOTONIC, SHS_CLOCK_BOOTTIME };

	for (int i = 0; i < ARRAY_SIZE(clocks); i++) {
		struct shs_scene s;
		pid_t child;
		int got;

		ASSERT_EQ(0, shs_scene_closed(&s, way));
		child = shs_actor_fork(&s, shs_now(clocks[i]) + HOUR, clocks[i]);
		SHS_AWAIT(s.fd, info.waiters == 1);
		ASSERT_EQ(0, step(2 * HOUR));
		/* One who comes now, whose time is up at once, shows that the step is over. */
		if (!is_for_one(way))
			EXPECT_EQ(-ETIMEDOUT, wait_here(&s, shs_now(SHS_CLOCK_REALTIME) - HOUR,
							SHS_CLOCK_REALTIME));
		SHS_AWAIT(s.fd, info.waiters == 1);
		EXPECT_EQ(0, shs_scene_clear(&s, 1));
		got = shs_reap(child);
		EXPECT_EQ(0, got);
		shs_scene_end(&s);
	}
}

TEST_F(stepped, forward_on_other_clocks)
{
	SHS_BY_EACH_WAY(SHS_TIMED_WAYS, forward_on_other_clocks);
}

/*
 * Back by an hour: the deadline is an hour farther away. That it has not come at the
 * time at which it would have, another one tells on a clock that was not set. If the
 * time was up before the step, then again with more of it.
 */
BODY(back)
{
	for (__u64 span = 20 * SHS_MS; ; span *= 2) {
		__u64 begun, realtime, monotonic;
		struct shs_scene s, other;
		bool in_time;
		pid_t child;

		ASSERT_EQ(0, shs_scene_closed(&s, way));
		ASSERT_EQ(0, shs_scene_closed(&other, SHS_WAY_LOCK));
		begun = shs_now(SHS_CLOCK_MONOTONIC);
		realtime = shs_now(SHS_CLOCK_REALTIME) + span;
		child = shs_actor_fork(&s, realtime, SHS_CLOCK_REALTIME);
		while (!shs_info(s.fd).waiters && !shs_is_gone(child))
			sched_yield();
		ASSERT_EQ(0, step(-(__s64)HOUR));
		monotonic = shs_now(SHS_CLOCK_MONOTONIC);
		in_time = monotonic < begun + span;
		monotonic += 2 * span;
		if (in_time)
			EXPECT_EQ(-ETIMEDOUT, wait_here(&other, monotonic, SHS_CLOCK_MONOTONIC));
		if (in_time)
			SHS_AWAIT(s.fd, info.waiters == 1);
		ASSERT_EQ(0, step(HOUR + 4 * span));
		EXPECT_EQ(ETIMEDOUT, shs_reap(child));
		EXPECT_EQ(0, shs_info(s.fd).waiters);
		shs_scene_end(&other);
		shs_scene_end(&s);
		if (in_time)
			break;
	}
}

TEST_F(stepped, back)
{
	SHS_BY_EACH_WAY(SHS_TIMED_WAYS, back);
}

/* A clock that is set to and fro does no harm to those who wait for something else. */
BODY(to_and_fro)
{
	struct shs_scene s;
	pid_t child;

	ASSERT_EQ(0, shs_scene_closed(&s, way));
	child = shs_actor_fork(&s, SHS_FOREVER, SHS_CLOCK_REALTIME);
	SHS_AWAIT(s.fd, info.waiters == 1);
	for (int i = 0; i < 20; i++)
		ASSERT_EQ(0, step(i % 2 ? -(__s64)HOUR : HOUR));
	SHS_AWAIT(s.fd, info.waiters == 1);
	EXPECT_EQ(0, shs_scene_clear(&s, 1));
	EXPECT_EQ(0, shs_reap(child));
	EXPECT_TRUE(shs_scene_is_quiet(&s));
	shs_scene_end(&s);
}

TEST_F(stepped, to_and_fro)
{
	SHS_BY_EACH_WAY(SHS_TIMED_WAYS, to_and_fro);
}

/*
 * A time namespace
 */
FIXTURE(namespace) {
	__s64 offset[2][2];	/* ns, of monotonic and boottime; ahead, and behind */
};

FIXTURE_SETUP(namespace)
{
	SHS_MOUNT("");
	if (access("/proc/self/ns/time", F_OK))
		SKIP(return, "the kernel has no time namespaces");
	self->offset[0][0] = 3 * DAY;
	self->offset[0][1] = 5 * DAY;
	self->offset[1][0] = -(__s64)(shs_now(SHS_CLOCK_MONOTONIC) / 2);
	self->offset[1][1] = -(__s64)(shs_now(SHS_CLOCK_BOOTTIME) / 3);
}

FIXTURE_TEARDOWN(namespace)
{
}

/* A line of timens_offsets: the seconds may be negative, the rest not. */
static int format_offset(char *line, size_t size, const char *clock, __s64 ns)
{
	__s64 seconds = ns / 1000000000, rest = ns % 1000000000;

	if (rest < 0) {
		seconds--;
		rest += 1000000000;
	}
	return snprintf(line, size, "%s %lld %lld\n", clock, seconds, rest);
}

/* The children of this process live with clocks that are offset so. */
static int offset_clocks(__s64 monotonic, __s64 boottime)
{
	int fd, len, ret = 0;
	char lines[200];

	if (unshare(CLONE_NEWTIME))
		return -errno;
	len = format_offset(lines, sizeof(lines), "monotonic", monotonic);
	len += format_offset(lines + len, sizeof(lines) - len, "boottime", boottime);
	fd = open("/proc/self/timens_offsets", O_WRONLY);
	if (fd < 0 || write(fd, lines, len) != len)
		ret = -errno;
	close(fd);
	return ret;
}

/* What a process inside finds out about deadlines: 0 if all is well. */
static int wait_inside(const struct shs_scene *s)
{
	for (__u8 clock = 0; clock < ARRAY_SIZE(clock_name); clock++) {
		__u64 soon = shs_now(clock) + 5 * SHS_MS;

		if (wait_here(s, soon - 6 * SHS_MS, clock) != -ETIMEDOUT)
			return 10 + clock;
		if (wait_here(s, soon, clock) != -ETIMEDOUT)
			return 20 + clock;
		if (shs_now(clock) < soon)
			return 30 + clock;
	}
	return 0;
}

/* In a child whose clocks are offset so, the exit status being that of the statement. */
#define INSIDE(offset, status) ({						\
	pid_t outer = shs_fork(), inner;					\
										\
	if (!outer) {								\
		if (offset_clocks((offset)[0], (offset)[1]))			\
			_exit(1);						\
		inner = fork();							\
		_exit(inner ? shs_reap(inner) : (status));			\
	}									\
	outer;									\
})

/* The caller's clock is the one it reads: whatever it is offset by, nothing is early. */
static void own_clock(struct __test_metadata *_metadata, enum shs_way way, __s64 *offset)
{
	struct shs_scene s;

	ASSERT_EQ(0, shs_scene_closed(&s, way));
	EXPECT_EQ(0, shs_reap(INSIDE(offset, wait_inside(&s))));
	EXPECT_EQ(0, shs_info(s.fd).waiters);
	shs_scene_end(&s);
}

TEST_F(namespace, own_clock_ahead)
{
	SHS_BY_EACH_WAY(SHS_TIMED_WAYS, own_clock, self->offset[0]);
}

TEST_F(namespace, own_clock_behind)
{
	SHS_BY_EACH_WAY(SHS_TIMED_WAYS, own_clock, self->offset[1]);
}

/*
 * The last times there are, with clocks that are ahead and behind: no sum overflows
 * into the past.
 */
static void last_inside(struct __test_metadata *_metadata, enum shs_way way, __s64 *offset)
{
	static const __u64 late[] = { SHS_FOREVER - 1, KTIME_LAST - 1, KTIME_LAST - HOUR };

	for (int i = 0; i < ARRAY_SIZE(late); i++) {
		__u8 clock = i % 2 ? SHS_CLOCK_MONOTONIC : SHS_CLOCK_BOOTTIME;
		struct shs_scene s;
		pid_t child;

		ASSERT_EQ(0, shs_scene_closed(&s, way));
		child = INSIDE(offset, shs_reap(shs_actor_fork(&s, late[i], clock)));
		SHS_AWAIT(s.fd, info.waiters == 1);
		EXPECT_EQ(0, shs_scene_clear(&s, 1));
		EXPECT_EQ(0, shs_reap(child)) TH_LOG("%llu", late[i]);
		EXPECT_TRUE(shs_scene_is_quiet(&s));
		shs_scene_end(&s);
	}
}

TEST_F(namespace, the_last_ahead)
{
	SHS_BY_EACH_WAY(SHS_TIMED_WAYS, last_inside, self->offset[0]);
}

TEST_F(namespace, the_last_behind)
{
	SHS_BY_EACH_WAY(SHS_TIMED_WAYS, last_inside, self->offset[1]);
}

/* 0 if the death is told with the caller's monotonic clock, and the one realtime clock. */
static int death_inside(int fd, const struct shs_ioc_death *outside, __s64 offset)
{
	struct shs_ioc_death death;

	if (shs_death(fd, &death))
		return 10;
	if (death.when_monotonic_ns != outside->when_monotonic_ns + offset ||
	    death.when_monotonic_ns > shs_now(SHS_CLOCK_MONOTONIC))
		return 11;
	return death.when_realtime_ns == outside->when_realtime_ns ? 0 : 12;
}

/* When somebody died is said on the asker's clock. */
TEST_F(namespace, death_told)
{
	struct shs_ioc_death outside;
	struct shs_att att;
	int fd = shs_create(SHS_KIND_MUTEX, SHS_TYPE_U64, 1);

	ASSERT_EQ(0, shs_attach(&att, fd));
	ASSERT_EQ(0, shs_lock(&att));
	shs_unmap(&att);
	ASSERT_EQ(0, shs_death(fd, &outside));
	for (int i = 0; i < 2; i++)
		EXPECT_EQ(0, shs_reap(INSIDE(self->offset[i],
					     death_inside(fd, &outside, self->offset[i][0]))));
}

static int die_holding(int fd)
{
	struct shs_att att;

	return shs_attach(&att, fd) || shs_lock(&att);
}

/* One who died inside, too: its record is the asker's, not the dead one's. */
TEST_F(namespace, death_inside)
{
	__u64 before = shs_now(SHS_CLOCK_MONOTONIC);
	int fd = shs_create(SHS_KIND_MUTEX, SHS_TYPE_U64, 1);
	struct shs_ioc_death death;

	EXPECT_EQ(0, shs_reap(INSIDE(self->offset[0], die_holding(fd))));
	ASSERT_EQ(0, shs_death(fd, &death));
	EXPECT_LE(before, death.when_monotonic_ns);
	EXPECT_GE(shs_now(SHS_CLOCK_MONOTONIC), death.when_monotonic_ns);
}

TEST_HARNESS_MAIN
