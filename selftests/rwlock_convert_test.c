// SPDX-License-Identifier: GPL-2.0-only
/*
 * The third way to hold a reader-writer lock, beside the readers and with the right
 * to become the writer; the conversions; and readers that come again.
 */
#include "shs.h"
#include <pthread.h>

#define W SHS_MODE_EXCLUSIVE
#define R SHS_MODE_READ
#define U SHS_MODE_UPGRADABLE
#define UPGRADER (SHS_STATE_HELD | SHS_STATE_UPGRADABLE)

FIXTURE(convert) {
	int fd;
	struct shs_att mine, other, third;
};

FIXTURE_SETUP(convert)
{
	SHS_MOUNT("");
	self->fd = shs_create(SHS_KIND_RWLOCK, SHS_TYPE_I64, 2);
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, shs_attach(&self->mine, self->fd));
	ASSERT_EQ(0, shs_attach(&self->other, self->fd));
	ASSERT_EQ(0, shs_attach(&self->third, self->fd));
}

FIXTURE_TEARDOWN(convert)
{
}

static int try(const struct shs_att *att, __u32 mode)
{
	return shs_lock_as(att, &SHS_LOCK(.mode = mode, .flags = SHS_LOCK_NOWAIT));
}

static int end(const struct shs_att *att, __u32 mode)
{
	return shs_unlock_as(att, &SHS_LOCK(.mode = mode));
}

/* At once or not at all. */
static int turn(const struct shs_att *att, __u32 from, __u32 to)
{
	return shs_convert(att, &SHS_CONVERT(.from = from, .to = to,
					     .flags = to == W ? SHS_LOCK_NOWAIT : 0));
}

static int upgrade(const struct shs_att *att, __u64 deadline)
{
	return shs_convert(att, &SHS_CONVERT(.from = U, .to = W, .deadline = deadline));
}

static __u64 lane(const struct shs_att *att, __u32 number)
{
	return *(volatile __u64 *)shs_lane(att, number);
}

/* Takes the lock for a moment, to see whether it is as free as new. */
#define EXPECT_FREE() do {							\
	EXPECT_EQ(0, shs_info(self->fd).state);					\
	EXPECT_EQ(0, shs_info(self->fd).waiters);				\
	EXPECT_EQ(0, shs_info(self->fd).readers);				\
	EXPECT_EQ(0, try(&self->third, W));					\
	EXPECT_EQ(0, end(&self->third, W));					\
} while (0)

/*
 * A child that does up to four things one after the other, each when it is told to,
 * and says when it has done each; then it exits, or sleeps for ever. What it got
 * from the last is its exit status, a negated errno.
 */
struct script {
	struct shs_pipe go, did;
	pid_t child;
};

enum verb { STOP, LOCK, CONVERT, UNLOCK };

struct action {
	enum verb verb;
	__u32 mode, to;
};

static int act(const struct shs_att *att, const struct action *action)
{
	switch (action->verb) {
	case LOCK:
		return shs_lock_as(att, &SHS_LOCK(.mode = action->mode,
						  .deadline = SHS_FOREVER));
	case CONVERT:
		return shs_convert(att, &SHS_CONVERT(.from = action->mode, .to = action->to,
						     .deadline = action->to == W ?
						     SHS_FOREVER : 0));
	case UNLOCK:
		return end(att, action->mode);
	case STOP:
		break;
	}
	return 0;
}

static struct script start(int fd, const struct action actions[4])
{
	struct script s = { .go = shs_pipe(), .did = shs_pipe() };
	struct shs_att att;
	int ret = 0;

	s.child = shs_fork();
	if (s.child)
		return s;
	if (shs_attach(&att, fd))
		_exit(255);
	for (int i = 0; i < 4 && actions[i].verb; i++) {
		shs_hear(&s.go);
		ret = act(&att, &actions[i]);
		shs_say(&s.did);
	}
	shs_hear(&s.go);
	_exit(-ret);
}

#define START(fd, ...) start(fd, (const struct action[4]){ __VA_ARGS__ })

/* The next thing, which is done at once or, with no more than go(), begins. */
static void go(struct script *s)
{
	shs_say(&s->go);
}

static void step(struct script *s)
{
	go(s);
	shs_hear(&s->did);
}

static int finish(struct script *s)
{
	go(s);
	return shs_reap(s->child);
}

/* It reads beside the readers; of its own there is one. */
TEST_F(convert, beside_readers)
{
	EXPECT_EQ(0, shs_rdlock(&self->other, 0));
	EXPECT_EQ(0, try(&self->mine, U));
	EXPECT_EQ(UPGRADER, shs_info(self->fd).state);
	EXPECT_EQ(getpid(), shs_info(self->fd).holder_pid);
	EXPECT_EQ(1, shs_info(self->fd).readers);
	EXPECT_EQ(0, shs_tryrdlock(&self->third, 2));
	EXPECT_EQ(0, shs_tryrdlock(&self->mine, 1));
	EXPECT_EQ(3, shs_info(self->fd).readers);
	EXPECT_EQ(-EBUSY, try(&self->other, U));
	EXPECT_EQ(-EBUSY, try(&self->mine, U));
	EXPECT_EQ(-EBUSY, try(&self->other, W));
	EXPECT_EQ(-EBUSY, try(&self->mine, W));
	EXPECT_EQ(-ETIMEDOUT, shs_lock_as(&self->other, &SHS_LOCK(.mode = U)));
	EXPECT_EQ(0, end(&self->other, R));
	EXPECT_EQ(0, shs_rdunlock(&self->third, 2));
	EXPECT_EQ(0, shs_rdunlock(&self->mine, 1));
	EXPECT_EQ(-EBUSY, try(&self->other, W));
	EXPECT_EQ(-EBUSY, try(&self->other, U));
	EXPECT_EQ(0, end(&self->mine, U));
	EXPECT_FREE();
}

TEST_F(convert, not_beside_a_writer)
{
	EXPECT_EQ(0, try(&self->mine, W));
	EXPECT_EQ(SHS_STATE_HELD, shs_info(self->fd).state);
	EXPECT_EQ(-EBUSY, try(&self->other, U));
	EXPECT_EQ(-EBUSY, try(&self->mine, U));
	EXPECT_EQ(0, end(&self->mine, W));
	EXPECT_EQ(0, try(&self->other, U));
}

/* Single operations read beside it and do not write. */
TEST_F(convert, single_operations)
{
	struct shs_ioc_op op = SHS_OP(READ);

	EXPECT_EQ(0, try(&self->mine, U));
	EXPECT_EQ(0, shs_op(self->fd, &op));
	op = SHS_OP(WRITE, .arg = 5, .flags = SHS_OP_NOWAIT);
	EXPECT_EQ(-EBUSY, shs_op(self->fd, &op));
	op = SHS_OP(ADD, .arg = 5);
	EXPECT_EQ(-ETIMEDOUT, shs_op(self->fd, &op));
	if (shs_ring()) {
		op = SHS_OP(WRITE, .arg = 5, .deadline = SHS_FOREVER);
		EXPECT_EQ(-EBUSY, shs_uring_op(self->fd, &op));
	}
	EXPECT_EQ(0, turn(&self->mine, U, W));
	op = SHS_OP(READ, .flags = SHS_OP_NOWAIT);
	EXPECT_EQ(-EBUSY, shs_op(self->fd, &op));
	EXPECT_EQ(0, turn(&self->mine, W, R));
	op = SHS_OP(READ);
	EXPECT_EQ(0, shs_op(self->fd, &op));
	EXPECT_EQ(0, op.result);
	EXPECT_EQ(0, end(&self->mine, R));
	EXPECT_FREE();
}

