// SPDX-License-Identifier: GPL-2.0-only
/*
 * Counters: whatever was added is in the sum, exactly, be it added by a call or
 * written into a lane by a process that then died.
 */
#include "shs.h"

static struct shs_ioc_op last;

static int numeric(enum shs_door door, int fd, __u32 code, __u32 index, __u64 arg)
{
	last = (struct shs_ioc_op){ .size = sizeof(last), .op = code, .index = index, .arg = arg };
	return shs_by(door, fd, &last);
}

static __s64 *lane(const struct shs_att *att, __u32 number)
{
	return shs_lane(att, number);
}

static __s64 base(const struct shs_att *att, __u32 index)
{
	return ((const __s64 *)((const char *)att->control + SHS_VALUE_OFFSET))[index];
}

FIXTURE(counter) {
	int fd;
	struct shs_pipe go, done;
};

FIXTURE_VARIANT(counter) {
	enum shs_door door;
};

FIXTURE_VARIANT_ADD(counter, ioctl) { SHS_IOCTL };
FIXTURE_VARIANT_ADD(counter, uring) { SHS_URING };

FIXTURE_SETUP(counter)
{
	SHS_MOUNT("");
	SHS_NEED_DOOR(variant->door);
	self->fd = shs_create(SHS_KIND_COUNTER, SHS_TYPE_I64, 3);
	ASSERT_LE(0, self->fd);
	self->go = shs_pipe();
	self->done = shs_pipe();
}

FIXTURE_TEARDOWN(counter)
{
}

#define OP(code, index, arg) numeric(variant->door, self->fd, SHS_OP_##code, index, arg)

/* Adds of both signs; each element is a counter of its own. */
TEST_F(counter, add)
{
	EXPECT_EQ(0, OP(ADD, 0, 5));
	EXPECT_EQ(0, OP(ADD, 1, -7));
	EXPECT_EQ(0, OP(ADD, 1, 3));
	EXPECT_EQ(5, shs_load(self->fd, 0));
	EXPECT_EQ(-4, shs_load(self->fd, 1));
	EXPECT_EQ(0, shs_load(self->fd, 2));
	EXPECT_EQ(0, OP(LOAD, 1, 0));
	EXPECT_EQ(-4, last.result);
}

/* The first values count from the beginning. */
TEST_F(counter, initial_values)
{
	__s64 value[] = { 10, -20, 1LL << 62 };
	int fd = shs_create_as(&SHS_INIT(.kind = SHS_KIND_COUNTER, .type = SHS_TYPE_I64,
			.count = 3, .value = (unsigned long)value, .value_size = sizeof(value)));

	for (int i = 0; i < 3; i++) {
		EXPECT_EQ(0, numeric(variant->door, fd, SHS_OP_ADD, i, 1));
		EXPECT_EQ(value[i] + 1, shs_load(fd, i));
	}
}

/* A total beyond the largest number wraps, as Rust's fetch_add does. */
TEST_F(counter, wraps)
{
	EXPECT_EQ(0, OP(ADD, 0, (1ULL << 63) - 1));
	EXPECT_EQ(0, OP(ADD, 0, 1));
	EXPECT_EQ(1ULL << 63, shs_load(self->fd, 0));
	EXPECT_EQ(0, OP(ADD, 0, -1));
	EXPECT_EQ((1ULL << 63) - 1, shs_load(self->fd, 0));
}

/* A reset sets the total and says what it was; nothing added meanwhile gets lost. */
TEST_F(counter, reset)
{
	struct shs_att att;

	ASSERT_EQ(0, shs_attach(&att, self->fd));
	EXPECT_EQ(0, OP(ADD, 1, 5));
	lane(&att, 0)[1] += 6;
	EXPECT_EQ(0, OP(RESET, 1, 100));
	EXPECT_EQ(11, last.result);
	EXPECT_EQ(100, shs_load(self->fd, 1));
	EXPECT_EQ(0, shs_load(self->fd, 0));
	/* The lane is its owner's alone: a store of the kernel there could lose an add. */
	EXPECT_EQ(6, lane(&att, 0)[1]);
	lane(&att, 0)[1] += 1;
	EXPECT_EQ(101, shs_load(self->fd, 1));
	EXPECT_EQ(0, OP(RESET, 1, 0));
	EXPECT_EQ(101, last.result);
	EXPECT_EQ(0, shs_load(self->fd, 1));
}

