// SPDX-License-Identifier: GPL-2.0-only
/*
 * The barrier: nobody goes on before all have arrived, one of them leads, and a party that
 * dies is waited for by nobody.
 */
#include "shs.h"

#include <pthread.h>

FIXTURE(barrier) {
	int fd;
	struct shs_att mine;
};

static int create(__u32 parties)
{
	return shs_create_as(&SHS_INIT(.kind = SHS_KIND_BARRIER, .type = SHS_TYPE_U32, .count = 1,
				       .value = (unsigned long)&parties,
				       .value_size = sizeof(parties)));
}

FIXTURE_SETUP(barrier)
{
	SHS_MOUNT("");
	self->fd = create(3);
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, shs_attach(&self->mine, self->fd));
}

FIXTURE_TEARDOWN(barrier)
{
}

static __thread struct shs_ioc_barrier last;

static int wait_until(const struct shs_att *att, __u64 deadline)
{
	last = SHS_BARRIER(.cmd = SHS_BARRIER_WAIT, .deadline = deadline);
	return shs_barrier(att, &last);
}

static int wait_here(const struct shs_att *att)
{
	return wait_until(att, SHS_FOREVER);
}

static int leave(const struct shs_att *att)
{
	last = SHS_BARRIER(.cmd = SHS_BARRIER_LEAVE);
	return shs_barrier(att, &last);
}

static int set(const struct shs_att *att, __u32 parties)
{
	last = SHS_BARRIER(.cmd = SHS_BARRIER_SET, .parties = parties);
	return shs_barrier(att, &last);
}

static int reset(const struct shs_att *att)
{
	last = SHS_BARRIER(.cmd = SHS_BARRIER_RESET);
	return shs_barrier(att, &last);
}

/* What a party exits with: how its wait ended, and whether it leads. */
#define RELEASED 0
#define LEADS 1
#define BROKEN 2
#define EXPIRED 3
#define INTERRUPTED 4
#define WRONG 99

static int outcome(int ret)
{
	switch (ret) {
	case 0:
		return last.state == SHS_BARRIER_LEADER ? LEADS : last.state ? WRONG : RELEASED;
	case -EOWNERDEAD:
		return last.state == SHS_BARRIER_BROKEN ? BROKEN : WRONG;
	case -ETIMEDOUT:
		return last.state || last.generation ? WRONG : EXPIRED;
	case -EINTR:
		return last.state || last.generation ? WRONG : INTERRUPTED;
	}
	return WRONG;
}

/* A child that waits once, leaves if it can, and exits with the outcome. */
static pid_t party(int fd, __u64 deadline)
{
	pid_t child = shs_fork();
	struct shs_att att;
	int ret;

	if (child)
		return child;
	if (shs_attach(&att, fd))
		_exit(WRONG);
	ret = outcome(wait_until(&att, deadline));
	_exit(leave(&att) ? WRONG : ret);
}

/* What can be made. */
TEST_F(barrier, init)
{
	EXPECT_EQ(-EINVAL, create(0));
	EXPECT_EQ(-EINVAL, create(SHS_BARRIER_MAX + 1));
	EXPECT_EQ(-EINVAL, create(~0U));
	EXPECT_LE(0, create(1));
	EXPECT_EQ(SHS_BARRIER_MAX, shs_load(create(SHS_BARRIER_MAX), 0));
	EXPECT_EQ(3, shs_load(self->fd, 0));
	EXPECT_STREQ("3", shs_text(self->fd));
	EXPECT_EQ(-EINVAL, shs_write(self->fd, "4\n"));
	EXPECT_EQ(0, shs_info(self->fd).state);
}

/* One party waits for nobody, and leads, again and again. */
TEST_F(barrier, alone)
{
	struct shs_att att;

	ASSERT_EQ(0, shs_attach(&att, create(1)));
	for (int i = 1; i < 4; i++) {
		EXPECT_EQ(0, wait_until(&att, 0));
		EXPECT_EQ(SHS_BARRIER_LEADER, last.state);
		EXPECT_EQ(i, last.generation);
	}
}