/* Only what is held is given back, by whom and as what it is held. */
TEST_F(convert, unlock_of_others)
{
	EXPECT_EQ(-EPERM, end(&self->mine, U));
	EXPECT_EQ(0, try(&self->mine, U));
	EXPECT_EQ(-EPERM, end(&self->other, U));
	EXPECT_EQ(-EPERM, end(&self->mine, W));
	EXPECT_EQ(-EPERM, end(&self->mine, R));
	EXPECT_EQ(UPGRADER, shs_info(self->fd).state);
	EXPECT_EQ(0, turn(&self->mine, U, W));
	EXPECT_EQ(-EPERM, end(&self->mine, U));
	EXPECT_EQ(SHS_STATE_HELD, shs_info(self->fd).state);
	EXPECT_EQ(0, turn(&self->mine, W, R));
	EXPECT_EQ(-EPERM, end(&self->mine, U));
	EXPECT_EQ(-EPERM, end(&self->mine, W));
	EXPECT_EQ(1, shs_info(self->fd).readers);
	EXPECT_EQ(0, end(&self->mine, R));
	EXPECT_FREE();
}

static bool exists(__u32 from, __u32 to)
{
	return (from == U && to == W) || (from == U && to == R) ||
	       (from == W && to == U) || (from == W && to == R);
}

/* From each mode that is held, or none, each conversion, which exists or not. */
TEST_F(convert, table)
{
	for (__u32 held = W; held <= U + 1; held++) {
		for (__u32 from = W; from <= U + 1; from++) {
			for (__u32 to = W; to <= U + 1; to++) {
				int expected = !exists(from, to) ? -EINVAL :
					       held == from ? 0 : -EPERM;
				__u32 now = expected ? held : to;

				if (held <= U)
					ASSERT_EQ(0, try(&self->mine, held));
				EXPECT_EQ(expected, turn(&self->mine, from, to)) {
					TH_LOG("held %u from %u to %u", held, from, to);
				}
				EXPECT_EQ(-EBUSY, now == U + 1 || now == R ? -EBUSY :
					  try(&self->other, U));
				EXPECT_EQ(now == R, shs_info(self->fd).readers);
				EXPECT_EQ(now == W ? SHS_STATE_HELD : now == U ? UPGRADER : 0,
					  shs_info(self->fd).state);
				if (now <= U)
					ASSERT_EQ(0, end(&self->mine, now));
				EXPECT_EQ(0, lane(&self->mine, 0));
			}
		}
	}
	EXPECT_EQ(0, try(&self->other, U));
	EXPECT_EQ(-EPERM, turn(&self->mine, U, W));
	EXPECT_EQ(-EPERM, turn(&self->mine, U, R));
	EXPECT_EQ(-EPERM, upgrade(&self->mine, SHS_FOREVER));
	EXPECT_EQ(UPGRADER, shs_info(self->fd).state);
}

/* Each lane may count what was a writer or an upgrader. */
TEST_F(convert, to_each_lane)
{
	struct shs_ioc_convert c;

	for (__u32 i = 0; i < self->mine.is.lanes; i++) {
		__u32 from = i % 2 ? U : W;

		EXPECT_EQ(0, try(&self->mine, from));
		c = SHS_CONVERT(.from = from, .to = R, .lane = i);
		EXPECT_EQ(0, shs_convert(&self->mine, &c));
		EXPECT_EQ(1, lane(&self->mine, i));
		EXPECT_EQ(1, shs_info(self->fd).readers);
		EXPECT_EQ(0, shs_rdunlock(&self->mine, i));
	}
	EXPECT_FREE();
}

/* What is not a conversion, each thing alone; and what was held is held. */
TEST_F(convert, refused)
{
	__u32 beyond[] = { self->mine.is.lanes, self->mine.is.lanes + 1, 1U << 31, ~0U };
	struct shs_ioc_convert c;

	EXPECT_EQ(0, try(&self->mine, U));
	for (int bit = 1; bit < 32; bit++) {
		c = SHS_CONVERT(.from = U, .to = W, .flags = 1U << bit);
		EXPECT_EQ(-EINVAL, shs_convert(&self->mine, &c)) {
			TH_LOG("flag %d", bit);
		}
	}
	for (int bit = 0; bit < 32; bit++) {
		c = SHS_CONVERT(.from = U, .to = W, .pad0 = 1U << bit);
		EXPECT_EQ(-EINVAL, shs_convert(&self->mine, &c));
		c = SHS_CONVERT(.from = U, .to = W, .lane = 1U << bit);
		EXPECT_EQ(-EINVAL, shs_convert(&self->mine, &c));
		c = SHS_CONVERT(.from = U, .to = R, .flags = 1U << bit);
		EXPECT_EQ(-EINVAL, shs_convert(&self->mine, &c));
		c = SHS_CONVERT(.from = 1U << bit, .to = W);
		EXPECT_EQ(bit == 1 ? -EBADMSG : -EINVAL,
			  bit == 1 ? -EBADMSG : shs_convert(&self->mine, &c));
	}
	for (int i = 0; i < sizeof(c.pad); i++) {
		c = SHS_CONVERT(.from = U, .to = W);
		c.pad[i] = 1;
		EXPECT_EQ(-EINVAL, shs_convert(&self->mine, &c));
	}
	for (int i = 0; i < ARRAY_SIZE(beyond); i++) {
		c = SHS_CONVERT(.from = U, .to = R, .lane = beyond[i]);
		EXPECT_EQ(-EINVAL, shs_convert(&self->mine, &c));
	}
	c = SHS_CONVERT(.from = U, .to = W, .clock = SHS_CLOCK_BOOTTIME + 1);
	EXPECT_EQ(-EINVAL, shs_convert(&self->mine, &c));
	c = SHS_CONVERT(.from = U, .to = R, .deadline = 1);
	EXPECT_EQ(-EINVAL, shs_convert(&self->mine, &c));
	c = SHS_CONVERT(.from = U, .to = R, .clock = SHS_CLOCK_REALTIME);
	EXPECT_EQ(-EINVAL, shs_convert(&self->mine, &c));
	EXPECT_EQ(UPGRADER, shs_info(self->fd).state);
	EXPECT_EQ(0, turn(&self->mine, U, W));
	c = SHS_CONVERT(.from = W, .to = U, .lane = 1);
	EXPECT_EQ(-EINVAL, shs_convert(&self->mine, &c));
	c = SHS_CONVERT(.from = W, .to = U, .deadline = SHS_FOREVER);
	EXPECT_EQ(-EINVAL, shs_convert(&self->mine, &c));
	c = SHS_CONVERT(.from = W, .to = U, .flags = SHS_LOCK_NOWAIT);
	EXPECT_EQ(-EINVAL, shs_convert(&self->mine, &c));
	EXPECT_EQ(SHS_STATE_HELD, shs_info(self->fd).state);
}