/* There is no counter beyond the last. */
TEST_F(counter, index)
{
	static const __u32 beyond[] = { 3, 8, 512, 1U << 29, ~0U };

	for (int i = 0; i < ARRAY_SIZE(beyond); i++) {
		EXPECT_EQ(-EINVAL, OP(LOAD, beyond[i], 0));
		EXPECT_EQ(-EINVAL, OP(ADD, beyond[i], 1));
		EXPECT_EQ(-EINVAL, OP(RESET, beyond[i], 1));
	}
	EXPECT_STREQ("0 0 0", shs_text(self->fd));
}

/* Who may only read cannot add or reset. */
TEST_F(counter, access_modes)
{
	int ro, wo;

	ASSERT_EQ(0, shs_link(self->fd, "hits"));
	ro = shs_open("hits", O_RDONLY);
	wo = shs_open("hits", O_WRONLY);
	EXPECT_EQ(-EACCES, numeric(variant->door, ro, SHS_OP_ADD, 0, 1));
	EXPECT_EQ(-EACCES, numeric(variant->door, ro, SHS_OP_RESET, 0, 1));
	EXPECT_EQ(0, numeric(variant->door, ro, SHS_OP_LOAD, 0, 0));
	EXPECT_EQ(0, numeric(variant->door, wo, SHS_OP_ADD, 0, 1));
	EXPECT_EQ(-EACCES, numeric(variant->door, wo, SHS_OP_LOAD, 0, 0));
	/* It would tell the total. */
	EXPECT_EQ(-EACCES, numeric(variant->door, wo, SHS_OP_RESET, 0, 1));
	EXPECT_EQ(1, shs_load(self->fd, 0));
}

/*
 * An attachment may be made with a fd that may only read, and its private region is
 * writable like any: what it writes into lanes is not summed, alive or dead.
 */
TEST_F(counter, read_only_lanes)
{
	__u64 lane_zero;
	struct shs_att att;
	int ro;

	ASSERT_EQ(0, shs_link(self->fd, "hits"));
	ro = shs_open("hits", O_RDONLY);
	ASSERT_EQ(0, shs_attach(&att, ro));
	EXPECT_EQ(0, att.is.lanes);
	*(volatile __u64 *)shs_lane(&att, 0) = 1000000;
	lane_zero = *(volatile __u64 *)shs_lane(&att, 0);
	EXPECT_EQ(1000000, lane_zero);
	EXPECT_EQ(0, shs_load(self->fd, 0));
	EXPECT_EQ(0, munmap(att.private, att.is.private_size));
	EXPECT_EQ(0, shs_load(self->fd, 0));
}

/* The largest array has a lane for all of it, and a place for each in the base. */
TEST_F(counter, largest_array)
{
	int fd = shs_create(SHS_KIND_COUNTER, SHS_TYPE_I64, SHS_COUNTER_MAX);
	struct shs_att att;

	ASSERT_EQ(0, shs_attach(&att, fd));
	ASSERT_LE(1, att.is.lanes);
	EXPECT_LE(SHS_COUNTER_MAX * 8, att.is.lane_stride);
	for (int i = 0; i < SHS_COUNTER_MAX; i++) {
		EXPECT_EQ(0, numeric(variant->door, fd, SHS_OP_ADD, i, 1000));
		for (__u32 n = 0; n < att.is.lanes; n++)
			lane(&att, n)[i] += i;
		EXPECT_EQ(1000 + i * att.is.lanes, shs_load(fd, i));
		EXPECT_EQ(1000, base(&att, i));
	}
}