/* Two wait until the third one comes; that one leads. */
TEST_F(barrier, waits_for_all)
{
	pid_t child[2];

	for (int i = 0; i < 2; i++)
		child[i] = party(self->fd, SHS_FOREVER);
	SHS_AWAIT(self->fd, info.waiters == 2);
	EXPECT_EQ(0, waitpid(child[0], NULL, WNOHANG));
	EXPECT_EQ(0, waitpid(child[1], NULL, WNOHANG));
	EXPECT_EQ(0, wait_here(&self->mine));
	EXPECT_EQ(SHS_BARRIER_LEADER, last.state);
	EXPECT_EQ(1, last.generation);
	EXPECT_EQ(RELEASED, shs_reap(child[0]));
	EXPECT_EQ(RELEASED, shs_reap(child[1]));
	EXPECT_EQ(1, shs_load(self->fd, 0));	/* they left */
	EXPECT_EQ(0, shs_info(self->fd).waiters);
	EXPECT_EQ(0, shs_info(self->fd).deaths);
}

/* Fields that mean nothing, commands that are none, and what others do with it. */
TEST_F(barrier, refused)
{
	struct shs_ioc_barrier bad[] = {
		SHS_BARRIER(.cmd = 4), SHS_BARRIER(.cmd = ~0U), SHS_BARRIER(.flags = 1),
		SHS_BARRIER(.parties = 1), SHS_BARRIER(.generation = 1), SHS_BARRIER(.state = 1),
		SHS_BARRIER(.notice = 1), SHS_BARRIER(.clock = 3), SHS_BARRIER(.pad[6] = 1),
		SHS_BARRIER(.cmd = SHS_BARRIER_SET),
		SHS_BARRIER(.cmd = SHS_BARRIER_LEAVE, .clock = 1),
		SHS_BARRIER(.cmd = SHS_BARRIER_SET, .parties = SHS_BARRIER_MAX + 1),
		SHS_BARRIER(.cmd = SHS_BARRIER_SET, .parties = 2, .deadline = 1),
		SHS_BARRIER(.cmd = SHS_BARRIER_LEAVE, .parties = 1),
		SHS_BARRIER(.cmd = SHS_BARRIER_RESET, .parties = 1),
	};
	struct shs_ioc_watch watch = { .size = sizeof(watch), .flags = SHS_WATCH_ON };

	for (int i = 0; i < ARRAY_SIZE(bad); i++) {
		EXPECT_EQ(-EINVAL, shs_barrier(&self->mine, &bad[i])) TH_LOG("%d", i);
	}
	EXPECT_EQ(-EOPNOTSUPP, shs_lock(&self->mine));
	EXPECT_EQ(-EOPNOTSUPP, shs_unlock(&self->mine));
	EXPECT_EQ(-EOPNOTSUPP, shs_ioctl(self->mine.fd, SHS_IOC_WATCH, &watch));
	EXPECT_EQ(-EFAULT, shs_ioctl(self->mine.fd, SHS_IOC_BARRIER, NULL));
	EXPECT_EQ(3, shs_load(self->fd, 0));
	EXPECT_EQ(0, shs_info(self->fd).waiters);
}

/* Who may only read is no party. */
TEST_F(barrier, read_only)
{
	struct shs_att att;
	int ro;

	ASSERT_EQ(0, shs_link(self->fd, "barrier"));
	ro = shs_open("barrier", O_RDONLY);
	ASSERT_EQ(0, shs_attach(&att, ro));
	EXPECT_EQ(3, shs_load(ro, 0));
	EXPECT_EQ(-EACCES, wait_until(&att, 0));
	EXPECT_EQ(-EACCES, leave(&att));
	EXPECT_EQ(-EACCES, set(&att, 1));
	EXPECT_EQ(-EACCES, reset(&att));
	EXPECT_EQ(3, shs_load(ro, 0));
}

/* A wait whose time is over was none, and breaks nothing. */
TEST_F(barrier, deadline)
{
	pid_t child[2];

	for (int clock = SHS_CLOCK_MONOTONIC; clock <= SHS_CLOCK_BOOTTIME; clock++) {
		__u64 near = shs_now(clock) + 10 * SHS_MS;

		last = SHS_BARRIER(.clock = clock, .deadline = near);
		EXPECT_EQ(EXPIRED, outcome(shs_barrier(&self->mine, &last)));
		EXPECT_LE(near, shs_now(clock));
	}
	EXPECT_EQ(-ETIMEDOUT, wait_until(&self->mine, 0));
	EXPECT_EQ(0, shs_info(self->fd).waiters);
	EXPECT_EQ(0, shs_info(self->fd).state);
	/* Four times this one came, and counts as one. */
	for (int i = 0; i < 2; i++)
		child[i] = party(self->fd, SHS_FOREVER);
	SHS_AWAIT(self->fd, info.waiters == 2);
	EXPECT_EQ(0, wait_here(&self->mine));
	EXPECT_EQ(1, last.generation);
	EXPECT_EQ(RELEASED, shs_reap(child[0]));
	EXPECT_EQ(RELEASED, shs_reap(child[1]));
}

