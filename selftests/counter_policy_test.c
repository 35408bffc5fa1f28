// SPDX-License-Identifier: GPL-2.0-only
/*
 * Counters that know where the numbers end: one kind stays there, the other refuses.
 */
#include "shs.h"
#include <stdint.h>

FIXTURE(counter_policy) {
	int saturating, checked, wrapping;
};

static int counter(__u32 flags, __u32 count)
{
	return shs_create_as(&SHS_INIT(.kind = SHS_KIND_COUNTER, .type = SHS_TYPE_I64,
				       .count = count, .flags = flags));
}

FIXTURE_SETUP(counter_policy)
{
	SHS_MOUNT("");
	self->saturating = counter(SHS_INIT_SATURATE, 3);
	self->checked = counter(SHS_INIT_CHECK, 3);
	self->wrapping = counter(0, 3);
	ASSERT_LE(0, self->saturating);
	ASSERT_LE(0, self->checked);
	ASSERT_LE(0, self->wrapping);
}

FIXTURE_TEARDOWN(counter_policy)
{
}

FIXTURE_VARIANT(counter_policy) {
	enum shs_door door;
};

FIXTURE_VARIANT_ADD(counter_policy, ioctl) {
	.door = SHS_IOCTL,
};

FIXTURE_VARIANT_ADD(counter_policy, uring) {
	.door = SHS_URING,
};

/* From a total, plus arg: the total then, and what a checked counter says. */
static const struct {
	int64_t from, arg, saturated, wrapped;
	int checked;
} sums[] = {
	{ 0, 0, 0, 0, 0 },
	{ 5, -7, -2, -2, 0 },
	{ INT64_MAX, 0, INT64_MAX, INT64_MAX, 0 },
	{ INT64_MIN, 0, INT64_MIN, INT64_MIN, 0 },
	{ INT64_MAX - 1, 1, INT64_MAX, INT64_MAX, 0 },
	{ INT64_MIN + 1, -1, INT64_MIN, INT64_MIN, 0 },
	{ INT64_MAX, 1, INT64_MAX, INT64_MIN, -ERANGE },
	{ INT64_MIN, -1, INT64_MIN, INT64_MAX, -ERANGE },
	{ INT64_MAX, INT64_MAX, INT64_MAX, -2, -ERANGE },
	{ INT64_MIN, INT64_MIN, INT64_MIN, 0, -ERANGE },
	{ 1, INT64_MAX, INT64_MAX, INT64_MIN, -ERANGE },
	{ -1, INT64_MIN, INT64_MIN, INT64_MAX, -ERANGE },
	{ 0, INT64_MIN, INT64_MIN, INT64_MIN, 0 },
	{ 0, INT64_MAX, INT64_MAX, INT64_MAX, 0 },
	{ -1, INT64_MAX, INT64_MAX - 1, INT64_MAX - 1, 0 },
	{ INT64_MAX, INT64_MIN, -1, -1, 0 },
	{ INT64_MIN, INT64_MAX, -1, -1, 0 },
};

static int set(int fd, __u32 index, __u64 value)
{
	return shs_op(fd, &SHS_OP(RESET, .index = index, .arg = value));
}