/* An upgradable lock has no lane; unlocking it has no deadline, as ever. */
TEST_F(convert, lock_refused)
{
	EXPECT_EQ(-EINVAL, shs_lock_as(&self->mine, &SHS_LOCK(.mode = U, .lane = 1)));
	EXPECT_EQ(-EINVAL, shs_lock_as(&self->mine, &SHS_LOCK(.mode = U + 1)));
	EXPECT_EQ(-EINVAL, shs_lock_as(&self->mine, &SHS_LOCK(
			.mode = U, .flags = SHS_LOCK_RECURSIVE)));
	EXPECT_EQ(-EINVAL, shs_lock_as(&self->mine, &SHS_LOCK(.flags = SHS_LOCK_RECURSIVE)));
	for (int bit = 2; bit < 32; bit++) {
		EXPECT_EQ(-EINVAL, shs_lock_as(&self->mine, &SHS_LOCK(
				.mode = R, .flags = 1U << bit)));
		EXPECT_EQ(-EINVAL, shs_lock_as(&self->mine, &SHS_LOCK(
				.mode = U, .flags = 1U << bit)));
	}
	EXPECT_EQ(0, try(&self->mine, U));
	EXPECT_EQ(-EINVAL, shs_unlock_as(&self->mine, &SHS_LOCK(.mode = U, .lane = 1)));
	EXPECT_EQ(-EINVAL, shs_unlock_as(&self->mine, &SHS_LOCK(.mode = U, .deadline = 1)));
	EXPECT_EQ(-EINVAL, shs_unlock_as(&self->mine, &SHS_LOCK(.mode = U + 1)));
	EXPECT_EQ(UPGRADER, shs_info(self->fd).state);
}

TEST_F(convert, other_kinds)
{
	static const struct {
		__u32 kind, type, count;
	} kinds[] = {
		{ SHS_KIND_ATOMIC, SHS_TYPE_U8, 1 }, { SHS_KIND_COUNTER, SHS_TYPE_I64, 1 },
		{ SHS_KIND_ONCE, SHS_TYPE_NONE, 0 }, { SHS_KIND_CONDVAR, SHS_TYPE_NONE, 0 },
		{ SHS_KIND_MUTEX, SHS_TYPE_U8, 1 }, { SHS_KIND_CELL, SHS_TYPE_U8, 1 },
	};

	for (int i = 0; i < ARRAY_SIZE(kinds); i++) {
		int fd = shs_create(kinds[i].kind, kinds[i].type, kinds[i].count);
		bool lockable = kinds[i].kind == SHS_KIND_MUTEX || kinds[i].kind == SHS_KIND_CELL;
		int refused = lockable ? -EINVAL : -EOPNOTSUPP;
		struct shs_att att;

		ASSERT_EQ(0, shs_attach(&att, fd));
		EXPECT_EQ(-EOPNOTSUPP, turn(&att, U, W)) {
			TH_LOG("kind %u", kinds[i].kind);
		}
		EXPECT_EQ(-EOPNOTSUPP, turn(&att, W, R));
		EXPECT_EQ(refused, try(&att, U));
		EXPECT_EQ(refused, end(&att, U));
		EXPECT_EQ(refused, shs_lock_as(&att, &SHS_LOCK(.mode = R,
							      .flags = SHS_LOCK_RECURSIVE)));
		EXPECT_EQ(refused, shs_lock_as(&att, &SHS_LOCK(.flags = SHS_LOCK_RECURSIVE)));
	}
	EXPECT_EQ(-ENOTTY, shs_ioctl(self->fd, SHS_IOC_CONVERT,
				     &SHS_CONVERT(.from = U, .to = W)));
}

/* Who may not write may not be about to. */
TEST_F(convert, read_only)
{
	struct shs_att att;
	int ro;

	ASSERT_EQ(0, shs_link(self->fd, "rwlock"));
	ro = shs_open("rwlock", O_RDONLY);
	ASSERT_EQ(0, shs_attach(&att, ro));
	EXPECT_EQ(-EACCES, try(&att, U));
	EXPECT_EQ(-EACCES, end(&att, U));
	EXPECT_EQ(-EACCES, turn(&att, U, W));
	EXPECT_EQ(-EACCES, turn(&att, W, U));
	EXPECT_EQ(0, try(&att, R));
	EXPECT_EQ(-EPERM, turn(&att, U, R));
	EXPECT_EQ(-EPERM, turn(&att, W, R));
	EXPECT_EQ(1, shs_info(self->fd).readers);
	EXPECT_EQ(0, shs_lock_as(&att, &SHS_LOCK(.mode = R, .flags = SHS_LOCK_RECURSIVE)));
	EXPECT_EQ(2, shs_info(self->fd).readers);
}

/* Neither before the private region is mapped, nor after, nor in another process. */
TEST_F(convert, not_an_owner)
{
	struct shs_att att;
	pid_t child;

	ASSERT_EQ(0, shs_attach_only(&att, self->fd));
	EXPECT_EQ(-ENXIO, try(&att, U));
	EXPECT_EQ(-ENXIO, turn(&att, U, W));
	EXPECT_EQ(-ENXIO, turn(&att, U, R));
	EXPECT_EQ(0, try(&self->mine, U));
	child = shs_fork();
	if (!child) {
		EXPECT_EQ(-ESTALE, turn(&self->mine, U, W));
		EXPECT_EQ(-ESTALE, turn(&self->mine, U, R));
		EXPECT_EQ(-ESTALE, end(&self->mine, U));
		_exit(0);
	}
	EXPECT_EQ(0, shs_reap(child));
	EXPECT_EQ(UPGRADER, shs_info(self->fd).state);
	EXPECT_EQ(0, munmap(self->mine.private, self->mine.is.private_size));
	EXPECT_EQ(-ENXIO, turn(&self->mine, U, W));
	EXPECT_EQ(-ENXIO, end(&self->mine, U));
	EXPECT_FREE();
}