/* What a process writes into its lanes is in the sum at once, without a call. */
TEST_F(counter, lanes_are_summed)
{
	struct shs_att att;

	EXPECT_EQ(0, OP(ADD, 2, 100));
	ASSERT_EQ(0, shs_attach(&att, self->fd));
	ASSERT_LE(1, att.is.lanes);
	EXPECT_EQ(100, shs_load(self->fd, 2));
	for (__u32 n = 0; n < att.is.lanes; n++) {
		lane(&att, n)[2] += n + 1;
		lane(&att, n)[0] -= 1;
	}
	EXPECT_EQ(100 + att.is.lanes * (att.is.lanes + 1) / 2, shs_load(self->fd, 2));
	EXPECT_EQ(-(__s64)att.is.lanes, shs_load(self->fd, 0));
	EXPECT_EQ(0, shs_load(self->fd, 1));
	/* A sum of the base and its own lanes is what a process can see by itself. */
	EXPECT_EQ(100, base(&att, 2));
}

/* A lane counts from when it is marked as in use, alive or dead; other bits say nothing. */
TEST_F(counter, lanes_in_use)
{
	struct shs_private *head;
	struct shs_att att;

	ASSERT_EQ(0, shs_attach(&att, self->fd));
	head = (void *)att.private;
	head->used = 0;
	for (__u32 i = 0; i < att.is.lanes; i++)
		lane(&att, i)[1] = 10 + i;
	EXPECT_EQ(0, shs_load(self->fd, 1));
	head->used = 1 << 1;
	EXPECT_EQ(11, shs_load(self->fd, 1));
	head->used = ~0ULL << att.is.lanes / 2 << att.is.lanes / 2 | 1 << 2;
	EXPECT_EQ(12, shs_load(self->fd, 1));
	munmap(att.private, att.is.private_size);
	EXPECT_EQ(12, shs_load(self->fd, 1));
}

/* Lanes begin at zero, for each attachment anew. */
TEST_F(counter, lanes_begin_at_zero)
{
	struct shs_att att;

	for (int round = 0; round < 3; round++) {
		ASSERT_EQ(0, shs_attach(&att, self->fd));
		for (__u32 i = SHS_LANES_OFFSET; i < att.is.private_size; i++)
			ASSERT_EQ(0, att.private[i]);
		memset(shs_lane(&att, 0), 0x11, 64);
		munmap(att.private, att.is.private_size);
		close(att.fd);
	}
}

/* Unmapping folds the lanes into the base: the sum stays. */
TEST_F(counter, folded_at_unmap)
{
	struct shs_att att, other;

	ASSERT_EQ(0, shs_attach(&att, self->fd));
	ASSERT_EQ(0, shs_attach(&other, self->fd));
	lane(&att, 0)[0] = 7;
	lane(&att, att.is.lanes - 1)[0] = 8;
	lane(&other, 0)[0] = 1;
	EXPECT_EQ(0, munmap(att.private, att.is.private_size));
	EXPECT_EQ(15, base(&other, 0));
	EXPECT_EQ(16, shs_load(self->fd, 0));
	EXPECT_EQ(0, close(att.fd));
	EXPECT_EQ(16, shs_load(self->fd, 0));
}

/* kill -9 loses nothing that was added, and adds nothing: no death is a holder's. */
TEST_F(counter, folded_at_kill)
{
	struct shs_att att, mine;
	pid_t child;

	ASSERT_EQ(0, shs_attach(&mine, self->fd));
	for (int round = 1; round <= 5; round++) {
		child = shs_fork();
		if (!child) {
			if (shs_attach(&att, self->fd))
				_exit(1);
			lane(&att, 0)[0] += 10;
			lane(&att, 0)[1] -= 1;
			shs_say(&self->done);
			shs_until_killed();
		}
		shs_hear(&self->done);
		EXPECT_EQ(10 * round, shs_load(self->fd, 0));
		EXPECT_EQ(-SIGKILL, shs_kill(child));
		EXPECT_EQ(10 * round, shs_load(self->fd, 0));
		EXPECT_EQ(10 * round, base(&mine, 0));
		EXPECT_EQ(-round, shs_load(self->fd, 1));
		EXPECT_EQ(1, shs_info(self->fd).attachments);
	}
	EXPECT_EQ(0, shs_info(self->fd).deaths);
}