static void on_signal(int number)
{
}

/* A signal takes the arrival back; with SA_RESTART it comes anew. */
TEST_F(barrier, interrupted)
{
	struct sigaction action = { .sa_handler = on_signal };
	pid_t child, other;

	sigaction(SIGUSR1, &action, NULL);
	child = party(self->fd, SHS_FOREVER);
	SHS_AWAIT(self->fd, info.waiters == 1);
	kill(child, SIGUSR1);
	EXPECT_EQ(INTERRUPTED, shs_reap(child));
	EXPECT_EQ(2, shs_load(self->fd, 0));
	EXPECT_EQ(0, shs_info(self->fd).state);
	EXPECT_EQ(0, set(&self->mine, 3));
	action.sa_flags = SA_RESTART;
	sigaction(SIGUSR1, &action, NULL);
	child = party(self->fd, SHS_FOREVER);
	other = party(self->fd, SHS_FOREVER);
	SHS_AWAIT(self->fd, info.waiters == 2);
	kill(child, SIGUSR1);
	EXPECT_EQ(0, wait_here(&self->mine));
	EXPECT_EQ(1, (shs_reap(child) | shs_reap(other)) + !!last.state);
}

/* A party that is killed while it waits: all are told, until somebody resets it. */
TEST_F(barrier, waiter_dies)
{
	struct shs_ioc_death death;
	pid_t waits, dies;

	waits = party(self->fd, SHS_FOREVER);
	SHS_AWAIT(self->fd, info.waiters == 1);
	dies = party(self->fd, SHS_FOREVER);
	SHS_AWAIT(self->fd, info.waiters == 2);
	EXPECT_EQ(-SIGKILL, shs_kill(dies));
	EXPECT_EQ(BROKEN, shs_reap(waits));
	EXPECT_EQ(SHS_STATE_BROKEN, shs_info(self->fd).state);
	EXPECT_EQ(0, shs_death(self->fd, &death));
	EXPECT_EQ(dies, death.pid);
	EXPECT_EQ(SHS_WHY_SIGNAL, death.why);
	EXPECT_EQ(-EOWNERDEAD, wait_here(&self->mine));
	EXPECT_EQ(SHS_BARRIER_BROKEN, last.state);
	EXPECT_EQ(0, set(&self->mine, 1));
	EXPECT_EQ(SHS_BARRIER_BROKEN, last.state);
	EXPECT_EQ(-EOWNERDEAD, wait_here(&self->mine));
	EXPECT_EQ(0, reset(&self->mine));
	EXPECT_EQ(0, last.state);
	EXPECT_EQ(1, last.generation);
	EXPECT_EQ(0, shs_info(self->fd).state);
	EXPECT_EQ(0, wait_here(&self->mine));
	EXPECT_EQ(2, last.generation);
}

/* One that waits on, or never waited, in a round after this. */
static pid_t round_party(int fd, int rounds, struct shs_pipe *ready)
{
	pid_t child = shs_fork();
	struct shs_att att;

	if (child)
		return child;
	if (shs_attach(&att, fd))
		_exit(WRONG);
	for (int i = 0; i < rounds; i++)
		if (wait_here(&att))
			_exit(WRONG);
	shs_say(ready);
	shs_until_killed();
}

