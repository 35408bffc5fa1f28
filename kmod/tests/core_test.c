// SPDX-License-Identifier: GPL-2.0-only
/* The queue, attachments, and that the tests' own lock check does check. */
#include "box.h"

static struct box box;
static struct shs_wakes wakes;

/* Oldest first; a settled waiter is off the queue; a requeued one is the head again. */
TEST(core_queue)
{
	struct shs_waiter *a, *b, *c;

	box_init(&box, SHS_KIND_CONDVAR, 0, 3);
	a = box_waiter(&box, 0, 0);
	b = box_waiter(&box, 1, 0);
	c = box_waiter(&box, 2, 0);
	spin_lock(&box.obj.lock);
	env.now_ns = 5;
	shs_enqueue(&box.obj, a);
	env.now_ns = 7;
	shs_enqueue(&box.obj, b);
	shs_enqueue(&box.obj, c);
	CHECK_EQ(box.obj.waiters, 3);
	shs_dequeue(&box.obj, a);
	shs_requeue(&box.obj, a);
	CHECK(list_first_entry(&box.obj.queue, struct shs_waiter, node) == a);
	CHECK_EQ(a->since_ns, 5);
	CHECK_EQ(b->since_ns, 7);
	shs_settle(&box.obj, b, -EPERM, &wakes);
	CHECK_EQ(box.obj.waiters, 2);
	CHECK(b->state == SHS_SETTLED && b->result == -EPERM && list_empty(&b->node));
	CHECK(a->node.next == &c->node);
	shs_kick_head(&box.obj, &wakes);
	CHECK(a->kicked && !c->kicked && a->state == SHS_QUEUED);
	spin_unlock(&box.obj.lock);
	shs_wakes_flush(&wakes);
}

TEST(core_att_live)
{
	box_init(&box, SHS_KIND_MUTEX, 0, 3);
	box.att[1].state = SHS_ATT_NEW;
	box.mm[2].mm_users = 0;
	spin_lock(&box.obj.lock);
	CHECK(shs_att_live(&box.obj, 1, &wakes) == &box.att[0]);
	CHECK(!shs_att_live(&box.obj, 2, &wakes));
	CHECK_EQ(box.att[1].state, SHS_ATT_NEW);
	CHECK(!shs_att_live(&box.obj, 3, &wakes));
	CHECK_EQ(box.att[2].state, SHS_ATT_DEAD);
	CHECK(!shs_att_live(&box.obj, 4, &wakes));
	CHECK(!shs_att_live(&box.obj, 0, &wakes));
	CHECK(!shs_att_live(&box.obj, SHS_ID_KERNEL, &wakes));
	spin_unlock(&box.obj.lock);
}

/* Kinds that nobody owns: death and the queue are no matter. */
TEST(core_kind_without_owner)
{
	box_init(&box, SHS_KIND_ATOMIC, 0, 2);
	box_die(&box, 0);
	CHECK_EQ(box.att[0].state, SHS_ATT_DEAD);
	CHECK_EQ(env.deaths, 0);
}

static void die_unlocked(void)
{
	shs_att_die(&box.att[0], &wakes);
}

static void enqueue_unlocked(void)
{
	shs_enqueue(&box.obj, box_waiter(&box, 0, 0));
}

static void sum_unlocked(void)
{
	u64 sum;

	shs_counter_sum(&box.obj, 0, &sum);
}

static void lock_twice(void)
{
	spin_lock(&box.obj.lock);
	spin_lock(&box.obj.lock);
}

static void two_locks(void)
{
	static spinlock_t other;

	spin_lock(&box.obj.lock);
	spin_lock(&other);
}

static void under_a_leaf(void)
{
	static spinlock_t leaf;

	spin_lock_init(&leaf);
	spin_lock(&leaf);
	spin_lock(&box.obj.lock);
}

static void three_locks(void)
{
	static spinlock_t second, third;

	spin_lock(&box.obj.lock);
	spin_lock_nested(&second, SINGLE_DEPTH_NESTING);
	spin_lock_nested(&third, SINGLE_DEPTH_NESTING);
}

static void thread_put_twice(void)
{
	struct pid pid = { };

	put_pid(get_pid(&pid));
	put_pid(&pid);
}

TEST(core_lock_is_checked)
{
	static void (*const wrong[])(void) = {
		die_unlocked, enqueue_unlocked, sum_unlocked, lock_twice, two_locks,
		under_a_leaf, three_locks, thread_put_twice,
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(wrong); i++) {
		env_reset();
		box_init(&box, SHS_KIND_COUNTER, 0, 1);
		CHECK(test_fails(wrong[i]));
	}
	env_reset();
}