TEST_F(counter_policy, sums)
{
	SHS_NEED_DOOR(variant->door);
	for (int i = 0; i < ARRAY_SIZE(sums); i++) {
		struct shs_ioc_op op;
		int64_t from = sums[i].from;

		EXPECT_EQ(0, set(self->saturating, 1, from));
		EXPECT_EQ(0, set(self->checked, 1, from));
		EXPECT_EQ(0, set(self->wrapping, 1, from));
		op = SHS_OP(ADD, .index = 1, .arg = sums[i].arg);
		EXPECT_EQ(0, shs_by(variant->door, self->saturating, &op));
		EXPECT_EQ(0, op.result);
		op = SHS_OP(ADD, .index = 1, .arg = sums[i].arg);
		EXPECT_EQ(sums[i].checked, shs_by(variant->door, self->checked, &op)) {
			TH_LOG("%lld + %lld", (long long)from, (long long)sums[i].arg);
		}
		EXPECT_EQ(0, op.result);
		op = SHS_OP(ADD, .index = 1, .arg = sums[i].arg);
		EXPECT_EQ(0, shs_by(variant->door, self->wrapping, &op));
		EXPECT_EQ(sums[i].saturated, (int64_t)shs_load(self->saturating, 1)) {
			TH_LOG("%lld + %lld", (long long)from, (long long)sums[i].arg);
		}
		EXPECT_EQ(sums[i].checked ? from : sums[i].saturated,
			  (int64_t)shs_load(self->checked, 1));
		EXPECT_EQ(sums[i].wrapped, (int64_t)shs_load(self->wrapping, 1));
	}
	/* The neighbours have seen nothing of it. */
	for (__u32 i = 0; i < 3; i += 2) {
		EXPECT_EQ(0, shs_load(self->saturating, i));
		EXPECT_EQ(0, shs_load(self->checked, i));
	}
}

/* From the end there is a way back. */
TEST_F(counter_policy, way_back)
{
	EXPECT_EQ(0, set(self->saturating, 0, INT64_MAX - 1));
	for (int i = 0; i < 5; i++)
		EXPECT_EQ(0, shs_op(self->saturating, &SHS_OP(ADD, .arg = 1)));
	EXPECT_EQ(0, shs_op(self->saturating, &SHS_OP(ADD, .arg = -3)));
	EXPECT_EQ(INT64_MAX - 3, shs_load(self->saturating, 0));
}

/* A reset sets any total, and tells the old one. */
TEST_F(counter_policy, reset)
{
	int64_t totals[] = { 5, INT64_MAX, INT64_MIN, -1, INT64_MAX, 0 }, old = 0;
	int fds[] = { self->saturating, self->checked };

	SHS_NEED_DOOR(variant->door);
	for (int i = 0; i < ARRAY_SIZE(fds); i++) {
		for (int n = 0; n < ARRAY_SIZE(totals); n++) {
			struct shs_ioc_op op = SHS_OP(RESET, .index = 2, .arg = totals[n]);

			EXPECT_EQ(0, shs_by(variant->door, fds[i], &op));
			EXPECT_EQ(old, (int64_t)op.result);
			old = totals[n];
			EXPECT_EQ(old, (int64_t)shs_load(fds[i], 2));
		}
	}
}

/* Text goes the same way. */
TEST_F(counter_policy, text)
{
	EXPECT_EQ(0, shs_write(self->checked, "9223372036854775800\n"));
	EXPECT_EQ(0, shs_write(self->checked, "+7\n"));
	EXPECT_EQ(-ERANGE, shs_write(self->checked, "+1\n"));
	EXPECT_EQ(0, shs_write(self->checked, "1:+-5\n"));
	EXPECT_STREQ("9223372036854775807 -5 0", shs_text(self->checked));
	EXPECT_EQ(0, shs_write(self->saturating, "-9223372036854775807\n"));
	EXPECT_EQ(0, shs_write(self->saturating, "+-9\n"));
	EXPECT_STREQ("-9223372036854775808 0 0", shs_text(self->saturating));
}

