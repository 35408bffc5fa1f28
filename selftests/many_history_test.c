// SPDX-License-Identifier: GPL-2.0-only
/*
 * Any and all of two locks, beside who takes one of them: what several processes saw is
 * what one after the other could have seen, so all are taken at one moment, and an attempt
 * that fails was never there.
 */
#include "shs.h"
#include "lin.h"

#define PROCESSES 3
#define CALLS 12		/* of each */
#define OBJECTS 2

enum act { TRY, LOCK, UNLOCK, TRY_ALL, ALL, ANY };

struct entry {
	__u8 who;		/* from 1 on */
	__u8 act;		/* enum act */
	__u8 index;		/* of one: which; of any: which it was */
	int err;
	unsigned int call, ret;
};

struct record {
	unsigned int time, n;
	struct entry entry[LIN_OPS];
};

/* Who has what. */
struct held {
	__u8 owner[OBJECTS];
};

static bool take(struct held *held, int i, int who)
{
	if (held->owner[i])
		return false;
	held->owner[i] = who;
	return true;
}

static bool apply(void *state, const struct lin_op *op, unsigned int way, const void *context)
{
	const struct entry *e = op->what;
	struct held *held = state;

	switch ((enum act)e->act) {
	case TRY:
	case LOCK:
	case ANY:
		return e->err ? held->owner[e->index] : take(held, e->index, e->who);
	case TRY_ALL:
	case ALL:
		if (e->err)
			return held->owner[0] || held->owner[1];
		return take(held, 0, e->who) && take(held, 1, e->who);
	case UNLOCK:
		break;
	}
	if (held->owner[e->index] != e->who)
		return false;
	held->owner[e->index] = 0;
	return true;
}

static enum lin_verdict check(const struct entry *entry, unsigned int n)
{
	static const struct lin_model model = { sizeof(struct held), apply };
	static const struct held nobody;
	struct lin_op op[LIN_OPS];
	struct lin_order order;

	for (unsigned int i = 0; i < n; i++)
		op[i] = (struct lin_op){ .what = &entry[i], .ways = 1, .call = entry[i].call,
					 .ret = entry[i].ret };
	return lin_check(&model, &nobody, NULL, op, n, &order);
}

static unsigned int now(struct record *record)
{
	return __atomic_add_fetch(&record->time, 1, __ATOMIC_SEQ_CST);
}

static int call_many(const struct shs_att *att, enum act act, bool turned, __u8 *index)
{
	struct shs_many_item item[OBJECTS] = {
		{ .fd = att[turned].fd }, { .fd = att[!turned].fd },
	};
	struct shs_ioc_many many = {
		.size = sizeof(many), .items = (unsigned long)item, .nr = OBJECTS,
		.item_size = sizeof(item[0]), .deadline = SHS_FOREVER,
		.flags = (act == ANY ? 0 : SHS_MANY_ALL) | (act == TRY_ALL ? SHS_MANY_NOWAIT : 0),
	};
	int ret = shs_ioctl(att[0].fd, SHS_IOC_MANY, &many);

	*index = many.index ^ turned;
	return ret;
}

static int act(const struct shs_att *att, struct entry *e, bool turned)
{
	switch ((enum act)e->act) {
	case TRY:
		return shs_trylock(&att[e->index]);
	case LOCK:
		return shs_lock(&att[e->index]);
	case UNLOCK:
		return shs_unlock(&att[e->index]);
	case TRY_ALL:
	case ALL:
	case ANY:
		break;
	}
	return call_many(att, e->act, turned, &e->index);
}

static void enter(struct record *record, const struct shs_att *att, struct entry *e, bool turned)
{
	unsigned int i = __atomic_fetch_add(&record->n, 1, __ATOMIC_SEQ_CST);

	e->call = now(record);
	e->err = act(att, e, turned);
	e->ret = now(record);
	record->entry[i] = *e;
	if (e->err && e->err != -EBUSY)
		_exit(1);
}

static void give_back(struct record *record, const struct shs_att *att, int who, bool *has,
		      int first)
{
	for (int i = 0; i < OBJECTS; i++) {
		struct entry e = { .who = who, .act = UNLOCK, .index = i ^ first };

		if (has[e.index])
			enter(record, att, &e, false);
		has[e.index] = false;
	}
}

/* What it has it gives back before it asks for more, so nobody waits for ever. */
static void process(struct record *record, const int *fd, int who, __u64 seed)
{
	struct shs_att att[OBJECTS];
	bool has[OBJECTS] = { };

	for (int i = 0; i < OBJECTS; i++)
		if (shs_attach(&att[i], fd[i]))
			_exit(255);
	for (int n = 0; n < CALLS; n++) {
		static const enum act acts[] = { TRY, LOCK, TRY_ALL, ALL, ANY };
		struct entry e = { .who = who, .act = acts[shs_number(&seed) % ARRAY_SIZE(acts)],
				   .index = shs_number(&seed) % OBJECTS };

		enter(record, att, &e, shs_number(&seed) & 1);
		for (int i = 0; i < OBJECTS && !e.err; i++)
			has[i] = e.act == ALL || e.act == TRY_ALL || e.index == i;
		give_back(record, att, who, has, shs_number(&seed) & 1);
	}
	_exit(0);
}