/* An upgrade has to have all readers out: the own ones as well. */
TEST_F(convert, upgrade_waits)
{
	EXPECT_EQ(0, shs_rdlock(&self->other, 0));
	EXPECT_EQ(0, try(&self->mine, U));
	EXPECT_EQ(-EBUSY, turn(&self->mine, U, W));
	EXPECT_EQ(-EBUSY, shs_convert(&self->mine, &SHS_CONVERT(
			.from = U, .to = W, .flags = SHS_LOCK_NOWAIT,
			.deadline = SHS_FOREVER)));
	EXPECT_EQ(-ETIMEDOUT, upgrade(&self->mine, 0));
	for (int clock = SHS_CLOCK_MONOTONIC; clock <= SHS_CLOCK_BOOTTIME; clock++) {
		__u64 near = shs_now(clock) + 20 * SHS_MS;

		EXPECT_EQ(-ETIMEDOUT, shs_convert(&self->mine, &SHS_CONVERT(
				.from = U, .to = W, .clock = clock, .deadline = near)));
		EXPECT_LE(near, shs_now(clock));
	}
	EXPECT_EQ(UPGRADER, shs_info(self->fd).state);
	EXPECT_EQ(0, shs_info(self->fd).waiters);
	EXPECT_EQ(0, self->mine.control->wpending);
	EXPECT_EQ(-EBUSY, try(&self->third, U));
	EXPECT_EQ(0, try(&self->third, R));
	EXPECT_EQ(0, end(&self->third, R));
	EXPECT_EQ(0, try(&self->mine, R));
	EXPECT_EQ(0, end(&self->other, R));
	EXPECT_EQ(-EBUSY, turn(&self->mine, U, W));
	EXPECT_EQ(0, end(&self->mine, R));
	EXPECT_EQ(0, turn(&self->mine, U, W));
	EXPECT_EQ(0, end(&self->mine, W));
	EXPECT_FREE();
}

/* The last reader lets it in; meanwhile no new one comes. */
TEST_F(convert, upgrade_is_served)
{
	struct script upgrader = START(self->fd, { LOCK, U }, { CONVERT, U, W }, { UNLOCK, W });

	EXPECT_EQ(0, shs_rdlock(&self->mine, 0));
	EXPECT_EQ(0, shs_rdlock(&self->other, 0));
	step(&upgrader);
	go(&upgrader);
	SHS_AWAIT(self->fd, info.waiters == 1);
	EXPECT_EQ(UPGRADER, shs_info(self->fd).state);
	EXPECT_EQ(1, self->mine.control->wpending);
	EXPECT_EQ(-EBUSY, try(&self->third, R));
	EXPECT_EQ(-EBUSY, try(&self->third, U));
	EXPECT_EQ(-EBUSY, try(&self->third, W));
	EXPECT_EQ(0, end(&self->mine, R));
	SHS_AWAIT(self->fd, info.waiters == 1);
	EXPECT_EQ(0, end(&self->other, R));
	shs_hear(&upgrader.did);
	EXPECT_EQ(SHS_STATE_HELD, shs_info(self->fd).state);
	EXPECT_EQ(upgrader.child, shs_info(self->fd).holder_pid);
	EXPECT_EQ(0, self->mine.control->wpending);
	EXPECT_EQ(-EBUSY, try(&self->third, R));
	step(&upgrader);
	EXPECT_EQ(0, finish(&upgrader));
	EXPECT_EQ(0, shs_info(self->fd).deaths);
	EXPECT_FREE();
}

/* A reader that takes its own lane back and sees wpending is all that it needs. */
TEST_F(convert, upgrade_is_served_by_a_lane)
{
	struct script upgrader = START(self->fd, { LOCK, U }, { CONVERT, U, W });
	__u64 *count = shs_lane(&self->mine, 0);

	EXPECT_EQ(0, shs_rdlock(&self->mine, 0));
	step(&upgrader);
	go(&upgrader);
	SHS_AWAIT(self->fd, info.waiters == 1);
	__atomic_sub_fetch(count, 1, __ATOMIC_SEQ_CST);
	EXPECT_EQ(1, __atomic_load_n(&self->mine.control->wpending, __ATOMIC_SEQ_CST));
	EXPECT_EQ(-EPERM, end(&self->mine, R));
	shs_hear(&upgrader.did);
	EXPECT_EQ(SHS_STATE_HELD, shs_info(self->fd).state);
	EXPECT_EQ(0, finish(&upgrader));
}

/* It goes before all who queue, for they wait for it. */
TEST_F(convert, upgrade_goes_first)
{
	struct script upgrader = START(self->fd, { LOCK, U }, { CONVERT, U, W },
				       { CONVERT, W, U }, { UNLOCK, U });
	struct script writer = START(self->fd, { LOCK, W }, { UNLOCK, W });
	struct script second = START(self->fd, { LOCK, U }, { UNLOCK, U });
	struct script reader = START(self->fd, { LOCK, R }, { UNLOCK, R });

	EXPECT_EQ(0, shs_rdlock(&self->mine, 0));
	step(&upgrader);
	go(&writer);
	SHS_AWAIT(self->fd, info.waiters == 1);
	go(&second);
	SHS_AWAIT(self->fd, info.waiters == 2);
	go(&reader);
	SHS_AWAIT(self->fd, info.waiters == 3);
	go(&upgrader);
	SHS_AWAIT(self->fd, info.waiters == 4);
	EXPECT_EQ(0, end(&self->mine, R));
	shs_hear(&upgrader.did);
	EXPECT_EQ(upgrader.child, shs_info(self->fd).holder_pid);
	EXPECT_EQ(SHS_STATE_HELD, shs_info(self->fd).state);
	SHS_AWAIT(self->fd, info.waiters == 3);
	/* Weaker again it lets nobody past the writer at the head. */
	step(&upgrader);
	EXPECT_EQ(UPGRADER, shs_info(self->fd).state);
	SHS_AWAIT(self->fd, info.waiters == 3);
	step(&upgrader);
	shs_hear(&writer.did);
	EXPECT_EQ(writer.child, shs_info(self->fd).holder_pid);
	SHS_AWAIT(self->fd, info.waiters == 2);
	step(&writer);
	shs_hear(&second.did);
	shs_hear(&reader.did);
	EXPECT_EQ(second.child, shs_info(self->fd).holder_pid);
	EXPECT_EQ(1, shs_info(self->fd).readers);
	step(&second);
	step(&reader);
	EXPECT_EQ(0, finish(&upgrader));
	EXPECT_EQ(0, finish(&writer));
	EXPECT_EQ(0, finish(&second));
	EXPECT_EQ(0, finish(&reader));
	EXPECT_FREE();
}

/* A writer that becomes weaker lets in whom it kept out, up to the next it still does. */
TEST_F(convert, downgrade_lets_in)
{
	for (__u32 to = R; to <= U; to++) {
		struct script one = START(self->fd, { LOCK, R }), two = START(self->fd, { LOCK, R });
		struct script next = START(self->fd, { LOCK, to == R ? U : W });
		struct script last = START(self->fd, { LOCK, W });

		EXPECT_EQ(0, try(&self->mine, W));
		go(&one);
		SHS_AWAIT(self->fd, info.waiters == 1);
		go(&two);
		SHS_AWAIT(self->fd, info.waiters == 2);
		go(&next);
		SHS_AWAIT(self->fd, info.waiters == 3);
		go(&last);
		SHS_AWAIT(self->fd, info.waiters == 4);
		EXPECT_EQ(0, turn(&self->mine, W, to));
		shs_hear(&one.did);
		shs_hear(&two.did);
		if (to == R)
			shs_hear(&next.did);
		SHS_AWAIT(self->fd, info.waiters == (to == R ? 1 : 2));
		EXPECT_EQ(UPGRADER, shs_info(self->fd).state);
		EXPECT_EQ(to == R ? next.child : getpid(), shs_info(self->fd).holder_pid);
		EXPECT_EQ(to == R ? 3 : 2, shs_info(self->fd).readers);
		EXPECT_EQ(-SIGKILL, shs_kill(last.child));
		EXPECT_EQ(-SIGKILL, shs_kill(next.child));
		EXPECT_EQ(-SIGKILL, shs_kill(one.child));
		EXPECT_EQ(-SIGKILL, shs_kill(two.child));
		EXPECT_EQ(0, end(&self->mine, to));
		EXPECT_FREE();
	}
}