/* The policy is told by INFO, and the value may be there from the beginning. */
TEST_F(counter_policy, init)
{
	int64_t value[2] = { INT64_MAX, INT64_MIN };
	int fd;

	EXPECT_EQ(SHS_INIT_SATURATE, shs_info(self->saturating).flags);
	EXPECT_EQ(SHS_INIT_CHECK, shs_info(self->checked).flags);
	for (__u32 flag = SHS_INIT_SATURATE; flag <= SHS_INIT_CHECK; flag <<= 1) {
		fd = shs_create_as(&SHS_INIT(.kind = SHS_KIND_COUNTER, .type = SHS_TYPE_I64,
					     .count = 2, .flags = flag,
					     .value = (unsigned long)value,
					     .value_size = sizeof(value)));
		ASSERT_LE(0, fd);
		EXPECT_EQ(flag == SHS_INIT_CHECK ? -ERANGE : 0,
			  shs_op(fd, &SHS_OP(ADD, .arg = 1)));
		EXPECT_EQ(INT64_MAX, (int64_t)shs_load(fd, 0));
		EXPECT_EQ(INT64_MIN, (int64_t)shs_load(fd, 1));
	}
	fd = counter(SHS_INIT_CHECK, SHS_COUNTER_MAX);
	EXPECT_EQ(0, set(fd, SHS_COUNTER_MAX - 1, INT64_MAX));
	EXPECT_EQ(-ERANGE, shs_op(fd, &SHS_OP(ADD, .index = SHS_COUNTER_MAX - 1, .arg = 1)));
}

/* Both at once are none; and only counters have them. */
TEST_F(counter_policy, refused)
{
	static const struct {
		__u32 kind, type, count;
	} kinds[] = {
		{ SHS_KIND_ATOMIC, SHS_TYPE_I64, 1 }, { SHS_KIND_MUTEX, SHS_TYPE_I64, 1 },
		{ SHS_KIND_RWLOCK, SHS_TYPE_I64, 1 }, { SHS_KIND_CELL, SHS_TYPE_I64, 1 },
		{ SHS_KIND_CONDVAR, SHS_TYPE_NONE, 0 }, { SHS_KIND_ONCE, SHS_TYPE_NONE, 0 },
	};
	static const __u32 known = SHS_INIT_SATURATE | SHS_INIT_CHECK | SHS_INIT_EPHEMERAL |
				   SHS_INIT_SERIAL | SHS_INIT_LIVE;

	EXPECT_EQ(-EINVAL, counter(SHS_INIT_SATURATE | SHS_INIT_CHECK, 1));
	EXPECT_EQ(-EINVAL, counter(SHS_INIT_CHECK | SHS_INIT_FIFO, 1));
	EXPECT_EQ(-EINVAL, counter(SHS_INIT_SATURATE | SHS_INIT_POISON, 1));
	for (int bit = 0; bit < 32; bit++) {
		__u32 flag = 1U << bit;

		if (!(flag & known))
			EXPECT_EQ(-EINVAL, counter(flag, 1));
	}
	for (int i = 0; i < ARRAY_SIZE(kinds); i++) {
		for (__u32 flag = SHS_INIT_SATURATE; flag <= SHS_INIT_CHECK; flag <<= 1) {
			EXPECT_EQ(-EINVAL, shs_create_as(&SHS_INIT(
					.kind = kinds[i].kind, .type = kinds[i].type,
					.count = kinds[i].count, .flags = flag))) {
				TH_LOG("kind %u flag %u", kinds[i].kind, flag);
			}
		}
	}
}

/* A lane would not know the total: there is none. The total itself is mapped. */
TEST_F(counter_policy, no_lanes)
{
	int fds[] = { self->saturating, self->checked };
	struct shs_att att;

	for (int i = 0; i < ARRAY_SIZE(fds); i++) {
		const volatile int64_t *base;

		ASSERT_EQ(0, shs_attach(&att, fds[i]));
		EXPECT_EQ(0, att.is.lanes);
		EXPECT_EQ(0, att.is.lane_stride);
		EXPECT_EQ(SHS_LANES_OFFSET, att.is.threads_offset);
		EXPECT_LE(att.is.threads_offset + att.is.threads * sizeof(struct shs_thread),
			  att.is.private_size);
		base = (const void *)((const char *)att.control + SHS_VALUE_OFFSET);
		EXPECT_EQ(0, shs_op(fds[i], &SHS_OP(ADD, .index = 1, .arg = 11)));
		EXPECT_EQ(11, base[1]);
		/* Whatever the process writes there counts for nothing. */
		memset(att.private, 0x55, att.is.private_size);
		EXPECT_EQ(11, shs_load(fds[i], 1));
		EXPECT_EQ(0, munmap(att.private, att.is.private_size));
		EXPECT_EQ(11, shs_load(fds[i], 1));
		EXPECT_EQ(0, shs_load(fds[i], 0));
	}
	ASSERT_EQ(0, shs_attach(&att, self->wrapping));
	EXPECT_LE(1, att.is.lanes);
}

