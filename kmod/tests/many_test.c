// SPDX-License-Identifier: GPL-2.0-only
/* Calls that wait for several objects: any is granted once, a scout is told and not granted. */
#include "box.h"

#define WAITERS	8

static struct box box[2];
static struct shs_many many[WAITERS];
static struct shs_waiter waiter[2][WAITERS];

static void start(u32 kind, u32 flags)
{
	memset(many, 0, sizeof(many));
	memset(waiter, 0, sizeof(waiter));
	box_init(&box[0], kind, flags, BOX_SINGLE);
	box_init(&box[1], kind, flags, BOX_SINGLE);
}

static void pass(unsigned int o)
{
	struct shs_wakes wakes = { };

	spin_lock(&box[o].obj.lock);
	shs_pass(&box[o].obj, &wakes);
	spin_unlock(&box[o].obj.lock);
	shs_wakes_flush(&wakes);
}

/* Call i, by attachment i, begins to wait for object o. */
static int queue(unsigned int o, unsigned int i, u32 mode)
{
	struct shs_object *obj = &box[o].obj;
	struct shs_waiter *w = &waiter[o][i];
	struct shs_wakes wakes = { };
	int ret;

	*w = (struct shs_waiter) {
		.att = &box[o].att[i], .thread = &box[o].task[i].pid, .task = &box[o].task[i],
		.mode = mode, .permits = obj->kind == SHS_KIND_SEMAPHORE,
		.watch = obj->kind == SHS_KIND_ONCE, .counts = true, .many = &many[i],
	};
	INIT_LIST_HEAD(&w->node);
	spin_lock(&obj->lock);
	ret = shs_kind_ops(obj->kind)->try(obj, w, &wakes);
	if (ret == -EBUSY)
		shs_enqueue(obj, w);
	shs_pass(obj, &wakes);
	spin_unlock(&obj->lock);
	shs_wakes_flush(&wakes);
	return ret;
}

static u32 word(unsigned int o)
{
	return box[o].shared.head.word;
}

static const u32 locks[] = { SHS_KIND_MUTEX, SHS_KIND_RWLOCK };

static u32 holder(unsigned int o)
{
	struct shs_object *obj = &box[o].obj;
	u32 id;

	spin_lock(&obj->lock);
	id = obj->kind == SHS_KIND_MUTEX ? shs_mutex_owner(obj) : shs_rwlock_writer(obj);
	spin_unlock(&obj->lock);
	return id;
}

/* However young, it is handed what it waits for, and its sleeper is woken. */
TEST(many_any_is_handed_over)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(locks); i++) {
		start(locks[i], 0);
		CHECK_EQ(box_lock(&box[0], 0, 0), 0);
		CHECK_EQ(queue(0, 1, 0), -EBUSY);
		CHECK(!many[1].bell.kicked);
		CHECK_EQ(box_unlock(&box[0], 0, 0), 0);
		CHECK_EQ(holder(0), 2);
		CHECK_EQ(waiter[0][1].result, 0);
		CHECK(many[1].winner == &waiter[0][1]);
		CHECK(many[1].bell.kicked);
	}
}

/* What comes free after that goes to the next, with the notice of a death. */
TEST(many_any_is_granted_once)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(locks); i++) {
		start(locks[i], 0);
		CHECK_EQ(box_lock(&box[0], 0, 0), 0);
		CHECK_EQ(box_lock(&box[1], 0, 0), 0);
		CHECK_EQ(queue(0, 1, 0), -EBUSY);
		CHECK_EQ(queue(1, 1, 0), -EBUSY);
		CHECK_EQ(queue(1, 2, 0), -EBUSY);
		CHECK_EQ(box_unlock(&box[0], 0, 0), 0);
		box_die(&box[1], 0);
		CHECK_EQ(holder(0), 2);
		CHECK_EQ(holder(1), 3);
		CHECK_EQ(waiter[1][1].result, -EALREADY);
		CHECK_EQ(waiter[1][2].result, -EOWNERDEAD);
		CHECK_EQ(box[1].obj.waiters, 0);
	}
}

