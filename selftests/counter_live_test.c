// SPDX-License-Identifier: GPL-2.0-only
/*
 * Counters whose additions end with the one who made them (LIVE), counters without
 * lanes (SERIAL), and operations by way of an attachment.
 */
#include "actors.h"

static int create(__u32 flags, __u32 count)
{
	return shs_create_as(&SHS_INIT(.kind = SHS_KIND_COUNTER, .type = SHS_TYPE_I64,
				       .count = count, .flags = flags));
}

static int add(int fd, __u32 index, __s64 arg)
{
	struct shs_ioc_op op = SHS_OP(ADD, .index = index, .arg = arg);
	int ret = shs_op(fd, &op);

	return ret ?: op.result ? -EIO : 0;
}

static __s64 total(int fd, __u32 index)
{
	return shs_load(fd, index);
}

static void add_to_lane(const struct shs_att *att, __u32 lane, __u32 index, __s64 arg)
{
	__s64 *at = (__s64 *)shs_lane(att, lane) + index;

	__atomic_store_n(at, *at + arg, __ATOMIC_RELAXED);
}

FIXTURE(live) {
	int fd;
	struct shs_att mine, other;
};

FIXTURE_VARIANT(live) {
	__u32 flags;
};

FIXTURE_VARIANT_ADD(live, lanes) { SHS_INIT_LIVE };
FIXTURE_VARIANT_ADD(live, serial) { SHS_INIT_LIVE | SHS_INIT_SERIAL };

FIXTURE_SETUP(live)
{
	SHS_MOUNT("");
	self->fd = create(variant->flags, 3);
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, shs_attach(&self->mine, self->fd));
	ASSERT_EQ(0, shs_attach(&self->other, self->fd));
}

FIXTURE_TEARDOWN(live)
{
}

static int leave(struct shs_att *att)
{
	return munmap(att->private, att->is.private_size);
}

/* Each has an account, the total is all of them, and an account goes with its owner. */
TEST_F(live, accounts)
{
	EXPECT_EQ(0, add(self->mine.fd, 0, 5));
	EXPECT_EQ(0, add(self->other.fd, 0, 30));
	EXPECT_EQ(0, add(self->mine.fd, 0, -2));
	EXPECT_EQ(0, add(self->mine.fd, 2, 100));
	EXPECT_EQ(33, total(self->fd, 0));
	EXPECT_EQ(0, total(self->fd, 1));
	EXPECT_EQ(100, total(self->fd, 2));
	EXPECT_EQ(33, total(self->other.fd, 0));
	EXPECT_STREQ("33 0 100", shs_text(self->fd));
	EXPECT_EQ(0, leave(&self->mine));
	EXPECT_EQ(30, total(self->fd, 0));
	EXPECT_EQ(0, total(self->fd, 2));
	EXPECT_EQ(0, leave(&self->other));
	EXPECT_STREQ("0 0 0", shs_text(self->fd));
}

/* Without an account there is nothing to add to. */
TEST_F(live, add_without_an_account)
{
	EXPECT_EQ(-ENXIO, add(self->fd, 0, 1));
	EXPECT_EQ(-ENXIO, shs_write(self->fd, "+1\n"));
	EXPECT_EQ(-ENXIO, shs_write(self->fd, "1:+1\n"));
	EXPECT_EQ(-ENXIO, shs_batch(self->fd, &SHS_BATCH(((struct shs_ioc_op[]){
			SHS_OP(ADD, .arg = 1) }))));
	if (shs_ring())
		EXPECT_EQ(-ENXIO, shs_uring_op(self->fd, &SHS_OP(ADD, .arg = 1)));
	EXPECT_STREQ("0 0 0", shs_text(self->fd));
}

/* An attachment has one from its mapping on until its end. */
TEST_F(live, add_by_an_attachment_not_live)
{
	struct shs_att att;
	pid_t child;

	ASSERT_EQ(0, shs_attach_only(&att, self->fd));
	EXPECT_EQ(-ENXIO, add(att.fd, 0, 1));
	EXPECT_EQ(0, total(att.fd, 0));
	ASSERT_EQ(0, shs_map_all(&att));
	EXPECT_EQ(0, add(att.fd, 0, 1));
	child = shs_fork();
	if (!child)
		_exit(-add(att.fd, 0, 1));
	EXPECT_EQ(ESTALE, shs_reap(child));
	EXPECT_EQ(1, total(self->fd, 0));
	EXPECT_EQ(0, leave(&att));
	EXPECT_EQ(-ENXIO, add(att.fd, 0, 1));
	EXPECT_EQ(0, total(self->fd, 0));
	EXPECT_EQ(0, close(att.fd));
	EXPECT_EQ(0, total(self->fd, 0));
}