/* The same of one that is killed, and whose files live on in its child. */
TEST_F(counter_policy, death)
{
	struct shs_pipe ready = shs_pipe(), over = shs_pipe();
	pid_t child = shs_fork();

	if (!child) {
		struct shs_att att;

		if (shs_attach(&att, self->checked) ||
		    shs_op(self->checked, &SHS_OP(ADD, .arg = 3)))
			_exit(1);
		memset(att.private, 0x55, att.is.private_size);
		if (!fork()) {
			shs_say(&ready);
			shs_gate_pass(&over);
			_exit(0);
		}
		close(over.end[1]);
		for (;;)
			pause();
	}
	shs_hear(&ready);
	EXPECT_EQ(-SIGKILL, shs_kill(child));
	EXPECT_EQ(3, shs_load(self->checked, 0));
	shs_gate_open(&over);
	SHS_AWAIT(self->checked, info.attachments == 0);
	EXPECT_EQ(3, shs_load(self->checked, 0));
	EXPECT_EQ(0, shs_info(self->checked).deaths);
}

/* Of many that add to a nearly full one exactly those are let that fit. */
TEST_F(counter_policy, many)
{
	unsigned long each = shs_scale(2000), room = each * 4 / 3;
	struct shs_pipe gate = shs_pipe();
	unsigned long *added = shs_common(4096);
	pid_t child[4];

	EXPECT_EQ(0, set(self->checked, 0, INT64_MAX - room));
	EXPECT_EQ(0, set(self->saturating, 0, INT64_MAX - room));
	for (int i = 0; i < 4; i++) {
		child[i] = shs_fork();
		if (child[i])
			continue;
		shs_gate_pass(&gate);
		for (unsigned long n = 0; n < each; n++) {
			int ret = shs_op(self->checked, &SHS_OP(ADD, .arg = 1));

			if (!ret)
				__atomic_add_fetch(added, 1, __ATOMIC_SEQ_CST);
			else if (ret != -ERANGE)
				_exit(1);
			if (shs_op(self->saturating, &SHS_OP(ADD, .arg = 1)))
				_exit(2);
		}
		_exit(0);
	}
	shs_gate_open(&gate);
	for (int i = 0; i < 4; i++)
		EXPECT_EQ(0, shs_reap(child[i]));
	EXPECT_EQ(room, *added);
	EXPECT_EQ(INT64_MAX, (int64_t)shs_load(self->checked, 0));
	EXPECT_EQ(INT64_MAX, (int64_t)shs_load(self->saturating, 0));
}

/* The rights are those of any counter. */
TEST_F(counter_policy, rights)
{
	int ro, wo;

	ASSERT_EQ(0, shs_link(self->checked, "checked"));
	ro = shs_open("checked", O_RDONLY);
	wo = shs_open("checked", O_WRONLY);
	EXPECT_EQ(-EACCES, shs_op(ro, &SHS_OP(ADD, .arg = 1)));
	EXPECT_EQ(0, shs_op(wo, &SHS_OP(ADD, .arg = 1)));
	EXPECT_EQ(-EACCES, shs_op(wo, &SHS_OP(LOAD)));
	EXPECT_EQ(1, shs_load(ro, 0));
}

TEST_HARNESS_MAIN