/* One that only reads on leaves the place to the next. */
TEST_F(convert, upgradable_to_read_lets_in)
{
	struct script next = START(self->fd, { LOCK, U });

	EXPECT_EQ(0, try(&self->mine, U));
	go(&next);
	SHS_AWAIT(self->fd, info.waiters == 1);
	EXPECT_EQ(0, turn(&self->mine, U, R));
	shs_hear(&next.did);
	EXPECT_EQ(next.child, shs_info(self->fd).holder_pid);
	EXPECT_EQ(1, shs_info(self->fd).readers);
	EXPECT_EQ(-EPERM, turn(&self->mine, U, W));
}

/* Two that would upgrade cannot wait for each other: the second is not let in. */
TEST_F(convert, one_at_a_time)
{
	struct script second = START(self->fd, { LOCK, U }, { CONVERT, U, W });

	EXPECT_EQ(0, try(&self->mine, U));
	go(&second);
	SHS_AWAIT(self->fd, info.waiters == 1);
	EXPECT_EQ(0, turn(&self->mine, U, W));
	SHS_AWAIT(self->fd, info.waiters == 1);
	EXPECT_EQ(0, end(&self->mine, W));
	shs_hear(&second.did);
	step(&second);
	EXPECT_EQ(0, finish(&second));
}

static void on_signal(int number)
{
}

/* A signal ends the upgrade and not what was held; or with SA_RESTART neither. */
TEST_F(convert, interrupted)
{
	struct sigaction action = { .sa_handler = on_signal };
	struct script upgrader;

	sigaction(SIGUSR1, &action, NULL);
	EXPECT_EQ(0, shs_rdlock(&self->mine, 0));
	upgrader = START(self->fd, { LOCK, U }, { CONVERT, U, W });
	step(&upgrader);
	go(&upgrader);
	SHS_AWAIT(self->fd, info.waiters == 1);
	kill(upgrader.child, SIGUSR1);
	shs_hear(&upgrader.did);
	EXPECT_EQ(0, shs_info(self->fd).waiters);
	EXPECT_EQ(UPGRADER, shs_info(self->fd).state);
	EXPECT_EQ(0, self->mine.control->wpending);
	EXPECT_EQ(0, try(&self->other, R));
	EXPECT_EQ(0, end(&self->other, R));
	EXPECT_EQ(EINTR, finish(&upgrader));

	action.sa_flags = SA_RESTART;
	sigaction(SIGUSR1, &action, NULL);
	upgrader = START(self->fd, { LOCK, U }, { CONVERT, U, W });
	step(&upgrader);
	go(&upgrader);
	SHS_AWAIT(self->fd, info.waiters == 1);
	kill(upgrader.child, SIGUSR1);
	EXPECT_EQ(0, end(&self->mine, R));
	shs_hear(&upgrader.did);
	EXPECT_EQ(0, finish(&upgrader));
}

/*
 * An upgrade that ran out of time lets those who queued behind it go on. If the time was
 * up before somebody queued, then again with more of it.
 */
TEST_F(convert, timed_out_before_readers)
{
	bool queued = false;

	EXPECT_EQ(0, shs_rdlock(&self->mine, 0));
	for (__u64 limit = 100 * SHS_MS; !queued; limit *= 2) {
		struct script reader = START(self->fd, { LOCK, R });
		pid_t child = shs_fork();

		if (!child) {
			struct shs_att att;

			if (shs_attach(&att, self->fd) || try(&att, U))
				_exit(255);
			_exit(-upgrade(&att, shs_now(SHS_CLOCK_MONOTONIC) + limit));
		}
		while (!shs_info(self->fd).waiters && !shs_is_gone(child))
			sched_yield();
		go(&reader);
		while (!queued && !shs_is_gone(child))
			queued = shs_info(self->fd).waiters == 2;
		shs_hear(&reader.did);
		EXPECT_EQ(ETIMEDOUT, shs_reap(child));
		EXPECT_EQ(2, shs_info(self->fd).readers);
		EXPECT_EQ(0, finish(&reader));
	}
}

/*
 * Death
 */

#define EXPECT_DEATH(number, as, pid_, why_) do {				\
	struct shs_ioc_death death;						\
										\
	EXPECT_EQ(0, shs_death(self->fd, &death));				\
	EXPECT_EQ(number, death.deaths);					\
	EXPECT_EQ(as, death.mode);						\
	EXPECT_EQ(pid_, death.pid);						\
	EXPECT_EQ(why_, death.why);						\
} while (0)

/* Who held it upgradable cannot have changed anything: nobody needs to be told. */
TEST_F(convert, upgradable_holder_killed)
{
	struct script holder = START(self->fd, { LOCK, U }), next = START(self->fd, { LOCK, U });

	step(&holder);
	go(&next);
	SHS_AWAIT(self->fd, info.waiters == 1);
	EXPECT_EQ(-SIGKILL, shs_kill(holder.child));
	EXPECT_DEATH(1, U, holder.child, SHS_WHY_SIGNAL);
	shs_hear(&next.did);
	EXPECT_EQ(UPGRADER, shs_info(self->fd).state);
	EXPECT_EQ(next.child, shs_info(self->fd).holder_pid);
	EXPECT_EQ(0, try(&self->mine, R));
	EXPECT_EQ(0, end(&self->mine, R));
	EXPECT_EQ(0, finish(&next));
	EXPECT_DEATH(2, U, next.child, SHS_WHY_EXIT);
	EXPECT_FREE();
}

/* Its upgrade leaves the queue with it, and the queue goes on. */
TEST_F(convert, pending_upgrade_killed)
{
	struct script upgrader = START(self->fd, { LOCK, U }, { CONVERT, U, W });
	struct script reader = START(self->fd, { LOCK, R }), writer = START(self->fd, { LOCK, W });

	EXPECT_EQ(0, shs_rdlock(&self->mine, 0));
	step(&upgrader);
	go(&upgrader);
	SHS_AWAIT(self->fd, info.waiters == 1);
	go(&reader);
	SHS_AWAIT(self->fd, info.waiters == 2);
	go(&writer);
	SHS_AWAIT(self->fd, info.waiters == 3);
	EXPECT_EQ(-SIGKILL, shs_kill(upgrader.child));
	EXPECT_DEATH(1, U, upgrader.child, SHS_WHY_SIGNAL);
	shs_hear(&reader.did);
	EXPECT_EQ(0, shs_info(self->fd).state);
	EXPECT_EQ(2, shs_info(self->fd).readers);
	SHS_AWAIT(self->fd, info.waiters == 1);
	EXPECT_EQ(0, finish(&reader));
	EXPECT_EQ(0, end(&self->mine, R));
	shs_hear(&writer.did);
	EXPECT_EQ(writer.child, shs_info(self->fd).holder_pid);
	EXPECT_EQ(-SIGKILL, shs_kill(writer.child));
	EXPECT_DEATH(3, W, writer.child, SHS_WHY_SIGNAL);
}