/* A grandchild that keeps the descriptor does not keep the lanes alive. */
TEST_F(counter, folded_though_the_descriptor_lives)
{
	struct shs_att att, mine;
	pid_t child;

	ASSERT_EQ(0, shs_attach(&mine, self->fd));
	child = shs_fork();
	if (!child) {
		if (shs_attach(&att, self->fd))
			_exit(1);
		if (!fork()) {
			shs_gate_pass(&self->go);
			_exit(0);
		}
		lane(&att, 0)[0] += 10;
		shs_say(&self->done);
		shs_until_killed();
	}
	shs_hear(&self->done);
	EXPECT_EQ(-SIGKILL, shs_kill(child));
	EXPECT_EQ(2, shs_info(self->fd).attachments);
	EXPECT_EQ(10, base(&mine, 0));
	EXPECT_EQ(10, shs_load(self->fd, 0));
	shs_say(&self->go);
	SHS_AWAIT(self->fd, info.attachments == 1);
	EXPECT_EQ(10, shs_load(self->fd, 0));
}

#define PROCESSES 4

/* Concurrent calls are all in the sum. */
TEST_F(counter, concurrent_calls)
{
	unsigned long rounds = shs_scale(10000);
	pid_t child[PROCESSES];

	for (int i = 0; i < PROCESSES; i++) {
		child[i] = shs_fork();
		if (!child[i]) {
			shs_gate_pass(&self->go);
			for (unsigned long n = 0; n < rounds; n++)
				if (OP(ADD, 1, i + 1))
					_exit(1);
			_exit(0);
		}
	}
	shs_gate_open(&self->go);
	for (int i = 0; i < PROCESSES; i++)
		EXPECT_EQ(0, shs_reap(child[i]));
	EXPECT_EQ(rounds * PROCESSES * (PROCESSES + 1) / 2, shs_load(self->fd, 1));
	EXPECT_EQ(0, shs_load(self->fd, 0));
}

/* Plain additions to lanes of one's own need no lock: all are in the sum. */
TEST_F(counter, concurrent_lanes)
{
	unsigned long rounds = shs_scale(200000);
	pid_t child[PROCESSES];
	struct shs_att att;

	for (int i = 0; i < PROCESSES; i++) {
		child[i] = shs_fork();
		if (!child[i]) {
			volatile __s64 *mine;

			if (shs_attach(&att, self->fd))
				_exit(1);
			mine = lane(&att, i % att.is.lanes);
			shs_gate_pass(&self->go);
			for (unsigned long n = 0; n < rounds; n++)
				mine[1] = mine[1] + 1;
			_exit(0);
		}
	}
	shs_gate_open(&self->go);
	for (int i = 0; i < PROCESSES; i++)
		EXPECT_EQ(0, shs_reap(child[i]));
	EXPECT_EQ(PROCESSES * rounds, shs_load(self->fd, 1));
}

/*
 * Where all adds are positive, a total never goes backwards: not while lanes are
 * written, not while they are folded, by exit or kill.
 */
TEST_F(counter, never_backwards)
{
	unsigned long rounds = shs_scale(200);
	__u64 before = 0, now, least = 0;

	for (unsigned long round = 0; round < rounds; round++) {
		struct shs_att att;
		pid_t child = shs_fork();

		if (!child) {
			if (shs_attach(&att, self->fd))
				_exit(1);
			shs_say(&self->done);
			for (;;)
				(*(volatile __s64 *)lane(&att, 0))++;
		}
		shs_hear(&self->done);
		for (int i = 0; i < 50; i++) {
			now = shs_load(self->fd, 0);
			EXPECT_LE(before, now);
			before = now;
		}
		kill(child, SIGKILL);
		do {
			now = shs_load(self->fd, 0);
			EXPECT_LE(before, now);
			before = now;
		} while (!waitpid(child, NULL, WNOHANG));
		least = shs_load(self->fd, 0);
		EXPECT_LE(before, least);
		EXPECT_EQ(least, shs_load(self->fd, 0));
	}
}

TEST_HARNESS_MAIN
