// SPDX-License-Identifier: GPL-2.0-only
/*
 * Any, or all, of several objects in one call: what is taken, what is not, who is told, and
 * that nothing is lost when others race with it or die in it.
 */
#include "shs.h"
#include <pthread.h>

enum { A, B, R, S, O, V, KINDS };	/* mutexes, rwlock, semaphore, once, atomic */

/* One of each kind, and this process's attachments of them. */
struct set {
	int fd[KINDS];
	struct shs_att att[KINDS];
};

FIXTURE(many) {
	struct set set;
};

static int attach(struct set *set)
{
	int ret = 0;

	for (int i = 0; i < KINDS && !ret; i++)
		ret = shs_attach(&set->att[i], set->fd[i]);
	return ret;
}

static int semaphore(__u32 permits, __u32 bound)
{
	__u32 value[2] = { permits, bound };

	return shs_create_as(&SHS_INIT(.kind = SHS_KIND_SEMAPHORE, .type = SHS_TYPE_U32, .count = 2,
				       .value = (unsigned long)value,
				       .value_size = sizeof(value)));
}

FIXTURE_SETUP(many)
{
	int *fd = self->set.fd;

	SHS_MOUNT("");
	fd[A] = shs_create(SHS_KIND_MUTEX, SHS_TYPE_U64, 1);
	fd[B] = shs_create(SHS_KIND_MUTEX, SHS_TYPE_U64, 1);
	fd[R] = shs_create(SHS_KIND_RWLOCK, SHS_TYPE_U64, 1);
	fd[S] = semaphore(3, 5);
	fd[O] = shs_create(SHS_KIND_ONCE, SHS_TYPE_NONE, 0);
	fd[V] = shs_create(SHS_KIND_ATOMIC, SHS_TYPE_I32, 4);
	for (int i = 0; i < KINDS; i++)
		ASSERT_LE(0, fd[i]);
	ASSERT_EQ(0, attach(&self->set));
}

FIXTURE_TEARDOWN(many)
{
}