/* Between its waits it is expected, too; for a round, if it does not come. */
TEST_F(barrier, party_dies_between_waits)
{
	struct shs_pipe ready = shs_pipe();
	pid_t child, waits;

	EXPECT_EQ(0, set(&self->mine, 2));
	child = round_party(self->fd, 1, &ready);
	EXPECT_EQ(0, wait_here(&self->mine));
	shs_hear(&ready);
	waits = party(self->fd, SHS_FOREVER);
	SHS_AWAIT(self->fd, info.waiters == 1);
	EXPECT_EQ(-SIGKILL, shs_kill(child));
	EXPECT_EQ(BROKEN, shs_reap(waits));
	EXPECT_EQ(0, reset(&self->mine));

	/* It was here two rounds ago: others came in its place. */
	EXPECT_EQ(0, set(&self->mine, 2));
	child = round_party(self->fd, 1, &ready);
	EXPECT_EQ(0, wait_here(&self->mine));
	shs_hear(&ready);
	waits = party(self->fd, SHS_FOREVER);
	EXPECT_EQ(0, wait_here(&self->mine));
	shs_reap(waits);
	EXPECT_EQ(0, set(&self->mine, 2));
	EXPECT_EQ(-SIGKILL, shs_kill(child));
	SHS_AWAIT(self->fd, info.attachments == 1);
	EXPECT_EQ(0, shs_info(self->fd).state);

	/* And one that never came is nobody. */
	child = round_party(self->fd, 0, &ready);
	shs_hear(&ready);
	EXPECT_EQ(-SIGKILL, shs_kill(child));
	SHS_AWAIT(self->fd, info.attachments == 1);
	EXPECT_EQ(0, shs_info(self->fd).state);
}

/* Who leaves is not waited for, and breaks nothing. */
TEST_F(barrier, leave)
{
	pid_t child[2];

	for (int i = 0; i < 2; i++)
		child[i] = party(self->fd, SHS_FOREVER);
	SHS_AWAIT(self->fd, info.waiters == 2);
	EXPECT_EQ(0, leave(&self->mine));
	EXPECT_EQ(1, last.generation);
	EXPECT_EQ(LEADS, shs_reap(child[0]) + shs_reap(child[1]));
	EXPECT_EQ(0, shs_info(self->fd).state);
	EXPECT_EQ(0, shs_load(self->fd, 0));
	EXPECT_EQ(-EPERM, leave(&self->mine));
	EXPECT_EQ(-EPERM, wait_here(&self->mine));
	EXPECT_EQ(0, shs_load(self->fd, 0));
	EXPECT_EQ(0, set(&self->mine, 1));
	EXPECT_EQ(0, wait_here(&self->mine));
}

/* Fewer parties than wait: they go on. More: one more is waited for. */
TEST_F(barrier, set)
{
	pid_t child[2];

	for (int i = 0; i < 2; i++)
		child[i] = party(self->fd, SHS_FOREVER);
	SHS_AWAIT(self->fd, info.waiters == 2);
	EXPECT_EQ(0, set(&self->mine, 4));
	EXPECT_EQ(0, last.generation);
	EXPECT_EQ(4, shs_load(self->fd, 0));
	EXPECT_EQ(2, shs_info(self->fd).waiters);
	EXPECT_EQ(0, set(&self->mine, 2));
	EXPECT_EQ(1, last.generation);
	EXPECT_EQ(LEADS, shs_reap(child[0]) + shs_reap(child[1]));
}

/* Reset, those who wait are told; nobody died. */
TEST_F(barrier, reset)
{
	pid_t child = party(self->fd, SHS_FOREVER);

	SHS_AWAIT(self->fd, info.waiters == 1);
	EXPECT_EQ(0, reset(&self->mine));
	EXPECT_EQ(BROKEN, shs_reap(child));
	EXPECT_EQ(0, shs_info(self->fd).state);
	EXPECT_EQ(0, shs_info(self->fd).deaths);
}

/* A child is a party of its own; without the private region nobody is one. */
TEST_F(barrier, not_a_party)
{
	struct shs_att att;
	pid_t child;

	child = shs_fork();
	if (!child) {
		EXPECT_EQ(-ESTALE, wait_until(&self->mine, 0));
		EXPECT_EQ(-ESTALE, leave(&self->mine));
		_exit(0);
	}
	EXPECT_EQ(0, shs_reap(child));
	ASSERT_EQ(0, shs_attach_only(&att, self->fd));
	EXPECT_EQ(-ENXIO, wait_until(&att, 0));
	EXPECT_EQ(-ENXIO, leave(&att));
	EXPECT_EQ(-ENXIO, set(&att, 1));
	EXPECT_EQ(-ENXIO, reset(&att));
	EXPECT_EQ(3, shs_load(self->fd, 0));
	munmap(self->mine.private, self->mine.is.private_size);
	EXPECT_EQ(-ENXIO, wait_here(&self->mine));
}

struct member {
	pthread_t thread;
	const struct shs_att *att;
	int *arrived, leads, wrong;
	unsigned long rounds;
};