static struct shs_many *claimed;

/* Another object is granted to the call just before it is claimed for this one. */
static void claim_elsewhere(enum env_access access, const void *p)
{
	if (access == ENV_CMPXCHG && p == &claimed->winner && !claimed->winner)
		claimed->winner = &claimed->bell;
}

/* Then this one never was its own: the next has it, as it was. */
TEST(many_any_claimed_meanwhile)
{
	unsigned int i, dead;

	for (i = 0; i < 2 * ARRAY_SIZE(locks); i++) {
		start(locks[i / 2], 0);
		dead = i & 1;
		CHECK_EQ(box_lock(&box[0], 0, 0), 0);
		CHECK_EQ(queue(0, 1, 0), -EBUSY);
		CHECK_EQ(queue(0, 2, 0), -EBUSY);
		claimed = &many[1];
		env_race = claim_elsewhere;
		if (dead)
			box_die(&box[0], 0);
		else
			CHECK_EQ(box_unlock(&box[0], 0, 0), 0);
		env_race = NULL;
		CHECK_EQ(waiter[0][1].result, -EALREADY);
		CHECK_EQ(waiter[0][2].result, dead ? -EOWNERDEAD : 0);
		CHECK_EQ(holder(0), 3);
		CHECK_EQ(box_unlock(&box[0], 2, 0), 0);
		CHECK_EQ(holder(0), 0);
		if (locks[i / 2] == SHS_KIND_MUTEX)
			CHECK_EQ(word(0), 0);
	}
}

/* The last in the queue: the lock is free after that, and the death is news yet. */
TEST(many_any_claimed_meanwhile_alone)
{
	start(SHS_KIND_MUTEX, 0);
	CHECK_EQ(box_lock(&box[0], 0, 0), 0);
	CHECK_EQ(queue(0, 1, 0), -EBUSY);
	claimed = &many[1];
	env_race = claim_elsewhere;
	box_die(&box[0], 0);
	env_race = NULL;
	CHECK_EQ(word(0), SHS_WORD_DIED);
	CHECK_EQ(box_lock(&box[0], 3, 0), -EOWNERDEAD);
}

/* Readers are let in, but those of calls that have something else. */
TEST(many_any_reads)
{
	unsigned int i;

	start(SHS_KIND_RWLOCK, 0);
	CHECK_EQ(box_lock(&box[0], 0, 0), 0);
	for (i = 1; i < 5; i++)
		CHECK_EQ(queue(0, i, SHS_MODE_READ), -EBUSY);
	many[2].winner = &many[2].bell;
	many[3].winner = &waiter[1][3];
	CHECK_EQ(box_unlock(&box[0], 0, 0), 0);
	for (i = 1; i < 5; i++)
		CHECK_EQ(waiter[0][i].result, i == 2 || i == 3 ? -EALREADY : 0);
	CHECK_EQ(box[0].private[2].lanes[0][0], 0);
	CHECK_EQ(box[0].private[4].lanes[0][0], 1);
}

static void set_permits(u32 permits)
{
	u32 value[2] = { permits, 9 };

	memcpy(shs_value(&box[0].obj), value, sizeof(value));
}

/* Permits stay for those who are there. */
TEST(many_any_of_a_semaphore)
{
	start(SHS_KIND_SEMAPHORE, 0);
	set_permits(0);
	CHECK_EQ(queue(0, 1, 0), -EBUSY);
	CHECK_EQ(queue(0, 2, 0), -EBUSY);
	claimed = &many[1];
	env_race = claim_elsewhere;
	set_permits(1);
	pass(0);
	env_race = NULL;
	CHECK_EQ(waiter[0][1].result, -EALREADY);
	CHECK_EQ(waiter[0][2].result, 0);
	CHECK_EQ(box[0].att[1].held, 0);
	CHECK_EQ(box[0].att[2].held, 1);
}