#define ITEM(which, ...) \
	((struct shs_many_item){ .fd = (which)->fd, ##__VA_ARGS__ })

#define MANY(list, ...)								\
	((struct shs_ioc_many){ .size = sizeof(struct shs_ioc_many),		\
				.items = (unsigned long)(list),			\
				.nr = sizeof(list) / sizeof((list)[0]),		\
				.item_size = sizeof(struct shs_many_item),	\
				.deadline = SHS_FOREVER, ##__VA_ARGS__ })

static int call(const struct shs_att *by, struct shs_ioc_many *many)
{
	return shs_ioctl(by->fd, SHS_IOC_MANY, many);
}

/* Once more, with what the last call wrote cleared. */
static int again(const struct shs_att *by, struct shs_ioc_many *many)
{
	struct shs_many_item *item = (void *)(unsigned long)many->items;

	many->index = 0;
	for (__u32 i = 0; i < many->nr; i++)
		item[i].result = 0;
	return call(by, many);
}

static bool is_held(int fd)
{
	return shs_info(fd).state & SHS_STATE_HELD;
}

static int complete(const struct shs_att *once)
{
	int ret = shs_once(once, &SHS_ONCE(.cmd = SHS_ONCE_BEGIN, .deadline = SHS_FOREVER));

	return ret ?: shs_once(once, &SHS_ONCE(.cmd = SHS_ONCE_COMPLETE));
}

static int store(int fd, __u32 index, __u64 value)
{
	return shs_op(fd, &SHS_OP(STORE, .index = index, .arg = value));
}

static int notify(int fd, __u32 index, __u64 count)
{
	struct shs_ioc_op op = SHS_OP(NOTIFY, .index = index, .arg = count);

	return shs_op(fd, &op) ?: op.result;
}

static bool is_grant(int ret)
{
	return !ret || ret == -EOWNERDEAD;
}

/* Whoever held it before may have died. */
static bool gets(const struct shs_att *att)
{
	return is_grant(shs_lock(att));
}

/* What a child's call came to. */
struct outcome {
	struct shs_ioc_many many;
	struct shs_many_item item[KINDS];
	int ret;
};

/* By a child with attachments of its own: the items' descriptors are places in the set. */
static void waits(const struct set *of, struct outcome *out)
{
	struct set set = *of;

	if (attach(&set))
		_exit(255);
	for (__u32 i = 0; i < out->many.nr; i++)
		out->item[i].fd = set.att[out->item[i].fd].fd;
	out->many.items = (unsigned long)out->item;
	out->ret = call(&set.att[A], &out->many);
}

static struct outcome *outcome(__u32 flags, __u64 deadline, const int *which, int n)
{
	struct outcome *out = shs_common(sizeof(*out));

	out->many = (struct shs_ioc_many){ .size = sizeof(out->many), .flags = flags, .nr = n,
					   .item_size = sizeof(out->item[0]),
					   .deadline = deadline };
	for (int i = 0; i < n; i++)
		out->item[i].fd = which[i];
	return out;
}

#define OUTCOME(flags, ...) ({							\
	static const int which_[] = { __VA_ARGS__ };				\
										\
	outcome(flags, SHS_FOREVER, which_, ARRAY_SIZE(which_));		\
})

/* One that exits when its wait is over. */
static pid_t waiter(const struct set *set, struct outcome *out)
{
	pid_t child = shs_fork();

	if (child)
		return child;
	waits(set, out);
	_exit(0);
}

/* One that holds the mutex until it is killed. */
static pid_t holder(int fd)
{
	struct shs_pipe ready = shs_pipe();
	pid_t child = shs_fork();
	struct shs_att att;

	if (!child) {
		if (shs_attach(&att, fd) || !gets(&att))
			_exit(255);
		shs_say(&ready);
		shs_until_killed();
	}
	shs_hear(&ready);
	return child;
}

/* Of those that can be had the first in the order of the items, and no other. */
TEST_F(many, first_of_any)
{
	struct shs_att *att = self->set.att;
	struct shs_many_item item[] = { ITEM(&att[B]), ITEM(&att[A]), ITEM(&att[S], .permits = 2) };
	struct shs_ioc_many many = MANY(item);

	EXPECT_EQ(0, call(&att[V], &many));
	EXPECT_EQ(0, many.index);
	EXPECT_TRUE(is_held(self->set.fd[B]));
	EXPECT_FALSE(is_held(self->set.fd[A]));
	EXPECT_EQ(0, again(&att[A], &many));
	EXPECT_EQ(1, many.index);
	EXPECT_TRUE(is_held(self->set.fd[A]));
	EXPECT_EQ(0, again(&att[A], &many));
	EXPECT_EQ(2, many.index);
	EXPECT_EQ(1, shs_load(self->set.fd[S], 0));
	many.flags = SHS_MANY_NOWAIT;
	EXPECT_EQ(-EBUSY, again(&att[A], &many));
	EXPECT_EQ(1, shs_load(self->set.fd[S], 0));
	EXPECT_EQ(0, shs_unlock(&att[A]));
	EXPECT_EQ(0, again(&att[A], &many));
	EXPECT_EQ(1, many.index);
	EXPECT_EQ(0, shs_unlock(&att[A]));
	EXPECT_EQ(0, shs_unlock(&att[B]));
	EXPECT_EQ(0, shs_unlock_as(&att[S], &SHS_LOCK(.permits = 2)));
}

/* All kinds together, each in its way, all or none. */
TEST_F(many, all_at_once)
{
	struct shs_att *att = self->set.att;
	int *fd = self->set.fd;
	struct shs_many_item item[] = {
		ITEM(&att[V], .index = 2, .expected = 0), ITEM(&att[A]), ITEM(&att[O]),
		ITEM(&att[R], .mode = SHS_MODE_READ, .lane = 3), ITEM(&att[S], .permits = 2),
		ITEM(&att[B]),
	};
	struct shs_ioc_many many = MANY(item, .flags = SHS_MANY_ALL | SHS_MANY_NOWAIT);

	for (int step = 0; step < 4; step++) {
		switch (step) {
		case 1:
			EXPECT_EQ(0, complete(&att[O]));
			break;
		case 2:
			EXPECT_EQ(0, shs_lock(&att[B]));
			EXPECT_EQ(0, store(fd[V], 2, -7));
			break;
		case 3:
			EXPECT_EQ(0, shs_unlock(&att[B]));
			break;
		}
		EXPECT_EQ(step < 3 ? -EBUSY : 0, again(&att[A], &many));
		EXPECT_EQ(step == 2, step < 3 && is_held(fd[B]));
		EXPECT_EQ(step == 3, is_held(fd[A]));
		EXPECT_EQ(step == 3, shs_info(fd[R]).readers);
		EXPECT_EQ(step == 3 ? 1 : 3, shs_load(fd[S], 0));
		for (int i = 0; i < KINDS; i++)
			EXPECT_EQ(0, shs_info(fd[i]).waiters);
	}
	EXPECT_EQ(0, shs_unlock(&att[A]));
	EXPECT_EQ(0, shs_unlock(&att[B]));
	EXPECT_EQ(0, shs_rdunlock(&att[R], 3));
	EXPECT_EQ(0, shs_unlock_as(&att[S], &SHS_LOCK(.permits = 2)));
}

/* What can be waited for is had when it comes free, whichever of them that is. */
TEST_F(many, any_comes_free)
{
	static const int order[] = { A, B, R, S, V, O };
	struct shs_att *att = self->set.att;
	int *fd = self->set.fd;

	EXPECT_EQ(0, shs_lock(&att[A]));
	EXPECT_EQ(0, shs_lock(&att[B]));
	EXPECT_EQ(0, shs_lock(&att[R]));
	EXPECT_EQ(0, shs_lock_as(&att[S], &SHS_LOCK(.permits = 3)));
	for (int i = 0; i < KINDS; i++) {
		struct outcome *out = OUTCOME(0, A, B, R, S, O, V);
		pid_t child = waiter(&self->set, out);

		for (int k = 0; k < KINDS; k++)
			SHS_AWAIT(fd[k], info.waiters == 1);
		switch (order[i]) {
		case V:
			EXPECT_EQ(0, store(fd[V], 0, 5));
			EXPECT_EQ(1, notify(fd[V], 0, 1));
			break;
		case O:
			EXPECT_EQ(0, complete(&att[O]));
			break;
		default:
			EXPECT_EQ(0, shs_unlock(&att[order[i]]));
		}
		EXPECT_EQ(0, shs_reap(child));
		EXPECT_EQ(0, out->ret);
		EXPECT_EQ(order[i], out->many.index);
		for (int k = 0; k < KINDS; k++)
			EXPECT_EQ(0, shs_info(fd[k]).waiters);
		EXPECT_EQ(0, store(fd[V], 0, 0));
		if (order[i] <= R)	/* he died holding it */
			EXPECT_EQ(-EOWNERDEAD, shs_lock(&att[order[i]]));
		if (order[i] == S) {
			SHS_AWAIT(fd[S], info.readers == 2);
			EXPECT_EQ(0, shs_lock(&att[S]));
		}
	}
}

/* A wait for all ends when the last comes free, and holds nothing before. */
TEST_F(many, all_come_free)
{
	struct shs_att *att = self->set.att;
	struct outcome *out = OUTCOME(SHS_MANY_ALL, S, A, O, R, V, B);
	int *fd = self->set.fd;
	pid_t child;

	EXPECT_EQ(0, shs_lock(&att[R]));
	EXPECT_EQ(0, shs_lock(&att[B]));
	child = waiter(&self->set, out);
	SHS_AWAIT(fd[R], info.waiters == 1);
	EXPECT_EQ(0, shs_trylock(&att[A]));
	EXPECT_EQ(0, shs_lock_as(&att[S], &SHS_LOCK(.permits = 3, .flags = SHS_LOCK_NOWAIT)));
	EXPECT_EQ(0, shs_unlock(&att[R]));
	SHS_AWAIT(fd[S], info.waiters == 1);
	EXPECT_EQ(0, shs_info(fd[R]).waiters);
	EXPECT_EQ(0, shs_unlock_as(&att[S], &SHS_LOCK(.permits = 3)));
	SHS_AWAIT(fd[A], info.waiters == 1);
	EXPECT_EQ(0, shs_unlock(&att[A]));
	SHS_AWAIT(fd[B], info.waiters == 1);
	EXPECT_EQ(0, shs_trylock(&att[A]));
	EXPECT_EQ(0, shs_unlock(&att[A]));
	EXPECT_EQ(0, shs_trylock(&att[R]));
	EXPECT_EQ(0, shs_unlock(&att[R]));
	EXPECT_EQ(0, shs_lock_as(&att[S], &SHS_LOCK(.permits = 3, .flags = SHS_LOCK_NOWAIT)));
	EXPECT_EQ(0, shs_unlock_as(&att[S], &SHS_LOCK(.permits = 3)));
	EXPECT_EQ(0, shs_unlock(&att[B]));
	SHS_AWAIT(fd[O], info.waiters == 1);
	EXPECT_EQ(0, shs_trylock(&att[B]));
	EXPECT_EQ(0, complete(&att[O]));
	SHS_AWAIT(fd[B], info.waiters == 1);
	EXPECT_EQ(0, shs_unlock(&att[B]));
	SHS_AWAIT(fd[V], info.waiters == 1);
	EXPECT_EQ(0, store(fd[V], 0, 1));
	/* It uses up no notify, for it may yet wait on. */
	EXPECT_EQ(0, notify(fd[V], 0, 1));
	EXPECT_EQ(0, shs_reap(child));
	EXPECT_EQ(0, out->ret);
	for (int k = 0; k < KINDS; k++)
		EXPECT_EQ(0, shs_info(fd[k]).waiters);
	EXPECT_EQ(-EOWNERDEAD, shs_lock(&att[A]));
	EXPECT_EQ(-EOWNERDEAD, shs_lock(&att[B]));
	EXPECT_EQ(-EOWNERDEAD, shs_lock(&att[R]));
	SHS_AWAIT(fd[S], info.readers == 0);
}

/* Of each it is told by itself that its last owner died, once. */
TEST_F(many, owners_died)
{
	struct shs_att *att = self->set.att;
	int *fd = self->set.fd;
	struct shs_many_item item[] = { ITEM(&att[R]), ITEM(&att[A]), ITEM(&att[B]) };
	struct shs_ioc_many many = MANY(item, .flags = SHS_MANY_ALL);

	EXPECT_EQ(-SIGKILL, shs_kill(holder(fd[B])));
	EXPECT_EQ(-SIGKILL, shs_kill(holder(fd[R])));
	EXPECT_EQ(0, shs_lock(&att[A]));
	/* An attempt that fails does not use the news up. */
	many.flags |= SHS_MANY_NOWAIT;
	EXPECT_EQ(-EBUSY, call(&att[A], &many));
	EXPECT_EQ(0, item[0].result);
	EXPECT_EQ(0, item[2].result);
	EXPECT_EQ(0, shs_unlock(&att[A]));
	EXPECT_EQ(-EOWNERDEAD, again(&att[A], &many));
	EXPECT_EQ(-EOWNERDEAD, item[0].result);
	EXPECT_EQ(0, item[1].result);
	EXPECT_EQ(-EOWNERDEAD, item[2].result);
	for (int i = A; i <= R; i++)
		EXPECT_EQ(0, shs_unlock(&att[i]));
	EXPECT_EQ(0, again(&att[A], &many));
	for (int i = A; i <= R; i++)
		EXPECT_EQ(0, shs_unlock(&att[i]));
	/* Of any the one that it gets. */
	EXPECT_EQ(-SIGKILL, shs_kill(holder(fd[A])));
	EXPECT_EQ(0, shs_lock(&att[R]));
	many.flags = 0;
	EXPECT_EQ(-EOWNERDEAD, again(&att[A], &many));
	EXPECT_EQ(1, many.index);
	EXPECT_EQ(0, item[0].result);
	EXPECT_EQ(-EOWNERDEAD, item[1].result);
	EXPECT_EQ(0, item[2].result);
}

/* A death is also what a wait waits for. */
TEST_F(many, served_by_a_death)
{
	for (int all = 0; all < 2; all++) {
		struct outcome *out = OUTCOME(all ? SHS_MANY_ALL : 0, A, B);
		pid_t child, dies;

		dies = holder(self->set.fd[A]);
		EXPECT_EQ(0, all ? 0 : shs_lock(&self->set.att[B]));
		child = waiter(&self->set, out);
		SHS_AWAIT(self->set.fd[A], info.waiters == 1);
		EXPECT_EQ(-SIGKILL, shs_kill(dies));
		EXPECT_EQ(0, shs_reap(child));
		EXPECT_EQ(-EOWNERDEAD, out->ret);
		EXPECT_EQ(0, out->many.index);
		EXPECT_EQ(-EOWNERDEAD, out->item[0].result);
		EXPECT_EQ(0, out->item[1].result);
		EXPECT_EQ(0, all ? 0 : shs_unlock(&self->set.att[B]));
	}
}

/* Structs that are wrong in one thing, of which nothing is taken. */
TEST_F(many, refused)
{
	struct shs_att *att = self->set.att;
	int *fd = self->set.fd;
	struct shs_many_item good = ITEM(&att[A]);
	struct shs_many_item twice[] = { good, ITEM(&att[B]), good };
	struct shs_many_item pair[] = { good, ITEM(&att[B]) }, rest[65] = { };
	struct {
		struct shs_many_item item;
		int expected;
	} bad[] = {
		{ ITEM(&att[B], .pad = 1), -EINVAL }, { ITEM(&att[B], .result = 1), -EINVAL },
		{ ITEM(&att[B], .mode = SHS_MODE_READ), -EINVAL },
		{ ITEM(&att[B], .flags = SHS_LOCK_NOWAIT), -EINVAL },
		{ ITEM(&att[B], .flags = SHS_LOCK_RECURSIVE), -EINVAL },
		{ ITEM(&att[B], .flags = SHS_LOCK_NO_UNDO), -EINVAL },
		{ ITEM(&att[B], .flags = 1U << 31), -EINVAL },
		{ ITEM(&att[B], .lane = 1), -EINVAL }, { ITEM(&att[B], .permits = 1), -EINVAL },
		{ ITEM(&att[B], .index = 1), -EINVAL }, { ITEM(&att[B], .expected = 1), -EINVAL },
		{ ITEM(&att[R], .mode = 3), -EINVAL },
		{ ITEM(&att[R], .mode = SHS_MODE_READ, .lane = 1U << 30), -EINVAL },
		{ ITEM(&att[S], .permits = 6), -EINVAL }, { ITEM(&att[S], .mode = 1), -EINVAL },
		{ ITEM(&att[O], .mode = 1), -EINVAL }, { ITEM(&att[O], .flags = 1), -EINVAL },
		{ ITEM(&att[O], .lane = 1), -EINVAL }, { ITEM(&att[O], .permits = 1), -EINVAL },
		{ ITEM(&att[O], .index = 1), -EINVAL }, { ITEM(&att[O], .expected = 1), -EINVAL },
		{ ITEM(&att[V], .mode = 1), -EINVAL }, { ITEM(&att[V], .flags = 1), -EINVAL },
		{ ITEM(&att[V], .lane = 1), -EINVAL }, { ITEM(&att[V], .permits = 1), -EINVAL },
		{ ITEM(&att[V], .index = 4), -EINVAL },
		{ ITEM(&att[V], .expected = 1ULL << 31), -ERANGE },
		{ ITEM(&att[V], .mode = SHS_OP_AWAIT_GE, .expected = 1ULL << 31), -ERANGE },
		{ ITEM(&att[V], .mode = SHS_OP_AWAIT_ANY), -EINVAL },
		{ ITEM(&att[V], .mode = SHS_OP_AWAIT_ANY + 1), -EINVAL },
		{ ITEM(&att[V], .mode = SHS_OP_AWAIT_GE, .index = 4), -EINVAL },
		{ { .fd = -1 }, -EBADF }, { { .fd = 1 << 20 }, -EBADF },
		{ { .fd = fd[B] }, -EINVAL }, { { .fd = STDOUT_FILENO }, -EINVAL },
	};
	struct shs_ioc_many many = MANY(twice), wrong[] = {
		MANY(pair, .flags = 1U << 2), MANY(pair, .pad[1] = 1), MANY(pair, .pad1 = 1),
		MANY(pair, .index = 1), MANY(pair, .notice = 1),
	};

	EXPECT_EQ(-EINVAL, call(&att[A], &many));
	EXPECT_EQ(2, many.index);
	for (int flags = 0; flags <= SHS_MANY_ALL; flags++) {
		for (int i = 0; i < ARRAY_SIZE(bad); i++) {
			struct shs_many_item item[] = { good, bad[i].item };

			many = MANY(item, .flags = flags);
			EXPECT_EQ(bad[i].expected, call(&att[A], &many)) TH_LOG("item %d", i);
			EXPECT_EQ(1, many.index);
		}
		many = MANY(pair, .flags = flags);
		many.nr = 0;
		EXPECT_EQ(-EINVAL, call(&att[A], &many));
		many = MANY(rest, .flags = flags);
		EXPECT_EQ(-EINVAL, call(&att[A], &many));
		many = MANY(pair, .flags = flags, .clock = 3);
		EXPECT_EQ(-EINVAL, call(&att[A], &many));
	}
	for (int i = 0; i < ARRAY_SIZE(wrong); i++) {
		EXPECT_EQ(-EINVAL, call(&att[A], &wrong[i])) TH_LOG("call %d", i);
	}
	many = MANY(pair);
	EXPECT_EQ(-ENOTTY, shs_call(fd[A], SHS_IOC_MANY, &many));
	EXPECT_FALSE(is_held(fd[A]));
	EXPECT_FALSE(is_held(fd[B]));
}

/* A cell and a condvar are not waited for so. */
TEST_F(many, other_kinds)
{
	static const struct {
		__u32 kind, type;
	} other[] = {
		{ SHS_KIND_CELL, SHS_TYPE_U64 }, { SHS_KIND_CONDVAR, SHS_TYPE_NONE },
	};

	for (int i = 0; i < ARRAY_SIZE(other); i++) {
		int fd = shs_create(other[i].kind, other[i].type, other[i].type ? 1 : 0);
		struct shs_many_item item[1];
		struct shs_ioc_many many;
		struct shs_att att;

		ASSERT_LE(0, fd);
		ASSERT_EQ(0, shs_attach(&att, fd));
		item[0] = ITEM(&att);
		many = MANY(item);
		EXPECT_EQ(-EOPNOTSUPP, call(&att, &many));
		many.flags = SHS_MANY_ALL;
		EXPECT_EQ(-EOPNOTSUPP, again(&att, &many));
	}
}

/* Attachments of another process, of another mount, not mapped, or without the right. */
TEST_F(many, whose)
{
	struct shs_att *att = self->set.att, only, reader, elsewhere;
	struct shs_many_item item[] = { ITEM(&att[A]), ITEM(&att[B]) };
	struct shs_ioc_many many = MANY(item);
	pid_t child;
	int fd;

	child = shs_fork();
	if (!child) {
		struct shs_att own;

		if (shs_attach(&own, self->set.fd[A]) || call(&att[A], &many) != -ESTALE ||
		    call(&own, &many) != -ESTALE || many.index)
			_exit(1);
		item[0].fd = own.fd;
		if (call(&own, &many) != -ESTALE || many.index != 1)
			_exit(2);
		_exit(is_held(self->set.fd[A]));
	}
	EXPECT_EQ(0, shs_reap(child));
	ASSERT_EQ(0, shs_link(self->set.fd[B], "b"));
	fd = shs_open("b", O_RDONLY);
	ASSERT_EQ(0, shs_attach(&reader, fd));
	ASSERT_EQ(0, shs_attach_only(&only, self->set.fd[B]));
	for (int flags = 0; flags <= SHS_MANY_ALL; flags++) {
		EXPECT_EQ(0, shs_lock(&att[A]));
		item[1].fd = reader.fd;
		many = MANY(item, .flags = flags);
		EXPECT_EQ(-EACCES, call(&att[A], &many));
		item[1].fd = only.fd;
		item[0] = ITEM(&att[S]);
		many = MANY(item, .flags = flags | SHS_MANY_ALL);
		EXPECT_EQ(-ENXIO, call(&att[A], &many));
		EXPECT_EQ(1, many.index);
		EXPECT_EQ(3, shs_load(self->set.fd[S], 0));
		item[0] = ITEM(&att[A]);
		many = MANY(item);
		EXPECT_EQ(-ENXIO, call(&att[A], &many));
		EXPECT_EQ(1, many.index);
		EXPECT_EQ(0, shs_unlock(&att[A]));
	}
	ASSERT_EQ(0, shs_mount(""));
	fd = shs_create(SHS_KIND_MUTEX, SHS_TYPE_NONE, 0);
	ASSERT_EQ(0, shs_attach(&elsewhere, fd));
	item[1].fd = elsewhere.fd;
	many = MANY(item);
	EXPECT_EQ(-EXDEV, call(&att[A], &many));
	many.index = 0;
	EXPECT_EQ(-EXDEV, call(&elsewhere, &many));
	EXPECT_EQ(0, many.index);
}

/* Shorter structs than these there never were; longer ones end with zeroes. */
TEST_F(many, sizes)
{
	struct {
		struct shs_many_item item;
		__u64 more;
	} item[2] = { { ITEM(&self->set.att[A]) }, { ITEM(&self->set.att[B]) } };
	struct {
		struct shs_ioc_many many;
		__u64 more;
	} arg = { MANY(item, .flags = SHS_MANY_ALL) };
	struct shs_att *by = &self->set.att[A];

	arg.many.size = sizeof(arg);
	arg.many.item_size = sizeof(item[0]);
	arg.more = 1;
	EXPECT_EQ(-E2BIG, call(by, &arg.many));
	arg.more = 0;
	item[1].more = 1;
	EXPECT_EQ(-E2BIG, call(by, &arg.many));
	EXPECT_EQ(1, arg.many.index);
	item[1].more = 0;
	arg.many.index = 0;
	arg.many.item_size = sizeof(struct shs_many_item) - 1;
	EXPECT_EQ(-EINVAL, call(by, &arg.many));
	arg.many.item_size = getpagesize() + 1;
	EXPECT_EQ(-E2BIG, call(by, &arg.many));
	arg.many.item_size = sizeof(item[0]);
	arg.many.size = sizeof(struct shs_ioc_many) - 1;
	EXPECT_EQ(-EINVAL, call(by, &arg.many));
	arg.many.size = getpagesize() + 1;
	EXPECT_EQ(-E2BIG, call(by, &arg.many));
	arg.many.size = sizeof(arg);
	EXPECT_FALSE(is_held(self->set.fd[A]));
	EXPECT_EQ(0, call(by, &arg.many));
	EXPECT_TRUE(is_held(self->set.fd[A]));
	EXPECT_TRUE(is_held(self->set.fd[B]));
}

/* What cannot be read or written fails before anything is taken. */
TEST_F(many, bad_addresses)
{
	char *page = mmap(NULL, 2 * getpagesize(), PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct shs_many_item *item = (void *)page, copy[] = {
		ITEM(&self->set.att[A]), ITEM(&self->set.att[B]),
	};
	struct shs_att *by = &self->set.att[A];
	struct shs_ioc_many many = MANY(copy);

	ASSERT_EQ(0, munmap(page + getpagesize(), getpagesize()));
	EXPECT_EQ(-EFAULT, call(by, NULL));
	many.items = 0;
	EXPECT_EQ(-EFAULT, call(by, &many));
	many.items = (unsigned long)page + getpagesize() - sizeof(*item);
	memcpy(page + getpagesize() - sizeof(*item), copy, sizeof(*item));
	EXPECT_EQ(-EFAULT, call(by, &many));		/* the second */
	memcpy(page, copy, sizeof(copy));
	many.items = (unsigned long)page;
	many.index = 0;
	ASSERT_EQ(0, mprotect(page, getpagesize(), PROT_READ));
	EXPECT_EQ(-EFAULT, call(by, &many));
	ASSERT_EQ(0, mprotect(page, getpagesize(), PROT_READ | PROT_WRITE));
	many.index = 0;
	many.items = (unsigned long)copy;
	memcpy(page, &many, sizeof(many));
	ASSERT_EQ(0, mprotect(page, getpagesize(), PROT_READ));
	EXPECT_EQ(-EFAULT, call(by, (void *)page));
	EXPECT_FALSE(is_held(self->set.fd[A]));
	EXPECT_FALSE(is_held(self->set.fd[B]));
}

/* A deadline is met on its clock, and leaves no trace. */
TEST_F(many, deadlines)
{
	struct shs_att *att = self->set.att;
	int *fd = self->set.fd;
	struct shs_many_item item[] = { ITEM(&att[A]), ITEM(&att[R]) };
	struct shs_ioc_many late;

	EXPECT_EQ(0, shs_lock(&att[A]));
	EXPECT_EQ(0, shs_lock(&att[R]));
	for (int flags = 0; flags <= SHS_MANY_ALL; flags++)
		for (int clock = SHS_CLOCK_MONOTONIC; clock <= SHS_CLOCK_BOOTTIME; clock++) {
			__u64 near = shs_now(clock) + 10 * SHS_MS;
			struct shs_ioc_many many = MANY(item, .flags = flags, .clock = clock);

			many.deadline = near;
			EXPECT_EQ(-ETIMEDOUT, call(&att[A], &many));
			EXPECT_LE(near, shs_now(clock));
			EXPECT_EQ(0, shs_info(fd[A]).waiters);
			EXPECT_EQ(0, shs_info(fd[R]).waiters);
		}
	EXPECT_EQ(0, shs_unlock(&att[A]));
	EXPECT_EQ(0, shs_unlock(&att[R]));
	late = MANY(item, .flags = SHS_MANY_ALL);
	late.deadline = 0;
	EXPECT_EQ(0, call(&att[A], &late));
}

static void on_signal(int number)
{
}

/* A signal ends the wait with nothing, or with SA_RESTART does not end it. */
TEST_F(many, interrupted)
{
	struct sigaction action = { .sa_handler = on_signal };
	int *fd = self->set.fd;

	for (int i = 0; i < 4; i++) {
		struct outcome *out = OUTCOME(i & 1 ? SHS_MANY_ALL : 0, A, B);
		pid_t child;

		action.sa_flags = i & 2 ? SA_RESTART : 0;
		sigaction(SIGUSR1, &action, NULL);
		EXPECT_TRUE(gets(&self->set.att[A]));
		EXPECT_TRUE(gets(&self->set.att[B]));
		child = waiter(&self->set, out);
		SHS_AWAIT(fd[i & 1 ? A : B], info.waiters == 1);
		kill(child, SIGUSR1);
		if (!(i & 2)) {
			EXPECT_EQ(0, shs_reap(child));
			EXPECT_EQ(-EINTR, out->ret);
			EXPECT_EQ(0, shs_info(fd[A]).waiters);
			EXPECT_EQ(0, shs_info(fd[B]).waiters);
		}
		EXPECT_EQ(0, shs_unlock(&self->set.att[B]));
		EXPECT_EQ(0, shs_unlock(&self->set.att[A]));
		if (i & 2) {
			EXPECT_EQ(0, shs_reap(child));
			EXPECT_EQ(0, out->ret);
			SHS_AWAIT(fd[A], !(info.state & SHS_STATE_HELD));
			SHS_AWAIT(fd[B], !(info.state & SHS_STATE_HELD));
		}
	}
}

struct thread {
	struct shs_att *by;
	struct shs_ioc_many *many;
	int ret;
};

static void *thread_waits(void *arg)
{
	struct thread *t = arg;

	t->ret = call(t->by, t->many);
	return NULL;
}

/* Another thread ends it, by any of its objects, also of those where it does not queue. */
TEST_F(many, cancelled)
{
	struct shs_att *att = self->set.att;
	struct shs_many_item item[] = { ITEM(&att[R]), ITEM(&att[A]), ITEM(&att[B]) };
	struct shs_ioc_many many = MANY(item);
	struct shs_ioc_cancel cancel = { .size = sizeof(cancel), .addr = (unsigned long)&many };
	struct thread t = { &att[A], &many };
	pthread_t thread;

	EXPECT_EQ(0, shs_lock(&att[A]));
	for (int i = 0; i < 6; i++) {
		many.flags = i & 1 ? SHS_MANY_ALL : 0;
		many.index = 0;
		if (!(i & 1)) {
			EXPECT_EQ(0, shs_lock(&att[R]));
			EXPECT_EQ(0, shs_lock(&att[B]));
		}
		ASSERT_EQ(0, pthread_create(&thread, NULL, thread_waits, &t));
		SHS_AWAIT(self->set.fd[i & 1 ? A : B], info.waiters == 1);
		EXPECT_EQ(0, shs_ioctl((int[]){ att[R].fd, att[A].fd, self->set.fd[B] }[i / 2],
				       SHS_IOC_CANCEL, &cancel));
		pthread_join(thread, NULL);
		EXPECT_EQ(-ECANCELED, t.ret);
		EXPECT_EQ(-ENOENT, shs_ioctl(att[A].fd, SHS_IOC_CANCEL, &cancel));
		if (!(i & 1)) {
			EXPECT_EQ(0, shs_unlock(&att[R]));
			EXPECT_EQ(0, shs_unlock(&att[B]));
		}
		for (int k = A; k <= R; k++)
			EXPECT_EQ(0, shs_info(self->set.fd[k]).waiters);
		EXPECT_FALSE(is_held(self->set.fd[R]));
	}
}

/* The end of one attachment ends the wait, which says so of that item. */
TEST_F(many, attachment_ends)
{
	for (int all = 0; all < 2; all++) {
		struct shs_att *att = self->set.att, brief;
		struct shs_many_item item[2];
		struct shs_ioc_many many;
		struct thread t = { &att[A], &many };
		pthread_t thread;

		ASSERT_EQ(0, shs_attach(&brief, self->set.fd[B]));
		item[0] = ITEM(&att[A]);
		item[1] = ITEM(&brief);
		many = MANY(item, .flags = all ? SHS_MANY_ALL : 0);
		EXPECT_EQ(0, all ? 0 : shs_lock(&att[A]));
		EXPECT_EQ(0, shs_lock(&att[B]));
		ASSERT_EQ(0, pthread_create(&thread, NULL, thread_waits, &t));
		SHS_AWAIT(self->set.fd[B], info.waiters == 1);
		munmap(brief.private, brief.is.private_size);
		pthread_join(thread, NULL);
		EXPECT_EQ(-ENXIO, t.ret);
		EXPECT_EQ(1, many.index);
		EXPECT_EQ(0, all ? 0 : shs_unlock(&att[A]));
		EXPECT_EQ(0, shs_unlock(&att[B]));
		EXPECT_EQ(0, shs_info(self->set.fd[A]).waiters);
		EXPECT_FALSE(is_held(self->set.fd[A]));
	}
}

/* In a queue it has its turn like the others: not before, and not after. */
TEST_F(many, in_its_turn)
{
	int fifo = shs_create_as(&SHS_INIT(.kind = SHS_KIND_MUTEX, .flags = SHS_INIT_FIFO));
	struct set set = self->set;
	struct outcome *out[4];
	struct shs_att att;
	pid_t child[4];

	set.fd[A] = fifo;
	ASSERT_EQ(0, shs_attach(&att, fifo));
	EXPECT_EQ(0, shs_lock(&att));
	EXPECT_EQ(0, shs_lock(&self->set.att[B]));
	for (int i = 0; i < 4; i++) {
		out[i] = i & 1 ? OUTCOME(0, B, A) : OUTCOME(0, A);
		child[i] = waiter(&set, out[i]);
		SHS_AWAIT(fifo, info.waiters == i + 1);
	}
	EXPECT_EQ(0, shs_unlock(&att));
	for (int i = 0; i < 4; i++) {
		EXPECT_EQ(0, shs_reap(child[i]));	/* and so hands on to the next */
		EXPECT_EQ(i ? -EOWNERDEAD : 0, out[i]->ret);
		EXPECT_EQ(i & 1, out[i]->many.index);
	}
	EXPECT_EQ(0, shs_info(self->set.fd[B]).waiters);
}

/* Who waits for all stands in nobody's way, in front of a queue. */
TEST_F(many, scout_is_passed)
{
	struct outcome *out = OUTCOME(SHS_MANY_ALL, A, B), *next = OUTCOME(0, A);
	struct shs_att *att = self->set.att;
	pid_t child, other;

	EXPECT_EQ(0, shs_lock(&att[A]));
	child = waiter(&self->set, out);
	SHS_AWAIT(self->set.fd[A], info.waiters == 1);
	other = waiter(&self->set, next);
	SHS_AWAIT(self->set.fd[A], info.waiters == 2);
	EXPECT_EQ(0, shs_lock(&att[B]));
	EXPECT_EQ(0, shs_unlock(&att[A]));
	EXPECT_EQ(0, shs_reap(other));
	EXPECT_EQ(0, next->ret);
	SHS_AWAIT(self->set.fd[B], info.waiters == 1);
	EXPECT_EQ(0, shs_info(self->set.fd[A]).waiters);
	EXPECT_EQ(0, shs_unlock(&att[B]));
	EXPECT_EQ(0, shs_reap(child));
	EXPECT_EQ(-EOWNERDEAD, out->ret);	/* as the other left it */
	EXPECT_EQ(-EOWNERDEAD, out->item[0].result);
}

/* Nobody is told of a value that is met beside a lock that is not had. */
TEST_F(many, values)
{
	int counter = shs_create(SHS_KIND_COUNTER, SHS_TYPE_I64, 2);
	struct shs_att *att = self->set.att;
	int *fd = self->set.fd;
	struct shs_att c;

	ASSERT_EQ(0, shs_attach(&c, counter));
	for (int all = 0; all < 2; all++) {
		struct shs_many_item item[] = {
			ITEM(&att[V], .index = 1, .mode = SHS_OP_AWAIT_GE, .expected = 5),
			ITEM(&c, .index = 1, .mode = SHS_OP_AWAIT_EQ, .expected = -3),
			ITEM(&att[A]),
		};
		struct shs_ioc_many many = MANY(item, .flags = (all ? SHS_MANY_ALL : 0) |
						SHS_MANY_NOWAIT);

		EXPECT_EQ(0, store(fd[V], 1, 4));
		EXPECT_EQ(0, shs_op(counter, &SHS_OP(RESET, .index = 1)));
		EXPECT_EQ(0, shs_lock(&att[A]));
		EXPECT_EQ(-EBUSY, again(&c, &many));
		EXPECT_EQ(0, store(fd[V], 1, 5));
		EXPECT_EQ(all ? -EBUSY : 0, again(&c, &many));
		EXPECT_EQ(0, shs_op(counter, &SHS_OP(ADD, .index = 1, .arg = -3)));
		EXPECT_EQ(0, store(fd[V], 1, 4));
		EXPECT_EQ(all ? -EBUSY : 0, again(&c, &many));
		EXPECT_EQ(all ? 2 : 1, many.index);
		EXPECT_EQ(0, store(fd[V], 1, 6));
		EXPECT_EQ(0, shs_unlock(&att[A]));
		EXPECT_EQ(0, again(&c, &many));
		EXPECT_EQ(0, many.index);
		EXPECT_EQ(all, is_held(fd[A]));
		EXPECT_EQ(0, all ? shs_unlock(&att[A]) : 0);
		item[1].mode = 0;
		EXPECT_EQ(-EINVAL, again(&c, &many));
		item[1].mode = SHS_OP_CHANGED;
		EXPECT_EQ(-EINVAL, again(&c, &many));
	}
}

/* Values are waited for, however they change, and a deadline looks at them once more. */
TEST_F(many, values_come)
{
	struct shs_att *att = self->set.att;
	int *fd = self->set.fd;

	for (int all = 0; all < 2; all++) {
		struct outcome *out = OUTCOME(all ? SHS_MANY_ALL : 0, V, O);
		__s32 *value = (__s32 *)shs_value(&att[V]) + 3;
		pid_t child;

		EXPECT_EQ(0, store(fd[V], 3, 0));
		out->item[0].mode = SHS_OP_AWAIT_LE;
		out->item[0].index = 3;
		out->item[0].expected = -2;
		child = waiter(&self->set, out);
		SHS_AWAIT(fd[V], info.waiters == 1);
		EXPECT_EQ(0, store(fd[V], 3, -1));
		EXPECT_EQ(0, notify(fd[V], 3, 1));
		EXPECT_EQ(1, shs_info(fd[V]).waiters);
		/* Without a call: whoever changes it says so. */
		__atomic_store_n(value, -2, __ATOMIC_SEQ_CST);
		EXPECT_EQ(0, shs_op(fd[V], &SHS_OP(CHANGED, .index = 3)));
		if (all) {
			SHS_AWAIT(fd[O], info.waiters == 1);
			EXPECT_EQ(0, complete(&att[O]));
		}
		EXPECT_EQ(0, shs_reap(child));
		EXPECT_EQ(0, out->ret);
		EXPECT_EQ(0, out->many.index);
		EXPECT_EQ(0, shs_info(fd[V]).waiters);
	}
}

/* Nobody says so: the deadline finds it, if nothing else does. */
TEST_F(many, value_at_the_deadline)
{
	__s32 *value = (__s32 *)shs_value(&self->set.att[V]);
	struct outcome *before = OUTCOME(0, V);
	int fd = self->set.fd[V];
	pid_t other;

	/* Somebody waits already, so that none looks for who comes now; or only in the first turn. */
	before->item[0].mode = SHS_OP_AWAIT_GE;
	before->item[0].index = 1;
	before->item[0].expected = 1;
	other = waiter(&self->set, before);
	SHS_AWAIT(fd, info.waiters == 1);
	for (int turn = 0; turn < 4; turn++) {
		bool all = turn & 1;
		__u64 at = shs_now(SHS_CLOCK_MONOTONIC) + 300 * SHS_MS;
		static const int which[] = { V };
		struct outcome *out = outcome(all ? SHS_MANY_ALL : 0, at, which, 1);
		bool queued = false, in_time;
		pid_t child;

		EXPECT_EQ(0, store(fd, 0, 0));
		out->item[0].mode = SHS_OP_AWAIT_LE;
		out->item[0].expected = -2;
		child = waiter(&self->set, out);
		while (!queued && !shs_is_gone(child)) {
			queued = shs_info(fd).waiters == 2;
			sched_yield();
		}
		__atomic_store_n(value, -2, __ATOMIC_SEQ_CST);
		in_time = queued && shs_now(SHS_CLOCK_MONOTONIC) < at;
		EXPECT_EQ(0, shs_reap(child));
		EXPECT_EQ(in_time ? 0 : out->ret, out->ret);
	}
	EXPECT_EQ(-SIGKILL, shs_kill(other));
}

/* A recursive mutex that the thread holds can be had once more. */
TEST_F(many, recursive)
{
	int fd = shs_create_as(&SHS_INIT(.kind = SHS_KIND_MUTEX, .flags = SHS_INIT_RECURSIVE));
	struct shs_many_item item[2];
	struct shs_ioc_many many;
	struct shs_att att;

	ASSERT_EQ(0, shs_attach(&att, fd));
	item[0] = ITEM(&att);
	item[1] = ITEM(&self->set.att[A]);
	many = MANY(item, .flags = SHS_MANY_ALL | SHS_MANY_NOWAIT);
	EXPECT_EQ(0, shs_lock(&att));
	EXPECT_EQ(0, shs_lock(&self->set.att[A]));
	EXPECT_EQ(-EBUSY, call(&att, &many));
	EXPECT_EQ(1, shs_info(fd).depth);
	EXPECT_EQ(0, shs_unlock(&self->set.att[A]));
	EXPECT_EQ(0, again(&att, &many));
	EXPECT_EQ(2, shs_info(fd).depth);
	many.flags = 0;
	EXPECT_EQ(0, again(&att, &many));
	EXPECT_EQ(0, many.index);
	EXPECT_EQ(3, shs_info(fd).depth);
	for (int i = 0; i < 3; i++)
		EXPECT_EQ(0, shs_unlock(&att));
	EXPECT_FALSE(is_held(fd));
}

/* A lost mutex, and one that becomes so, ends the wait. */
TEST_F(many, lost)
{
	int fd = shs_create_as(&SHS_INIT(.kind = SHS_KIND_MUTEX, .flags = SHS_INIT_STRICT));
	struct set set = self->set;
	struct outcome *out[4];
	struct shs_att att;
	pid_t child[4];

	set.fd[B] = fd;
	ASSERT_EQ(0, shs_attach(&att, fd));
	EXPECT_EQ(0, shs_lock(&self->set.att[A]));
	EXPECT_EQ(-SIGKILL, shs_kill(holder(fd)));
	EXPECT_EQ(-EOWNERDEAD, shs_lock(&att));
	for (int i = 0; i < 4; i++) {
		out[i] = i & 1 ? OUTCOME(SHS_MANY_ALL, B, A) : OUTCOME(0, A, B);
		child[i] = waiter(&set, out[i]);
		if (i < 2)
			SHS_AWAIT(fd, info.waiters == i + 1);
		if (i == 1)
			EXPECT_EQ(0, shs_unlock(&att));	/* not declared good */
	}
	for (int i = 0; i < 4; i++) {
		EXPECT_EQ(0, shs_reap(child[i]));
		EXPECT_EQ(-ENOTRECOVERABLE, out[i]->ret);
		EXPECT_EQ(!(i & 1), out[i]->many.index);
	}
	EXPECT_EQ(0, shs_info(self->set.fd[A]).waiters);
}

/* What is frozen is busy, for both, and waited for. */
TEST_F(many, frozen)
{
	struct shs_ioc_watch watch = { .size = sizeof(watch),
				       .flags = SHS_WATCH_ON | SHS_WATCH_FREEZE };
	struct outcome *any = OUTCOME(0, A), *all = OUTCOME(SHS_MANY_ALL, B, A);
	struct shs_att *att = self->set.att;
	pid_t one, other;

	EXPECT_EQ(0, shs_ioctl(att[A].fd, SHS_IOC_WATCH, &watch));
	one = waiter(&self->set, any);
	other = waiter(&self->set, all);
	SHS_AWAIT(self->set.fd[A], info.waiters == 2);
	EXPECT_EQ(0, shs_trylock(&att[B]));
	EXPECT_EQ(0, shs_unlock(&att[B]));
	watch.flags = 0;
	EXPECT_EQ(0, shs_ioctl(att[A].fd, SHS_IOC_WATCH, &watch));
	EXPECT_EQ(0, shs_reap(one));
	EXPECT_EQ(0, shs_reap(other));
	EXPECT_TRUE(is_grant(any->ret));
	EXPECT_TRUE(is_grant(all->ret));
}

/* As many as there may be. */
TEST_F(many, sixty_four)
{
	struct shs_att att[SHS_MANY_MAX];
	struct shs_many_item item[SHS_MANY_MAX];
	struct shs_ioc_many many = MANY(item, .flags = SHS_MANY_ALL | SHS_MANY_NOWAIT);

	for (int i = 0; i < SHS_MANY_MAX; i++) {
		int fd = i & 1 ? shs_create(SHS_KIND_RWLOCK, SHS_TYPE_NONE, 0) :
				 shs_create(SHS_KIND_MUTEX, SHS_TYPE_NONE, 0);

		ASSERT_EQ(0, shs_attach(&att[i], fd));
		item[i] = ITEM(&att[i]);
		close(fd);
	}
	EXPECT_EQ(0, shs_lock(&att[63]));
	EXPECT_EQ(-EBUSY, call(&att[5], &many));
	EXPECT_EQ(63, many.index);
	EXPECT_EQ(0, shs_unlock(&att[63]));
	EXPECT_EQ(0, again(&att[5], &many));
	for (int i = 0; i < SHS_MANY_MAX; i++) {
		many.flags = SHS_MANY_NOWAIT;
		EXPECT_EQ(-EBUSY, again(&att[5], &many));
		EXPECT_EQ(0, shs_unlock(&att[i]));
		EXPECT_EQ(0, again(&att[5], &many));
		EXPECT_EQ(i, many.index);
	}
}

/* One that is killed while it waits, or just when it is served, takes nothing along. */
TEST_F(many, killed_waiter)
{
	struct shs_att *att = self->set.att;
	int *fd = self->set.fd;

	for (unsigned long i = 0; i < shs_scale(40); i++) {
		struct outcome *out = OUTCOME(i & 1 ? SHS_MANY_ALL : 0, A, B);
		struct outcome *then = OUTCOME(0, A);
		pid_t child, next;

		EXPECT_TRUE(gets(&att[A]));
		EXPECT_TRUE(gets(&att[B]));
		child = waiter(&self->set, out);
		SHS_AWAIT(fd[A], info.waiters == 1);
		next = waiter(&self->set, then);
		SHS_AWAIT(fd[A], info.waiters == 2);
		if (i & 2) {
			kill(child, SIGKILL);
			EXPECT_EQ(0, shs_unlock(&att[A]));
		} else {
			EXPECT_EQ(0, shs_unlock(&att[A]));
			kill(child, SIGKILL);
		}
		EXPECT_EQ(0, shs_unlock(&att[B]));
		shs_reap(child);
		EXPECT_EQ(0, shs_reap(next));
		EXPECT_TRUE(is_grant(then->ret));
		SHS_AWAIT(fd[A], !info.waiters && !(info.state & SHS_STATE_HELD));
		SHS_AWAIT(fd[B], !info.waiters && !(info.state & SHS_STATE_HELD));
		munmap(out, sizeof(*out));
		munmap(then, sizeof(*then));
	}
}

#define LOCKS 4
#define CROWD 6

/* In memory that all have in common: who has which lock, as they say. */
struct crowd {
	int owner[LOCKS];
	unsigned long grants;
	int errors;
};

static void own(struct crowd *crowd, int lock, int me)
{
	if (__atomic_exchange_n(&crowd->owner[lock], me, __ATOMIC_SEQ_CST))
		__atomic_add_fetch(&crowd->errors, 1, __ATOMIC_SEQ_CST);
}

static void disown(struct crowd *crowd, int lock, int me)
{
	if (__atomic_exchange_n(&crowd->owner[lock], 0, __ATOMIC_SEQ_CST) != me)
		__atomic_add_fetch(&crowd->errors, 1, __ATOMIC_SEQ_CST);
}

static int mutex_or_rwlock(int i)
{
	return shs_create(i & 1 ? SHS_KIND_RWLOCK : SHS_KIND_MUTEX, SHS_TYPE_NONE, 0);
}

/* Some of the locks, in some order. */
static int some(struct shs_many_item *item, int *lock, const struct shs_att *att, __u64 *seed)
{
	int n = 1 + shs_number(seed) % LOCKS;

	for (int i = 0; i < n;) {
		lock[i] = shs_number(seed) % LOCKS;
		for (int k = 0; k <= i; k++)
			if (k == i)
				item[i++] = ITEM(&att[lock[k]]), k = LOCKS;
			else if (lock[k] == lock[i])
				break;
	}
	return n;
}

/* Takes any or all of some locks, now and then one alone, and gives them back. */
static void crowd_member(const int *fd, struct crowd *crowd, int me, __u64 seed,
			 unsigned long rounds, bool dies)
{
	struct shs_att att[LOCKS];

	for (int i = 0; i < LOCKS; i++)
		if (shs_attach(&att[i], fd[i]))
			_exit(255);
	for (unsigned long n = 0; dies || n < rounds; n++) {
		struct shs_many_item item[LOCKS] = { };
		struct shs_ioc_many many = MANY(item);	/* of them as many as some() says */
		int lock[LOCKS], had[LOCKS], count, ret;

		many.nr = some(item, lock, att, &seed);
		many.flags = shs_number(&seed) & SHS_MANY_ALL;
		if (!(shs_number(&seed) % 4))
			many.deadline = shs_now(SHS_CLOCK_MONOTONIC) + shs_number(&seed) % SHS_MS;
		ret = call(&att[0], &many);
		if (ret == -ETIMEDOUT)
			continue;
		if (dies ? !is_grant(ret) : ret)
			_exit(1);
		count = many.flags & SHS_MANY_ALL ? many.nr : 1;
		for (int i = 0; i < count; i++)
			had[i] = many.flags & SHS_MANY_ALL ? lock[i] : lock[many.index];
		for (int i = 0; i < count && !dies; i++)
			own(crowd, had[i], me);
		__atomic_add_fetch(&crowd->grants, 1, __ATOMIC_SEQ_CST);
		for (int i = 0; i < count && !dies; i++)
			disown(crowd, had[i], me);
		for (int i = 0; i < count; i++)
			if (shs_unlock(&att[had[i]]))
				_exit(2);
	}
	_exit(0);
}

/* Everybody takes any or all of some in some order: nobody waits for ever, or beside another. */
TEST_F(many, crowd)
{
	struct crowd *crowd = shs_common(sizeof(*crowd));
	pid_t child[CROWD];
	int fd[LOCKS];

	for (int i = 0; i < LOCKS; i++)
		fd[i] = mutex_or_rwlock(i);
	for (int i = 0; i < CROWD; i++) {
		child[i] = shs_fork();
		if (!child[i])
			crowd_member(fd, crowd, i + 1, 0x1234567 + i, shs_scale(1000), false);
	}
	for (int i = 0; i < CROWD; i++)
		EXPECT_EQ(0, shs_reap(child[i]));
	EXPECT_EQ(0, crowd->errors);
	for (int i = 0; i < LOCKS; i++) {
		EXPECT_EQ(0, shs_info(fd[i]).waiters);
		EXPECT_EQ(0, shs_info(fd[i]).state);
	}
}

/* And are killed at any moment: what they had comes back, and the others go on. */
TEST_F(many, crowd_is_killed)
{
	struct crowd *crowd = shs_common(sizeof(*crowd));
	unsigned long rounds = shs_scale(300), before;
	__u64 seed = 0x8badf00d, other = 77;
	pid_t child[CROWD];
	int fd[LOCKS];

	crowd->grants = 1;
	for (int i = 0; i < LOCKS; i++)
		fd[i] = mutex_or_rwlock(i);
	for (int i = 0; i < CROWD; i++) {
		child[i] = shs_fork();
		if (!child[i])
			crowd_member(fd, crowd, i + 1, ++other * 977, 0, true);
	}
	for (unsigned long n = 0; n < rounds; n++) {
		int i = shs_number(&seed) % CROWD;

		before = __atomic_load_n(&crowd->grants, __ATOMIC_SEQ_CST);
		while (__atomic_load_n(&crowd->grants, __ATOMIC_SEQ_CST) == before)
			sched_yield();
		EXPECT_EQ(-SIGKILL, shs_kill(child[i]));
		child[i] = shs_fork();
		if (!child[i])
			crowd_member(fd, crowd, i + 1, ++other * 977 + n, 0, true);
	}
	for (int i = 0; i < CROWD; i++)
		EXPECT_EQ(-SIGKILL, shs_kill(child[i]));
	for (int i = 0; i < LOCKS; i++)
		SHS_AWAIT(fd[i], !info.waiters && !(info.state & SHS_STATE_HELD));
}

/*
 * Of two mutexes one is held for good, so all of both is never had; and who tries the
 * other, and does not wait, never finds it held, however many attempts there are.
 */
TEST_F(many, attempts_are_not_seen)
{
	struct shs_att *att = self->set.att;
	pid_t child[3];

	EXPECT_EQ(0, shs_lock(&att[B]));
	for (int i = 0; i < 3; i++) {
		child[i] = shs_fork();
		if (!child[i]) {
			struct shs_many_item item[3];
			struct shs_ioc_many many = MANY(item, .flags = SHS_MANY_ALL |
							SHS_MANY_NOWAIT);
			struct set set = self->set;

			if (attach(&set))
				_exit(255);
			item[0] = ITEM(&set.att[A]);
			item[1] = ITEM(&set.att[R]);
			item[2] = ITEM(&set.att[B]);
			while (call(&set.att[A], &many) == -EBUSY)
				many.index = 0;
			_exit(1);
		}
	}
	for (unsigned long n = 0; n < shs_scale(20000); n++) {
		EXPECT_EQ(0, shs_trylock(&att[A]));
		EXPECT_EQ(0, shs_unlock(&att[A]));
		EXPECT_EQ(0, shs_tryrdlock(&att[R], 1));
		EXPECT_EQ(0, shs_rdunlock(&att[R], 1));
	}
	for (int i = 0; i < 3; i++)
		EXPECT_EQ(-SIGKILL, shs_kill(child[i]));
}

/* Both are had at one moment: who finds the one held so does not find the other free. */
TEST_F(many, had_at_one_moment)
{
	struct shs_att *att = self->set.att;
	struct shs_pipe go = shs_pipe(), done = shs_pipe();
	pid_t child = shs_fork();
	unsigned long found = 0;

	if (!child) {
		struct shs_many_item item[2];
		struct shs_ioc_many many = MANY(item, .flags = SHS_MANY_ALL);
		struct set set = self->set;

		if (attach(&set))
			_exit(255);
		item[0] = ITEM(&set.att[A]);
		item[1] = ITEM(&set.att[B]);
		for (;;) {
			shs_hear(&go);
			if (again(&set.att[A], &many))
				_exit(1);
			shs_say(&done);
			shs_hear(&go);
			if (shs_unlock(&set.att[A]) || shs_unlock(&set.att[B]))
				_exit(2);
			shs_say(&done);
		}
	}
	for (unsigned long n = 0; n < shs_scale(2000); n++) {
		int a, b;

		shs_say(&go);
		do {
			a = shs_trylock(&att[A]);
			EXPECT_EQ(0, a ? 0 : shs_unlock(&att[A]));
		} while (!a);
		EXPECT_EQ(-EBUSY, a);
		b = shs_trylock(&att[B]);
		EXPECT_EQ(-EBUSY, b);
		found += b == -EBUSY;
		shs_hear(&done);
		shs_say(&go);
		shs_hear(&done);
	}
	EXPECT_EQ(shs_scale(2000), found);
	EXPECT_EQ(-SIGKILL, shs_kill(child));
}

TEST_HARNESS_MAIN