/* One that has just become the writer, and does not know it yet. */
TEST_F(convert, upgrade_killed_when_granted)
{
	struct script upgrader = START(self->fd, { LOCK, U }, { CONVERT, U, W });

	EXPECT_EQ(0, shs_rdlock(&self->mine, 0));
	step(&upgrader);
	go(&upgrader);
	SHS_AWAIT(self->fd, info.waiters == 1);
	ASSERT_EQ(0, shs_hold_off(upgrader.child));
	EXPECT_EQ(0, end(&self->mine, R));
	kill(upgrader.child, SIGKILL);
	shs_let_go();
	EXPECT_EQ(-SIGKILL, shs_reap(upgrader.child));
	/* It died holding, and wrote nothing. */
	EXPECT_DEATH(1, U, upgrader.child, SHS_WHY_SIGNAL);
	EXPECT_FREE();
}

/* The same with news of an earlier death, which it did not live to hear. */
TEST_F(convert, upgrade_killed_when_granted_with_a_notice)
{
	struct script dead = START(self->fd, { LOCK, W });
	struct script upgrader = START(self->fd, { LOCK, U }, { CONVERT, U, W });

	step(&dead);
	EXPECT_EQ(-SIGKILL, shs_kill(dead.child));
	EXPECT_EQ(-EOWNERDEAD, try(&self->mine, R));
	step(&upgrader);
	go(&upgrader);
	SHS_AWAIT(self->fd, info.waiters == 1);
	ASSERT_EQ(0, shs_hold_off(upgrader.child));
	EXPECT_EQ(0, end(&self->mine, R));
	kill(upgrader.child, SIGKILL);
	shs_let_go();
	EXPECT_EQ(-SIGKILL, shs_reap(upgrader.child));
	EXPECT_DEATH(2, U, upgrader.child, SHS_WHY_SIGNAL);
	EXPECT_EQ(SHS_STATE_OWNER_DIED, shs_info(self->fd).state);
	EXPECT_EQ(-EOWNERDEAD, try(&self->mine, W));
	EXPECT_EQ(0, end(&self->mine, W));
	EXPECT_FREE();
}

/* The last reader dies instead of leaving. */
TEST_F(convert, reader_killed)
{
	struct script upgrader = START(self->fd, { LOCK, U }, { CONVERT, U, W });
	struct script reader = START(self->fd, { LOCK, R });

	step(&reader);
	step(&upgrader);
	go(&upgrader);
	SHS_AWAIT(self->fd, info.waiters == 1);
	EXPECT_EQ(-SIGKILL, shs_kill(reader.child));
	EXPECT_DEATH(1, R, reader.child, SHS_WHY_SIGNAL);
	shs_hear(&upgrader.did);
	EXPECT_EQ(SHS_STATE_HELD, shs_info(self->fd).state);
	EXPECT_EQ(0, finish(&upgrader));
}

/* As what it holds when it dies, whatever it was before. */
TEST_F(convert, converted_holder_killed)
{
	struct script writer = START(self->fd, { LOCK, U }, { CONVERT, U, W });
	struct script upgradable = START(self->fd, { LOCK, W }, { CONVERT, W, U });
	struct script reader = START(self->fd, { LOCK, W }, { CONVERT, W, R });

	step(&upgradable);
	step(&upgradable);
	EXPECT_EQ(-SIGKILL, shs_kill(upgradable.child));
	EXPECT_DEATH(1, U, upgradable.child, SHS_WHY_SIGNAL);
	EXPECT_FREE();
	step(&reader);
	step(&reader);
	EXPECT_EQ(-SIGKILL, shs_kill(reader.child));
	EXPECT_DEATH(2, R, reader.child, SHS_WHY_SIGNAL);
	EXPECT_FREE();
	step(&writer);
	step(&writer);
	EXPECT_EQ(-SIGKILL, shs_kill(writer.child));
	EXPECT_DEATH(3, W, writer.child, SHS_WHY_SIGNAL);
	EXPECT_EQ(SHS_STATE_OWNER_DIED, shs_info(self->fd).state);
}

/* Who only reads is told of a dead writer, and leaves it told to the next writer. */
TEST_F(convert, notice)
{
	struct script writer = START(self->fd, { LOCK, W });

	step(&writer);
	EXPECT_EQ(-SIGKILL, shs_kill(writer.child));
	EXPECT_EQ(-EOWNERDEAD, try(&self->mine, U));
	EXPECT_EQ(UPGRADER | SHS_STATE_OWNER_DIED, shs_info(self->fd).state);
	EXPECT_EQ(-EOWNERDEAD, try(&self->other, R));
	EXPECT_EQ(0, end(&self->mine, U));
	EXPECT_EQ(-EOWNERDEAD, try(&self->mine, U));
	EXPECT_EQ(-EBUSY, turn(&self->mine, U, W));
	EXPECT_EQ(UPGRADER | SHS_STATE_OWNER_DIED, shs_info(self->fd).state);
	EXPECT_EQ(0, end(&self->other, R));
	EXPECT_EQ(-EOWNERDEAD, turn(&self->mine, U, W));
	EXPECT_EQ(SHS_STATE_HELD, shs_info(self->fd).state);
	EXPECT_EQ(0, turn(&self->mine, W, U));
	EXPECT_EQ(0, turn(&self->mine, U, W));
	EXPECT_EQ(0, turn(&self->mine, W, R));
	EXPECT_EQ(0, try(&self->other, R));
	EXPECT_EQ(0, end(&self->other, R));
	EXPECT_EQ(0, end(&self->mine, R));
	EXPECT_FREE();
}

/* The files of a dead holder live on in its child; its holding does not. */
TEST_F(convert, files_kept_by_a_child)
{
	for (int pending = 0; pending < 2; pending++) {
		struct shs_pipe ready = shs_pipe(), over = shs_pipe();
		pid_t child;

		EXPECT_EQ(0, shs_rdlock(&self->mine, 0));
		child = shs_fork();
		if (!child) {
			struct shs_att att;

			if (shs_attach(&att, self->fd) || try(&att, U))
				_exit(1);
			if (!fork()) {
				shs_say(&ready);
				shs_gate_pass(&over);
				_exit(0);
			}
			close(over.end[1]);
			if (pending)
				upgrade(&att, SHS_FOREVER);
			for (;;)
				pause();
		}
		shs_hear(&ready);
		SHS_AWAIT(self->fd, info.waiters == pending);
		EXPECT_EQ(-SIGKILL, shs_kill(child));
		EXPECT_EQ(0, shs_info(self->fd).state);
		EXPECT_EQ(0, shs_info(self->fd).waiters);
		EXPECT_DEATH(pending + 1, U, child, SHS_WHY_SIGNAL);
		EXPECT_EQ(0, end(&self->mine, R));
		EXPECT_FREE();
		shs_gate_open(&over);
	}
}