/* A notify is used up by who is there. */
TEST(many_any_of_an_atomic)
{
	struct shs_wakes wakes = { };
	unsigned int i;

	start(SHS_KIND_ATOMIC, 0);
	box[0].obj.type = SHS_TYPE_U64;
	box[0].obj.count = 1;
	for (i = 1; i < 4; i++)
		CHECK_EQ(queue(0, i, 0), -EBUSY);
	*(u64 *)shs_value(&box[0].obj) = 1;
	claimed = &many[1];
	env_race = claim_elsewhere;
	spin_lock(&box[0].obj.lock);
	CHECK_EQ(shs_atomic_notify(&box[0].obj, 0, 1, &wakes), 1);
	spin_unlock(&box[0].obj.lock);
	env_race = NULL;
	shs_wakes_flush(&wakes);
	CHECK_EQ(waiter[0][1].result, -EALREADY);
	CHECK_EQ(waiter[0][2].state, SHS_SETTLED);
	CHECK_EQ(waiter[0][3].state, SHS_QUEUED);
}

/* One that is done is so for all, and who has something else is not told. */
TEST(many_any_of_a_once)
{
	start(SHS_KIND_ONCE, 0);
	CHECK_EQ(queue(0, 1, 0), -EBUSY);
	CHECK_EQ(queue(0, 2, 0), -EBUSY);
	claimed = &many[1];
	env_race = claim_elsewhere;
	box[0].control.head.once = SHS_ONCE_DONE;
	pass(0);
	env_race = NULL;
	CHECK_EQ(waiter[0][1].result, -EALREADY);
	CHECK_EQ(waiter[0][2].result, 0);
	CHECK(many[2].winner == &waiter[0][2]);
}

/* Those who scout are told, however many, and the first who does not has it. */
TEST(many_scouts_are_told)
{
	unsigned int i, k;

	for (k = 0; k < ARRAY_SIZE(locks); k++) {
		start(locks[k], 0);
		CHECK_EQ(box_lock(&box[0], 0, 0), 0);
		for (i = 1; i < WAITERS; i++) {
			many[i].all = i != 6;
			CHECK_EQ(queue(0, i, 0), -EBUSY);
		}
		CHECK_EQ(box_unlock(&box[0], 0, 0), 0);
		CHECK_EQ(holder(0), 7);
		for (i = 1; i < 6; i++) {
			CHECK_EQ(waiter[0][i].state, SHS_SETTLED);
			CHECK_EQ(waiter[0][i].result, 0);
			CHECK(many[i].bell.kicked);
		}
		CHECK_EQ(waiter[0][7].state, SHS_QUEUED);
		CHECK_EQ(box_unlock(&box[0], 6, 0), 0);
		CHECK_EQ(waiter[0][7].state, SHS_SETTLED);
		CHECK_EQ(holder(0), 0);
	}
}

/* More of them than tries with the word. */
TEST(many_scouts_are_no_tries)
{
	static struct shs_waiter more[2 * SHS_CAS_TRIES];
	struct shs_wakes wakes = { };
	unsigned int i;

	start(SHS_KIND_MUTEX, 0);
	many[0].all = true;
	CHECK_EQ(box_lock(&box[0], 0, 0), 0);
	spin_lock(&box[0].obj.lock);
	for (i = 0; i < ARRAY_SIZE(more); i++) {
		more[i] = (struct shs_waiter) { .att = &box[0].att[1], .many = &many[0],
						.thread = &box[0].task[1].pid };
		shs_enqueue(&box[0].obj, &more[i]);
	}
	shs_pass(&box[0].obj, &wakes);
	spin_unlock(&box[0].obj.lock);
	CHECK_EQ(queue(0, 2, 0), -EBUSY);
	CHECK_EQ(box_unlock(&box[0], 0, 0), 0);
	CHECK_EQ(holder(0), 3);
}