static void *member(void *argument)
{
	struct member *me = argument;

	for (unsigned long i = 1; i <= me->rounds; i++) {
		__atomic_add_fetch(me->arrived, 1, __ATOMIC_SEQ_CST);
		me->wrong += wait_here(me->att) != 0 || last.generation != 2 * i - 1;
		/* Nobody arrives for the next round before all were counted in this. */
		me->wrong += __atomic_load_n(me->arrived, __ATOMIC_SEQ_CST) != 4 * i;
		me->leads += last.state == SHS_BARRIER_LEADER;
		me->wrong += wait_here(me->att) != 0;
	}
	me->wrong += leave(me->att) != 0;
	return NULL;
}

/* Threads of one attachment are as many parties. */
TEST_F(barrier, threads)
{
	struct member members[4];
	int arrived = 0, leads = 0;

	EXPECT_EQ(0, set(&self->mine, 4));
	for (int i = 0; i < 4; i++) {
		members[i] = (struct member){ .att = &self->mine, .arrived = &arrived,
					      .rounds = shs_scale(100) };
		pthread_create(&members[i].thread, NULL, member, &members[i]);
	}
	for (int i = 0; i < 4; i++) {
		pthread_join(members[i].thread, NULL);
		EXPECT_EQ(0, members[i].wrong);
		leads += members[i].leads;
	}
	EXPECT_EQ(members[0].rounds, leads);
	EXPECT_EQ(0, shs_load(self->fd, 0));
	munmap(self->mine.private, self->mine.is.private_size);
	EXPECT_EQ(0, shs_info(self->fd).state);
	EXPECT_EQ(0, shs_info(self->fd).deaths);
}

#define CROWD 4

/* In memory that all have in common: how often each arrived, and was released. */
struct crowd {
	unsigned long arrived[CROWD], released[CROWD];
};

static void crowd_member(int fd, struct crowd *crowd, int me, __u64 seed)
{
	struct shs_att att;

	if (shs_attach(&att, fd))
		_exit(WRONG);
	for (;;) {
		__u64 deadline = shs_number(&seed) % 8 ? SHS_FOREVER :
				 shs_now(SHS_CLOCK_MONOTONIC) + shs_number(&seed) % SHS_MS;
		int ret;

		__atomic_add_fetch(&crowd->arrived[me], 1, __ATOMIC_SEQ_CST);
		ret = wait_until(&att, deadline);
		if (ret == -ETIMEDOUT) {
			__atomic_sub_fetch(&crowd->arrived[me], 1, __ATOMIC_SEQ_CST);
			continue;
		}
		if (ret == -EOWNERDEAD)
			_exit(leave(&att) ? WRONG : BROKEN);
		if (ret)
			_exit(WRONG);
		__atomic_add_fetch(&crowd->released[me], 1, __ATOMIC_SEQ_CST);
	}
}

/*
 * One is killed, anywhere: the others are told, each of them, and nobody is left waiting.
 * None was released oftener than all arrived.
 */
TEST_F(barrier, killed_anywhere)
{
	struct crowd *crowd = shs_common(sizeof(*crowd));
	__u64 seed = 0x5eed;

	for (unsigned long round = 0; round < shs_scale(40); round++) {
		int fd = create(CROWD), victim = shs_number(&seed) % CROWD;
		unsigned long least = ~0UL, most = 0;
		pid_t child[CROWD];

		memset(crowd, 0, sizeof(*crowd));
		for (int i = 0; i < CROWD; i++) {
			child[i] = shs_fork();
			if (!child[i])
				crowd_member(fd, crowd, i, seed + i);
		}
		/* From now on it is a party of the last round, wherever it is. */
		while (__atomic_load_n(&crowd->released[victim], __ATOMIC_SEQ_CST) < 3)
			sched_yield();
		EXPECT_EQ(-SIGKILL, shs_kill(child[victim]));
		for (int i = 0; i < CROWD; i++) {
			if (i != victim)
				EXPECT_EQ(BROKEN, shs_reap(child[i]));
			if (crowd->arrived[i] < least)
				least = crowd->arrived[i];
			if (crowd->released[i] > most)
				most = crowd->released[i];
		}
		EXPECT_GE(least, most);
		EXPECT_EQ(SHS_STATE_BROKEN, shs_info(fd).state);
		EXPECT_EQ(1, shs_info(fd).deaths);
		EXPECT_EQ(0, shs_info(fd).waiters);
		close(fd);
	}
}

TEST_HARNESS_MAIN