FIXTURE(many_history) {
};

FIXTURE_SETUP(many_history)
{
	SHS_MOUNT("");
}

FIXTURE_TEARDOWN(many_history)
{
}

static int create(int kind)
{
	static const __u32 one[] = { 1, 1 };

	if (kind == SHS_KIND_SEMAPHORE)
		return shs_create_as(&SHS_INIT(.kind = kind, .type = SHS_TYPE_U32, .count = 2,
					       .value = (unsigned long)one,
					       .value_size = sizeof(one)));
	return shs_create(kind, SHS_TYPE_NONE, 0);
}

static void print(const struct record *record)
{
	static const char * const name[] = { "try", "lock", "unlock", "try all", "all", "any" };

	for (unsigned int i = 0; i < record->n; i++) {
		const struct entry *e = &record->entry[i];

		printf("# %3u-%3u  %u %s %u: %d\n", e->call, e->ret, e->who, name[e->act],
		       e->index, e->err);
	}
}

TEST_F(many_history, linearizable)
{
	static const int kinds[] = { SHS_KIND_MUTEX, SHS_KIND_RWLOCK, SHS_KIND_SEMAPHORE };
	struct record *record = shs_common(sizeof(*record));
	__u64 seed = 0x5eed5eed;

	for (unsigned long n = 0; n < shs_scale(300); n++) {
		pid_t child[PROCESSES];
		int fd[OBJECTS];

		memset(record, 0, sizeof(*record));
		for (int i = 0; i < OBJECTS; i++)
			fd[i] = create(kinds[shs_number(&seed) % ARRAY_SIZE(kinds)]);
		for (int i = 0; i < PROCESSES; i++) {
			child[i] = shs_fork();
			if (!child[i])
				process(record, fd, i + 1, seed + i);
		}
		for (int i = 0; i < PROCESSES; i++)
			EXPECT_EQ(0, shs_reap(child[i]));
		EXPECT_EQ(LIN_YES, check(record->entry, record->n)) {
			print(record);
		}
		for (int i = 0; i < OBJECTS; i++) {
			EXPECT_EQ(0, shs_info(fd[i]).waiters);
			EXPECT_EQ(0, shs_info(fd[i]).state);
			close(fd[i]);
		}
	}
}

/* What must not be seen is found. */
TEST_F(many_history, planted)
{
	/* An attempt that failed, for 2 had the one, was seen by 3 at the other. */
	static const struct entry seen[] = {
		{ 2, LOCK, 1, 0, 1, 2 }, { 1, TRY_ALL, 0, -EBUSY, 3, 6 },
		{ 3, TRY, 0, -EBUSY, 4, 5 },
	};
	/* It failed though nobody had any. */
	static const struct entry failed[] = { { 1, TRY_ALL, 0, -EBUSY, 1, 2 } };
	/* Of all it had the one before it had the other. */
	static const struct entry half[] = {
		{ 1, ALL, 0, 0, 1, 8 }, { 2, TRY, 0, -EBUSY, 2, 3 }, { 2, LOCK, 1, 0, 4, 5 },
		{ 2, UNLOCK, 1, 0, 6, 7 },
	};
	/* Any was granted twice. */
	static const struct entry twice[] = {
		{ 2, LOCK, 1, 0, 1, 2 }, { 1, ANY, 0, 0, 3, 4 }, { 2, UNLOCK, 1, 0, 5, 6 },
		{ 3, TRY, 1, -EBUSY, 7, 8 },
	};
	static const struct entry good[] = {
		{ 2, LOCK, 1, 0, 1, 2 }, { 1, ALL, 0, 0, 3, 12 }, { 3, TRY, 0, 0, 4, 5 },
		{ 3, UNLOCK, 0, 0, 6, 7 }, { 2, UNLOCK, 1, 0, 9, 11 },
	};

	EXPECT_EQ(LIN_NO, check(seen, ARRAY_SIZE(seen)));
	EXPECT_EQ(LIN_NO, check(failed, ARRAY_SIZE(failed)));
	EXPECT_EQ(LIN_NO, check(half, ARRAY_SIZE(half)));
	EXPECT_EQ(LIN_NO, check(twice, ARRAY_SIZE(twice)));
	EXPECT_EQ(LIN_YES, check(good, ARRAY_SIZE(good)));
}

TEST_HARNESS_MAIN