/* A scout takes no permit, and uses up no notify. */
TEST(many_scout_takes_nothing)
{
	struct shs_wakes wakes = { };

	start(SHS_KIND_SEMAPHORE, 0);
	set_permits(0);
	many[1].all = true;
	CHECK_EQ(queue(0, 1, 0), -EBUSY);
	CHECK_EQ(queue(0, 2, 0), -EBUSY);
	set_permits(1);
	pass(0);
	CHECK_EQ(waiter[0][1].state, SHS_SETTLED);
	CHECK_EQ(waiter[0][2].state, SHS_SETTLED);
	CHECK_EQ(box[0].att[1].held, 0);
	CHECK_EQ(box[0].att[2].held, 1);

	start(SHS_KIND_ATOMIC, 0);
	box[0].obj.type = SHS_TYPE_U64;
	box[0].obj.count = 1;
	many[1].all = true;
	CHECK_EQ(queue(0, 1, 0), -EBUSY);
	CHECK_EQ(queue(0, 2, 0), -EBUSY);
	*(u64 *)shs_value(&box[0].obj) = 1;
	spin_lock(&box[0].obj.lock);
	CHECK_EQ(shs_atomic_notify(&box[0].obj, 0, 1, &wakes), 1);
	spin_unlock(&box[0].obj.lock);
	shs_wakes_flush(&wakes);
	CHECK_EQ(waiter[0][1].state, SHS_SETTLED);
	CHECK_EQ(waiter[0][2].state, SHS_SETTLED);
}

/* Who would not wait is not told of what an attempt has that may yet give it back. */
TEST(many_attempt_is_no_holder)
{
	struct shs_wakes wakes = { };
	struct shs_waiter *w;

	start(SHS_KIND_MUTEX, 0);
	w = box_waiter(&box[0], 0, 0);
	spin_lock(&box[0].obj.lock);
	CHECK_EQ(shs_mutex_ops.try(&box[0].obj, w, &wakes), 0);
	box[0].obj.attempted = true;
	spin_unlock(&box[0].obj.lock);
	CHECK_EQ(box_try(&box[0], 1, 0), -EINPROGRESS);
	CHECK_EQ(box_lock(&box[0], 2, 0), -EBUSY);
	spin_lock(&box[0].obj.lock);
	CHECK_EQ(shs_mutex_ops.release(&box[0].obj, w, false, &wakes), 0);
	box[0].obj.attempted = false;
	shs_pass(&box[0].obj, &wakes);
	spin_unlock(&box[0].obj.lock);
	CHECK_EQ(box_wake(&box[0], 2, 0), 0);
	CHECK_EQ(box_try(&box[0], 1, 0), -EBUSY);
}

static void rewrite(enum env_access access, const void *p)
{
	if (p == &box[0].shared.head.word && access == ENV_CMPXCHG)
		box[0].shared.head.word ^= SHS_WORD_DIED;
}

/* A word that is rewritten without end ends the wait: nobody is left without being told. */
static void is_told(struct shs_waiter *w)
{
}

TEST(many_hostile)
{
	int by_request;

	for (by_request = 0; by_request < 2; by_request++) {
		start(SHS_KIND_MUTEX, 0);
		CHECK_EQ(box_lock(&box[0], 0, 0), 0);
		CHECK_EQ(queue(0, 1, 0), -EBUSY);
		waiter[0][1].done = by_request ? is_told : NULL;
		box[0].shared.head.word = 0;
		env_race = rewrite;
		pass(0);
		env_race = NULL;
		CHECK_EQ(waiter[0][1].state, SHS_SETTLED);
		CHECK_EQ(waiter[0][1].result, -EAGAIN);	/* -EBUSY would be to wait on */
		CHECK(!many[1].winner);
	}
}