/* The descriptor is not the account: the mapping is. */
TEST_F(live, closed)
{
	EXPECT_EQ(0, add(self->mine.fd, 1, 7));
	EXPECT_EQ(0, close(self->mine.fd));
	EXPECT_EQ(7, total(self->fd, 1));
	EXPECT_EQ(0, leave(&self->mine));
	EXPECT_EQ(0, total(self->fd, 1));
}

/* What a process added to its lanes by itself counts and ends like the rest. */
TEST_F(live, own_lanes)
{
	if (variant->flags & SHS_INIT_SERIAL) {
		EXPECT_EQ(0, self->mine.is.lanes);
		return;
	}
	ASSERT_LE(2, self->mine.is.lanes);
	add_to_lane(&self->mine, 0, 0, 5);
	add_to_lane(&self->mine, 1, 0, -1);
	add_to_lane(&self->other, 0, 0, 40);
	EXPECT_EQ(0, add(self->mine.fd, 0, 200));
	EXPECT_EQ(244, total(self->fd, 0));
	EXPECT_EQ(0, leave(&self->mine));
	EXPECT_EQ(40, total(self->fd, 0));
}

/* A reset moves what is nobody's; the accounts stay, and end as before. */
TEST_F(live, reset)
{
	struct shs_ioc_op op = SHS_OP(RESET, .arg = 1000);

	EXPECT_EQ(0, add(self->mine.fd, 0, 5));
	EXPECT_EQ(0, add(self->other.fd, 0, 7));
	EXPECT_EQ(0, shs_op(self->fd, &op));
	EXPECT_EQ(12, op.result);
	EXPECT_EQ(1000, total(self->fd, 0));
	EXPECT_EQ(0, add(self->mine.fd, 0, 1));
	EXPECT_EQ(1001, total(self->fd, 0));
	EXPECT_EQ(0, leave(&self->mine));
	EXPECT_EQ(995, total(self->fd, 0));
	EXPECT_EQ(0, leave(&self->other));
	EXPECT_EQ(988, total(self->fd, 0));
	EXPECT_EQ(0, shs_write(self->fd, "3\n"));
	EXPECT_EQ(3, total(self->fd, 0));
}

/* Sums wrap, as those of any counter do. */
TEST_F(live, wraps)
{
	EXPECT_EQ(0, add(self->mine.fd, 0, 1LL << 62));
	EXPECT_EQ(0, add(self->mine.fd, 0, 1LL << 62));
	EXPECT_EQ(0, add(self->other.fd, 0, 1LL << 62));
	EXPECT_EQ(0, add(self->other.fd, 0, 1LL << 62));
	EXPECT_EQ(0, total(self->fd, 0));
	EXPECT_EQ(0, leave(&self->other));
	EXPECT_EQ((__s64)(1ULL << 63), total(self->fd, 0));
}

/* Who may only read adds nothing, by no way. */
TEST_F(live, read_only)
{
	struct shs_att att;
	int ro;

	ASSERT_EQ(0, shs_link(self->fd, "counter"));
	ro = shs_open("counter", O_RDONLY);
	ASSERT_EQ(0, shs_attach(&att, ro));
	EXPECT_EQ(0, att.is.lanes);
	EXPECT_EQ(0, add(self->mine.fd, 0, 5));
	EXPECT_EQ(-EACCES, add(att.fd, 0, 1));
	EXPECT_EQ(-EACCES, shs_op(att.fd, &SHS_OP(RESET, .arg = 1)));
	add_to_lane(&att, 0, 0, 100);
	EXPECT_EQ(5, total(att.fd, 0));
	EXPECT_EQ(5, total(ro, 0));
}

static bool has_attachments(int fd, __u32 count)
{
	return shs_info(fd).attachments == count;
}

static int become_another_program(struct actor *actor)
{
	fcntl(actor->att[0].fd, F_SETFD, 0);
	execl("/proc/self/exe", "another", "--pause", NULL);
	return -errno;
}

static int leave_by_unmapping(struct actor *actor)
{
	return leave(&actor->att[0]);
}