static void *upgrade_in_thread(void *att)
{
	return (void *)(long)upgrade(att, SHS_FOREVER);
}

/* Unmapping is a death, too: of the holding, and of the upgrade that a thread awaits. */
TEST_F(convert, unmapped)
{
	pthread_t thread;
	void *ret;

	EXPECT_EQ(0, shs_rdlock(&self->other, 0));
	EXPECT_EQ(0, try(&self->mine, U));
	ASSERT_EQ(0, pthread_create(&thread, NULL, upgrade_in_thread, &self->mine));
	SHS_AWAIT(self->fd, info.waiters == 1);
	EXPECT_EQ(0, munmap(self->mine.private, self->mine.is.private_size));
	EXPECT_EQ(0, pthread_join(thread, &ret));
	EXPECT_EQ(-ENXIO, (long)ret);
	EXPECT_DEATH(1, U, getpid(), SHS_WHY_UNMAP);
	EXPECT_EQ(0, end(&self->other, R));
	EXPECT_FREE();
}

/* Another thread of the process gives away what the upgrade is made from. */
TEST_F(convert, upgrade_without_ground)
{
	pthread_t thread;
	void *ret;

	for (int to_read = 0; to_read < 2; to_read++) {
		EXPECT_EQ(0, shs_rdlock(&self->other, 0));
		EXPECT_EQ(0, try(&self->mine, U));
		ASSERT_EQ(0, pthread_create(&thread, NULL, upgrade_in_thread, &self->mine));
		SHS_AWAIT(self->fd, info.waiters == 1);
		EXPECT_EQ(0, to_read ? turn(&self->mine, U, R) : end(&self->mine, U));
		EXPECT_EQ(to_read ? 0 : -EPERM, end(&self->mine, R));
		EXPECT_EQ(0, end(&self->other, R));
		EXPECT_EQ(0, pthread_join(thread, &ret));
		EXPECT_EQ(-EPERM, (long)ret);
		EXPECT_FREE();
	}
}

/*
 * Readers that come again
 */

static int again(const struct shs_att *att, __u32 lane)
{
	return shs_lock_as(att, &SHS_LOCK(.mode = R, .lane = lane,
					  .flags = SHS_LOCK_NOWAIT | SHS_LOCK_RECURSIVE));
}

static struct shs_thread *slot(const struct shs_att *att, __u32 number)
{
	return (struct shs_thread *)(att->private + att->is.threads_offset) + number;
}

/* One that says that it holds goes past the writers that wait for it. */
TEST_F(convert, recursive)
{
	struct script writer = START(self->fd, { LOCK, W });

	EXPECT_EQ(0, again(&self->mine, 0));
	EXPECT_EQ(0, again(&self->mine, 0));
	EXPECT_EQ(2, lane(&self->mine, 0));
	go(&writer);
	SHS_AWAIT(self->fd, info.waiters == 1);
	EXPECT_EQ(-EBUSY, shs_tryrdlock(&self->mine, 0));
	EXPECT_EQ(-EBUSY, again(&self->mine, 1));
	EXPECT_EQ(-EBUSY, again(&self->other, 0));
	EXPECT_EQ(0, again(&self->mine, 0));
	EXPECT_EQ(0, shs_lock_as(&self->mine, &SHS_LOCK(.mode = R, .flags = SHS_LOCK_RECURSIVE,
						       .deadline = SHS_FOREVER)));
	EXPECT_EQ(4, lane(&self->mine, 0));
	SHS_AWAIT(self->fd, info.waiters == 1);
	for (int i = 0; i < 3; i++)
		EXPECT_EQ(0, end(&self->mine, R));
	SHS_AWAIT(self->fd, info.waiters == 1);
	EXPECT_EQ(0, end(&self->mine, R));
	shs_hear(&writer.did);
	EXPECT_EQ(-EBUSY, again(&self->mine, 0));
	EXPECT_EQ(-ETIMEDOUT, shs_lock_as(&self->mine, &SHS_LOCK(
			.mode = R, .flags = SHS_LOCK_RECURSIVE)));
	EXPECT_EQ(0, finish(&writer));
}

/* And past an upgrade, and one that waits to be upgradable. */
TEST_F(convert, recursive_past_upgrades)
{
	struct script upgrader = START(self->fd, { LOCK, U }, { CONVERT, U, W });
	struct script next = START(self->fd, { LOCK, U });

	EXPECT_EQ(0, again(&self->mine, 0));
	step(&upgrader);
	go(&next);
	SHS_AWAIT(self->fd, info.waiters == 1);
	EXPECT_EQ(0, again(&self->mine, 0));
	go(&upgrader);
	SHS_AWAIT(self->fd, info.waiters == 2);
	EXPECT_EQ(0, again(&self->mine, 0));
	EXPECT_EQ(3, lane(&self->mine, 0));
	for (int i = 0; i < 3; i++)
		EXPECT_EQ(0, end(&self->mine, R));
	shs_hear(&upgrader.did);
	EXPECT_EQ(SHS_STATE_HELD, shs_info(self->fd).state);
	EXPECT_EQ(0, finish(&upgrader));
	shs_hear(&next.did);
	EXPECT_EQ(EOWNERDEAD, finish(&next));
}

/* One that does not say so is told that it would wait for itself. */
TEST_F(convert, deadlock)
{
	struct script writer = START(self->fd, { LOCK, W });

	slot(&self->mine, 2)->tid = gettid();
	EXPECT_EQ(0, shs_rdlock(&self->mine, 2));
	EXPECT_EQ(0, shs_rdlock(&self->mine, 2));	/* nobody queues */
	EXPECT_EQ(0, shs_rdlock(&self->mine, 1));
	go(&writer);
	SHS_AWAIT(self->fd, info.waiters == 1);
	EXPECT_EQ(-EDEADLK, shs_rdlock(&self->mine, 2));
	EXPECT_EQ(-EDEADLK, shs_tryrdlock(&self->mine, 2));
	EXPECT_EQ(-EDEADLK, shs_lock_as(&self->mine, &SHS_LOCK(.mode = R, .lane = 2)));
	EXPECT_EQ(2, lane(&self->mine, 2));
	SHS_AWAIT(self->fd, info.waiters == 1);
	/* Not of a lane that does not hold, is not its own, or is somebody else's. */
	EXPECT_EQ(-EBUSY, shs_tryrdlock(&self->mine, 3));
	slot(&self->mine, 3)->tid = gettid();
	EXPECT_EQ(-EBUSY, shs_tryrdlock(&self->mine, 3));
	EXPECT_EQ(-EBUSY, shs_tryrdlock(&self->mine, 1));
	slot(&self->mine, 1)->tid = getppid();
	EXPECT_EQ(-EBUSY, shs_tryrdlock(&self->mine, 1));
	EXPECT_EQ(-ETIMEDOUT, shs_lock_as(&self->mine, &SHS_LOCK(.mode = R, .lane = 1)));
	slot(&self->mine, 2)->tid = 0;
	EXPECT_EQ(-EBUSY, shs_tryrdlock(&self->mine, 2));
	slot(&self->mine, 2)->tid = gettid();
	EXPECT_EQ(0, again(&self->mine, 2));
	EXPECT_EQ(-SIGKILL, shs_kill(writer.child));
	EXPECT_EQ(0, shs_tryrdlock(&self->mine, 2));
	EXPECT_EQ(4, lane(&self->mine, 2));
}