/* However a process ends, its additions end with it, also if a child has its files. */
TEST_F(live, ends)
{
	struct actor *actor[3];

	for (int i = 0; i < 3; i++) {
		actor[i] = act_process(&self->fd, 1, 1);
		EXPECT_EQ(0, ACT(actor[i], 0, OP, &SHS_OP(ADD, .arg = 1 << 8 * i)));
	}
	EXPECT_EQ(0x010101, total(self->fd, 0));
	EXPECT_EQ(-SIGKILL, act_kill(actor[0]));
	EXPECT_EQ(0x010100, total(self->fd, 0));
	EXPECT_EQ(0, act_call(actor[1], leave_by_unmapping));
	EXPECT_EQ(0x010000, total(self->fd, 0));
	/* It does not answer any more. */
	actor[2]->request = 0;
	actor[2]->function = become_another_program;
	shs_say(&actor[2]->command);
	while (total(self->fd, 0))
		sched_yield();
	EXPECT_EQ(-SIGKILL, act_kill(actor[2]));
	EXPECT_EQ(-SIGKILL, act_kill(actor[1]));
	while (!has_attachments(self->fd, 2))
		sched_yield();
	EXPECT_EQ(0, shs_info(self->fd).deaths);
}

/*
 * A gauge of who is there: each adds one on coming, and need not take it back. At
 * every moment the total is between those who are there for certain and all.
 */
static pid_t visitor(int fd, struct shs_pipe *here)
{
	pid_t child = shs_fork();
	struct shs_att att;

	if (child)
		return child;
	if (shs_attach(&att, fd) || add(att.fd, 1, 1) || add(att.fd, 1, 6) ||
	    add(att.fd, 1, -6))
		_exit(1);
	shs_say(here);
	for (;;) {
		if (add(att.fd, 0, 1) || add(att.fd, 0, -1))
			_exit(2);
	}
}

TEST_F(live, gauge)
{
	struct shs_pipe here = shs_pipe();
	pid_t child[3];

	for (int i = 0; i < 3; i++) {
		child[i] = visitor(self->fd, &here);
		shs_hear(&here);
	}
	for (unsigned long n = 0; n < shs_scale(100); n++) {
		__s64 busy = total(self->fd, 0);

		EXPECT_EQ(3, total(self->fd, 1));
		EXPECT_TRUE(busy >= 0 && busy <= 3);
		EXPECT_EQ(-SIGKILL, shs_kill(child[n % 3]));
		EXPECT_EQ(2, total(self->fd, 1));
		child[n % 3] = visitor(self->fd, &here);
		shs_hear(&here);
	}
	for (int i = 0; i < 3; i++)
		EXPECT_EQ(-SIGKILL, shs_kill(child[i]));
	EXPECT_STREQ("0 0 0", shs_text(self->fd));
}

/* A policy needs to know the total, which an account does not. */
TEST_F(live, with_a_policy)
{
	EXPECT_EQ(-EINVAL, create(SHS_INIT_LIVE | SHS_INIT_SATURATE, 1));
	EXPECT_EQ(-EINVAL, create(SHS_INIT_LIVE | SHS_INIT_CHECK, 1));
	EXPECT_EQ(-EINVAL, create(variant->flags | SHS_INIT_CHECK, 1));
}

/* The most there may be of them: every account has its own place. */
TEST_F(live, many_elements)
{
	int fd = create(variant->flags, SHS_COUNTER_MAX);
	struct shs_att att[2];

	ASSERT_LE(0, fd);
	for (int i = 0; i < 2; i++) {
		ASSERT_EQ(0, shs_attach(&att[i], fd));
		for (__u32 n = 0; n < SHS_COUNTER_MAX; n += 73)
			EXPECT_EQ(0, add(att[i].fd, n, (i + 1) * (n + 1)));
		EXPECT_EQ(-EINVAL, add(att[i].fd, SHS_COUNTER_MAX, 1));
	}
	for (__u32 n = 0; n < SHS_COUNTER_MAX; n++)
		EXPECT_EQ(n % 73 ? 0 : 3 * (n + 1), total(fd, n));
	EXPECT_EQ(0, leave(&att[0]));
	for (__u32 n = 0; n < SHS_COUNTER_MAX; n++)
		EXPECT_EQ(n % 73 ? 0 : 2 * (n + 1), total(fd, n));
}

/*
 * SERIAL
 */
FIXTURE(serial) {
	int fd;
	struct shs_att mine;
	struct shs_ioc_op op;
};

FIXTURE_VARIANT(serial) {
	__u32 flags;
	enum shs_door door;
};

FIXTURE_VARIANT_ADD(serial, ioctl) { SHS_INIT_SERIAL, SHS_IOCTL };
FIXTURE_VARIANT_ADD(serial, uring) { SHS_INIT_SERIAL, SHS_URING };
FIXTURE_VARIANT_ADD(serial, saturate) { SHS_INIT_SERIAL | SHS_INIT_SATURATE, SHS_IOCTL };
FIXTURE_VARIANT_ADD(serial, check) { SHS_INIT_SERIAL | SHS_INIT_CHECK, SHS_IOCTL };

FIXTURE_SETUP(serial)
{
	SHS_MOUNT("");
	SHS_NEED_DOOR(variant->door);
	self->fd = create(variant->flags, 2);
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, shs_attach(&self->mine, self->fd));
}

FIXTURE_TEARDOWN(serial)
{
}

/* There are no lanes; what somebody writes where they would be is no addition. */
TEST_F(serial, no_lanes)
{
	EXPECT_EQ(0, self->mine.is.lanes);
	memset(self->mine.private, 1, self->mine.is.private_size);
	EXPECT_EQ(0, total(self->fd, 0));
	EXPECT_EQ(0, total(self->fd, 1));
	EXPECT_EQ(0, leave(&self->mine));
	EXPECT_EQ(0, total(self->fd, 0));
}

/* All ways to add lead to the one sum, which outlives everybody. */
TEST_F(serial, adds)
{
	self->op = SHS_OP(ADD, .arg = 5);
	EXPECT_EQ(0, shs_by(variant->door, self->fd, &self->op));
	EXPECT_EQ(0, add(self->mine.fd, 0, 10));
	EXPECT_EQ(0, shs_write(self->fd, "+100\n"));
	EXPECT_EQ(0, shs_write(self->fd, "1:+-1\n"));
	EXPECT_STREQ("115 -1", shs_text(self->fd));
	EXPECT_EQ(0, leave(&self->mine));
	EXPECT_STREQ("115 -1", shs_text(self->fd));
	EXPECT_EQ(115, ((const __s64 *)((const char *)self->mine.control + SHS_VALUE_OFFSET))[0]);
	self->op = SHS_OP(RESET, .arg = 7);
	EXPECT_EQ(0, shs_by(variant->door, self->fd, &self->op));
	EXPECT_EQ(115, self->op.result);
	EXPECT_EQ(7, total(self->fd, 0));
}

/* With additions and subtractions at once no sum is out of the bounds of its time. */
TEST_F(serial, exact)
{
	unsigned long rounds = shs_scale(2000);
	struct shs_pipe gate = shs_pipe();
	pid_t child[3];

	for (int i = 0; i < 3; i++) {
		child[i] = shs_fork();
		if (child[i])
			continue;
		shs_gate_pass(&gate);
		for (unsigned long n = 0; n < rounds; n++) {
			struct shs_ioc_op op = SHS_OP(ADD, .arg = 1);

			if (shs_by(variant->door, self->fd, &op))
				_exit(1);
			op = SHS_OP(ADD, .arg = -1);
			if (shs_by(variant->door, self->fd, &op))
				_exit(2);
		}
		_exit(0);
	}
	shs_gate_open(&gate);
	for (unsigned long n = 0; n < rounds; n++) {
		__s64 now = total(self->fd, 0);

		ASSERT_TRUE(now >= 0 && now <= 3);
	}
	for (int i = 0; i < 3; i++)
		EXPECT_EQ(0, shs_reap(child[i]));
	EXPECT_EQ(0, total(self->fd, 0));
}

/*
 * Operations by way of an attachment: those of its object, with its rights
 */
FIXTURE(by_attachment) {
	int fd, ro;
	struct shs_att att, reader;
};

FIXTURE_VARIANT(by_attachment) {
	__u32 kind, type, count;
	__u32 change, look;	/* an operation that needs to write, one that does not */
};

#define KIND(name, kind, type, count, change, look) \
	FIXTURE_VARIANT_ADD(by_attachment, name) { SHS_KIND_##kind, SHS_TYPE_##type, count, \
						   SHS_OP_##change, SHS_OP_##look }

KIND(atomic, ATOMIC, U64, 1, FETCH_ADD, LOAD);
KIND(counter, COUNTER, I64, 1, ADD, LOAD);
KIND(mutex, MUTEX, U64, 1, ADD, READ);
KIND(rwlock, RWLOCK, U64, 1, WRITE, READ);
KIND(condvar, CONDVAR, NONE, 0, NOTIFY, NOTIFY);
KIND(once, ONCE, NONE, 0, LOAD, LOAD);
KIND(cell, CELL, U64, 1, STORE, LOAD);

FIXTURE_SETUP(by_attachment)
{
	SHS_MOUNT("");
	self->fd = shs_create(variant->kind, variant->type, variant->count);
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, shs_link(self->fd, "object"));
	self->ro = shs_open("object", O_RDONLY);
	ASSERT_EQ(0, shs_attach(&self->att, self->fd));
	ASSERT_EQ(0, shs_attach(&self->reader, self->ro));
}