/* The slot that counts is the one of the lane's number, up to the last lane. */
TEST_F(convert, deadlock_in_each_lane)
{
	struct script writer = START(self->fd, { LOCK, W });
	__u32 lanes = self->mine.is.lanes;

	ASSERT_EQ(lanes - 1, self->mine.is.threads);	/* the last is nobody's own */
	for (__u32 i = 0; i < lanes; i++)
		EXPECT_EQ(0, shs_rdlock(&self->mine, i));
	go(&writer);
	SHS_AWAIT(self->fd, info.waiters == 1);
	for (__u32 i = 0; i < self->mine.is.threads; i++) {
		slot(&self->mine, i)->tid = gettid();
		for (__u32 j = 0; j < lanes; j++) {
			EXPECT_EQ(i == j ? -EDEADLK : -EBUSY, shs_tryrdlock(&self->mine, j));
		}
		slot(&self->mine, i)->tid = 0;
	}
	EXPECT_EQ(-SIGKILL, shs_kill(writer.child));
}

/*
 * Everything at once
 */
struct tally {
	long writers, upgradables, readers, bad;
	unsigned long writes;
};

static void inside(struct tally *t, long *count, int by)
{
	__atomic_add_fetch(count, by, __ATOMIC_SEQ_CST);
	if (t->writers > 1 || t->upgradables > 1 || (t->writers && (t->readers || t->upgradables)))
		__atomic_add_fetch(&t->bad, 1, __ATOMIC_SEQ_CST);
}

/* What the count of the new mode becomes must be there before what the old one was goes. */
static int one_round(const struct shs_att *att, struct tally *t, unsigned int *seed)
{
	volatile __s64 *value = shs_value(att);
	__s64 seen;

	switch (rand_r(seed) % 3) {
	case 0:
		if (shs_lock_as(att, &SHS_LOCK(.mode = R, .deadline = SHS_FOREVER)))
			return 1;
		inside(t, &t->readers, 1);
		seen = value[0];
		sched_yield();
		if (value[0] != seen || value[1] != seen)
			return 2;
		inside(t, &t->readers, -1);
		return end(att, R) ? 3 : 0;
	case 1:
		if (shs_lock(att))
			return 4;
		break;
	default:
		if (shs_lock_as(att, &SHS_LOCK(.mode = U, .deadline = SHS_FOREVER)))
			return 5;
		inside(t, &t->upgradables, 1);
		seen = value[0];
		sched_yield();
		inside(t, &t->upgradables, -1);
		if (rand_r(seed) % 4 == 0)
			return end(att, U) ? 6 : 0;
		if (upgrade(att, SHS_FOREVER))
			return 7;
		if (value[0] != seen)
			return 8;
	}
	inside(t, &t->writers, 1);
	seen = value[0]++;
	sched_yield();
	value[1] = seen + 1;
	__atomic_add_fetch(&t->writes, 1, __ATOMIC_SEQ_CST);
	inside(t, &t->writers, -1);
	switch (rand_r(seed) % 3) {
	case 0:
		return end(att, W) ? 9 : 0;
	case 1:
		return turn(att, W, R) || value[0] != seen + 1 || end(att, R) ? 10 : 0;
	}
	return turn(att, W, U) || value[0] != seen + 1 || turn(att, U, R) || end(att, R) ? 11 : 0;
}

TEST_F(convert, stress)
{
	struct tally *tally = shs_common(4096);
	struct shs_pipe gate = shs_pipe();
	pid_t child[5];

	for (int i = 0; i < 5; i++) {
		unsigned int seed = i + 1;
		struct shs_att att;
		int ret = 0;

		child[i] = shs_fork();
		if (child[i])
			continue;
		if (shs_attach(&att, self->fd))
			_exit(255);
		shs_gate_pass(&gate);
		for (unsigned long n = 0; n < shs_scale(3000) && !ret; n++)
			ret = one_round(&att, tally, &seed);
		_exit(ret);
	}
	shs_gate_open(&gate);
	for (int i = 0; i < 5; i++)
		EXPECT_EQ(0, shs_reap(child[i]));
	EXPECT_EQ(0, tally->bad);
	EXPECT_EQ(tally->writes, shs_peek(self->fd, 0));
	EXPECT_EQ(tally->writes, shs_peek(self->fd, 1));
	EXPECT_EQ(0, shs_info(self->fd).deaths);
	EXPECT_FREE();
}

static bool holds(int ret)
{
	return !ret || ret == -EOWNERDEAD;
}

/* The same ways through, whatever there is to be told of deaths. */
static void careless_round(const struct shs_att *att, struct tally *t, unsigned int *seed)
{
	__u32 mode = rand_r(seed) % 3;
	struct shs_ioc_lock lock = SHS_LOCK(.mode = mode, .deadline = SHS_FOREVER);

	if (!holds(shs_lock_as(att, &lock)))
		_exit(1);
	if (mode == U && holds(upgrade(att, SHS_FOREVER)))
		mode = W;
	__atomic_add_fetch(&t->writes, 1, __ATOMIC_SEQ_CST);
	if (mode == W && rand_r(seed) % 2 && !turn(att, W, U))
		mode = U;
	if (mode == U && rand_r(seed) % 2 && !turn(att, U, R))
		mode = R;
	if (end(att, mode))
		_exit(2);
}

/* Whoever of them is killed wherever: the others go on, and the lock comes free. */
TEST_F(convert, stress_with_deaths)
{
	struct tally *tally = shs_common(4096);
	unsigned int seed = 7;
	pid_t child[4];

	for (unsigned long round = 0; round < shs_scale(60); round++) {
		for (int i = 0; i < 4; i++) {
			unsigned int own = round * 4 + i;
			struct shs_att att;

			child[i] = shs_fork();
			if (child[i])
				continue;
			if (shs_attach(&att, self->fd))
				_exit(255);
			for (;;)
				careless_round(&att, tally, &own);
		}
		for (int i = 0; i < 4; i++) {
			unsigned long before = tally->writes;

			/* Somebody goes on, unless it is the last, who may wait for nobody. */
			while (i < 2 && tally->writes < before + rand_r(&seed) % 3)
				sched_yield();
			EXPECT_EQ(-SIGKILL, shs_kill(child[i]));
		}
		EXPECT_EQ(0, shs_info(self->fd).waiters);
		EXPECT_EQ(0, shs_info(self->fd).readers);
		EXPECT_EQ(0, shs_info(self->fd).state & ~SHS_STATE_OWNER_DIED);
	}
}

TEST_HARNESS_MAIN