FIXTURE_TEARDOWN(by_attachment)
{
}

static int do_op(int fd, __u32 code, __u64 arg, __u64 *result)
{
	struct shs_ioc_op op = { .size = sizeof(op), .op = code, .arg = arg };
	int ret = shs_op(fd, &op);

	*result = op.result;
	return ret;
}

TEST_F(by_attachment, same_object)
{
	bool changes = variant->change != variant->look, looks = variant->type;
	__u64 result, arg = changes ? 5 : 0;

	EXPECT_EQ(0, do_op(self->att.fd, variant->change, arg, &result));
	if (looks) {
		EXPECT_EQ(0, do_op(self->att.fd, variant->look, 0, &result));
		EXPECT_EQ(5, result);
		EXPECT_EQ(0, do_op(self->fd, variant->look, 0, &result));
		EXPECT_EQ(5, result);
		EXPECT_EQ(0, do_op(self->reader.fd, variant->look, 0, &result));
		EXPECT_EQ(5, result);
	}
	if (variant->kind != SHS_KIND_ONCE)
		EXPECT_EQ(-EACCES, do_op(self->reader.fd, variant->change, arg, &result));
	/* The checks are the same. */
	EXPECT_EQ(-EINVAL, do_op(self->att.fd, 0, 0, &result));
	EXPECT_EQ(-EINVAL, do_op(self->att.fd, SHS_OP_CHANGED + 1, 0, &result));
	EXPECT_EQ(variant->kind == SHS_KIND_CELL ? 0 : -EOPNOTSUPP,
		  do_op(self->att.fd, SHS_OP_TAKE, 0, &result));
}

/* Not of another process's attachment; the object's own descriptor is for anybody. */
TEST_F(by_attachment, forked_child)
{
	bool changes = variant->change != variant->look;
	pid_t child = shs_fork();
	__u64 result;

	if (!child) {
		if (do_op(self->att.fd, variant->look, 0, &result) != -ESTALE ||
		    do_op(self->att.fd, variant->change, changes, &result) != -ESTALE)
			_exit(1);
		_exit(-do_op(self->fd, variant->change, changes, &result));
	}
	EXPECT_EQ(0, shs_reap(child));
}

/* A batch is for the object's descriptor; by io_uring one operation is the same. */
TEST_F(by_attachment, other_doors)
{
	struct shs_ioc_op op = { .size = sizeof(op), .op = variant->look }, same = op;

	EXPECT_EQ(-ENOTTY, shs_batch(self->att.fd, &((struct shs_ioc_batch){
			.size = sizeof(struct shs_ioc_batch), .count = 1,
			.ops = (unsigned long)&op })));
	if (!shs_ring())
		return;
	EXPECT_EQ(shs_op(self->att.fd, &same), shs_uring_op(self->att.fd, &op));
	EXPECT_EQ(same.result, op.result);
}

/* Not an owner's affair: it works before the mapping and after its end. */
TEST_F(by_attachment, not_live)
{
	bool changes = variant->change != variant->look;
	struct shs_att att;
	__u64 result;

	ASSERT_EQ(0, shs_attach_only(&att, self->fd));
	EXPECT_EQ(0, do_op(att.fd, variant->change, changes, &result));
	EXPECT_EQ(0, munmap(self->att.private, self->att.is.private_size));
	EXPECT_EQ(0, do_op(self->att.fd, variant->look, 0, &result));
}

/* For an ordinary counter it makes no difference by which way something was added. */
TEST_F(by_attachment, counter_keeps)
{
	__u64 result;

	if (variant->kind != SHS_KIND_COUNTER)
		return;
	EXPECT_EQ(0, do_op(self->att.fd, SHS_OP_ADD, 5, &result));
	EXPECT_EQ(0, munmap(self->att.private, self->att.is.private_size));
	EXPECT_EQ(5, total(self->fd, 0));
}

int main(int argc, char **argv)
{
	if (argc > 1 && !strcmp(argv[1], "--pause"))
		for (;;)
			pause();
	return test_harness_run(argc, argv);
}
