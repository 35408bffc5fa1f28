// SPDX-License-Identifier: GPL-2.0-only
/* The transitions of a condvar's tickets, one by one. */
#include "box.h"

#define MUTEX	7	/* serial number */

static struct box box, mutex;
static struct shs_ticket ticket[BOX_ATTS];

static void start(void)
{
	unsigned int i;

	box_init(&box, SHS_KIND_CONDVAR, 0, BOX_ATTS);
	box_init(&mutex, SHS_KIND_MUTEX, 0, BOX_ATTS);
	memset(ticket, 0, sizeof(ticket));
	for (i = 0; i < BOX_ATTS; i++)		/* a notify wakes, for it cannot queue again */
		mutex.att[i].state = SHS_ATT_DEAD;
}

static void add(unsigned int i)
{
	ticket[i].w.att = &box.att[i];
	ticket[i].w.task = &box.task[i];
	ticket[i].thread = &box.task[i].pid;
	ticket[i].again.att = &mutex.att[i];
	ticket[i].again.thread = ticket[i].thread;
	box.task[i] = (struct task_struct){ .waits = &ticket[i].w, .asleep = true };
	spin_lock(&box.obj.lock);
	CHECK_EQ(shs_condvar_bind(&box.obj, MUTEX), 0);
	shs_ticket_add(&box.obj, &ticket[i]);
	spin_unlock(&box.obj.lock);
}

static u32 notify(u64 count)
{
	struct shs_wakes wakes = { };
	u32 n;

	spin_lock(&box.obj.lock);
	n = shs_condvar_notify(&box.obj, count, &wakes);
	spin_unlock(&box.obj.lock);
	shs_wakes_flush(&wakes);
	return n;
}

static void drop(unsigned int i, bool pass)
{
	struct shs_wakes wakes = { };

	spin_lock(&box.obj.lock);
	shs_ticket_drop(&box.obj, &ticket[i], pass, &wakes);
	spin_unlock(&box.obj.lock);
	shs_wakes_flush(&wakes);
}

static bool notified(unsigned int i)
{
	return ticket[i].w.state == SHS_SETTLED && !ticket[i].w.result && !box.task[i].asleep;
}

static int bind(u64 serial)
{
	int ret;

	spin_lock(&box.obj.lock);
	ret = shs_condvar_bind(&box.obj, serial);
	spin_unlock(&box.obj.lock);
	return ret;
}

/* The longest waiting first, as many as asked for and there, and no more. */
TEST(condvar_notify)
{
	unsigned int i;

	start();
	CHECK_EQ(notify(1), 0);		/* nobody there: not remembered */
	for (i = 0; i < BOX_ATTS; i++)
		add(i);
	CHECK_EQ(notify(0), 0);
	CHECK_EQ(notify(2), 2);
	CHECK(notified(0) && notified(1) && !notified(2));
	CHECK_EQ(notify(~0ULL), BOX_ATTS - 2);
	for (i = 0; i < BOX_ATTS; i++)
		CHECK(notified(i));
	CHECK_EQ(notify(1), 0);
	CHECK_EQ(box.obj.waiters, 0);
	CHECK_EQ(box.obj.condvar.tickets, BOX_ATTS);
}

/* One mutex as long as there is a ticket, also a settled one. */
TEST(condvar_bind)
{
	start();
	CHECK_EQ(bind(MUTEX + 1), 0);
	CHECK_EQ(bind(MUTEX), 0);
	add(0);
	CHECK_EQ(bind(MUTEX + 1), -EINVAL);
	CHECK_EQ(bind(MUTEX), 0);
	CHECK_EQ(notify(1), 1);
	CHECK_EQ(bind(MUTEX + 1), -EINVAL);
	drop(0, false);
	CHECK_EQ(bind(MUTEX + 1), 0);
}

TEST(condvar_drop)
{
	start();
	add(0);
	add(1);
	add(2);
	drop(0, true);			/* queued: had nothing to pass */
	CHECK(!notified(1) && box.obj.waiters == 2);
	CHECK_EQ(notify(1), 1);
	drop(1, true);			/* notified and abandoned */
	CHECK(notified(2));
	drop(2, true);			/* nobody left to pass to */
	CHECK_EQ(box.obj.condvar.tickets, 0);
	CHECK(list_empty(&box.att[0].tickets) && list_empty(&box.att[2].tickets));
	add(3);
	CHECK(!notified(3));
	add(4);
	CHECK_EQ(notify(1), 1);
	drop(3, false);			/* its wait returned */
	CHECK(!notified(4));
}

TEST(condvar_expired)
{
	start();
	add(0);
	add(1);
	box.task[0].asleep = false;
	CHECK_EQ(waits_sleep_on_ticket(&box.att[0], &ticket[0], -ETIMEDOUT), 0);
	CHECK(ticket[0].expired && box.obj.waiters == 1);
	CHECK_EQ(waits_sleep_on_ticket(&box.att[0], &ticket[0], -ERESTARTSYS), 0);
	CHECK_EQ(notify(1), 1);
	CHECK(notified(1));
	box_die(&box, 0);
	CHECK_EQ(ticket[0].w.result, 0);
	drop(0, true);
	CHECK_EQ(box.obj.condvar.tickets, 1);
}

/* A notify that raced the deadline or a signal counts. */
TEST(condvar_notify_beats_deadline)
{
	start();
	add(0);
	CHECK_EQ(notify(1), 1);
	CHECK_EQ(waits_sleep_on_ticket(&box.att[0], &ticket[0], -ETIMEDOUT), 0);
	CHECK(!ticket[0].expired);
	add(1);
	CHECK_EQ(waits_sleep_on_ticket(&box.att[1], &ticket[1], -ERESTARTSYS), -ERESTARTSYS);
	CHECK(ticket[1].w.state == SHS_QUEUED && !ticket[1].w.task);
	CHECK_EQ(notify(1), 1);		/* kept its place */
	CHECK_EQ(waits_sleep_on_ticket(&box.att[1], &ticket[1], -ERESTARTSYS), 0);
}

/* Two unused notifies of the dead go to two who live, whoever drops the tickets later. */
TEST(condvar_death)
{
	unsigned int i;

	start();
	for (i = 0; i < 6; i++)
		add(i);
	list_del_init(&ticket[1].att_node);	/* a second thread of the first process */
	list_add_tail(&ticket[1].att_node, &box.att[0].tickets);
	ticket[1].w.att = &box.att[0];
	CHECK_EQ(notify(2), 2);
	box_die(&box, 0);
	CHECK(notified(2) && notified(3) && !notified(4));
	CHECK_EQ(ticket[0].w.result, -ENXIO);
	drop(0, true);
	drop(1, true);
	CHECK(!notified(4));
	box_die(&box, 4);			/* queued: cancelled, nothing to pass */
	CHECK_EQ(ticket[4].w.result, -ENXIO);
	CHECK(!notified(5));
	drop(4, true);
	CHECK(!notified(5));
	CHECK_EQ(box.obj.waiters, 1);
	CHECK_EQ(env.deaths, 0);
}

/* With the mutex at hand they change queues asleep, and are woken by it, one at a time. */
static void start_requeue(unsigned int n)
{
	unsigned int i;

	start();
	for (i = 0; i < BOX_ATTS; i++)
		mutex.att[i].state = SHS_ATT_LIVE;
	for (i = 0; i < n; i++)
		add(i);
}

TEST(condvar_requeue)
{
	start_requeue(3);
	CHECK_EQ(box_try(&mutex, 5, 0), 0);
	CHECK_EQ(notify(~0ULL), 3);
	CHECK(ticket[0].requeued && ticket[1].requeued && ticket[2].requeued);
	CHECK(box.task[0].asleep && box.task[1].asleep && box.task[2].asleep);
	CHECK_EQ(box.obj.wakes + mutex.obj.wakes, 0);
	CHECK_EQ(mutex.obj.waiters, 3);
	CHECK_EQ(mutex.shared.head.word, 6 | SHS_WORD_WAITERS);
	CHECK_EQ(box_unlock(&mutex, 5, 0), 0);
	CHECK(!box.task[0].asleep && box.task[1].asleep && box.task[2].asleep);
	CHECK_EQ(mutex.obj.wakes, 1);
}

/* Of a free mutex the first is woken, and that is enough for all. */
TEST(condvar_requeue_free)
{
	start_requeue(3);
	CHECK_EQ(notify(~0ULL), 3);
	CHECK(!box.task[0].asleep && box.task[1].asleep && box.task[2].asleep);
	CHECK(ticket[0].again.kicked && !ticket[1].again.kicked);
	CHECK_EQ(box.obj.wakes + mutex.obj.wakes, 1);
}

/* The condvar's end leaves a notify to who sleeps on for the mutex, and passes others on. */
TEST(condvar_requeued_dies)
{
	start_requeue(4);
	CHECK_EQ(box_try(&mutex, 5, 0), 0);
	CHECK_EQ(waits_sleep_on_ticket(&box.att[1], &ticket[1], -ERESTARTSYS), -ERESTARTSYS);
	list_del_init(&ticket[1].att_node);	/* a second thread of the first process */
	list_add_tail(&ticket[1].att_node, &box.att[0].tickets);
	CHECK_EQ(notify(2), 2);
	CHECK(ticket[0].requeued && !ticket[1].requeued);
	box_die(&box, 0);
	CHECK_EQ(ticket[0].w.result, 0);
	CHECK_EQ(ticket[1].w.result, -ENXIO);
	CHECK(ticket[2].requeued && !ticket[3].requeued);
	CHECK_EQ(mutex.obj.waiters, 2);
}

/* Who was interrupted and whose thread ended takes no notify. */
TEST(condvar_left_behind)
{
	start_requeue(2);
	CHECK_EQ(waits_sleep_on_ticket(&box.att[0], &ticket[0], -ERESTARTSYS), -ERESTARTSYS);
	box.task[0].pid.gone = true;
	CHECK_EQ(notify(1), 1);
	CHECK(ticket[1].requeued && !box.task[1].asleep);
	CHECK_EQ(ticket[0].w.result, -ENXIO);
	CHECK_EQ(notify(1), 0);
}

/* A wait gives a mutex back that is locked once; a thread that holds it twice keeps it. */
TEST(condvar_nested)
{
	box_init(&mutex, SHS_KIND_MUTEX, SHS_INIT_RECURSIVE, 2);
	mutex.shared.head.word = SHS_WORD_KERNEL;
	CHECK_EQ(box_try(&mutex, 0, 0), 0);
	CHECK_EQ(box_try(&mutex, 0, 0), 0);
	CHECK_EQ(mutex.obj.hold.depth, 2);
	CHECK_EQ(waits_release_mutex(&mutex.att[0]), -EDEADLK);
	CHECK_EQ(mutex.obj.hold.depth, 2);
	CHECK_EQ(shs_mutex_owner(&mutex.obj), 1);
	env.task = &mutex.task[1];		/* another thread holds nothing */
	CHECK_EQ(waits_release_mutex(&mutex.att[0]), -EPERM);
	env.task = &mutex.task[0];
	CHECK_EQ(box_unlock(&mutex, 0, 0), 0);
	CHECK_EQ(waits_release_mutex(&mutex.att[0]), 0);
	CHECK_EQ(shs_mutex_owner(&mutex.obj), 0);
}

static u32 scribbles;

static void scribble(enum env_access access, const void *p)
{
	if (access == ENV_CMPXCHG && p == &mutex.shared.head.word)
		mutex.shared.head.word = 0x1000000 + ++scribbles;
}

/*
 * A word that changes without end while the requeued waiter takes it back, and a signal:
 * it is on no queue any more, and that is remembered, so that it queues again.
 */
TEST(condvar_hostile_word)
{
	struct file file = { };
	struct condwait_call call = {
		.condvar = &box.att[0], .mutex = &mutex.att[0], .mutex_file = &file,
		.memory = &ticket[0],
	};

	start_requeue(0);
	mutex.obj.serial = MUTEX;
	CHECK_EQ(box_try(&mutex, 0, 0), 0);
	CHECK_EQ(waits_condwait(&call), -EBUSY);
	CHECK(call.on == &ticket[0].w);
	mutex.task[0].waits = call.on;
	CHECK_EQ(notify(1), 1);
	CHECK(ticket[0].requeued && ticket[0].again.kicked);
	call.go_on = true;
	CHECK_EQ(waits_condwait(&call), -EBUSY);
	CHECK(call.on == &ticket[0].again);
	mutex.task[0].signalled = true;
	env_race = scribble;
	CHECK_EQ(waits_condwait(&call), -ERESTARTSYS);
	env_race = NULL;
	CHECK(!ticket[0].requeued);
	CHECK_EQ(mutex.obj.waiters, 0);
	CHECK_EQ(box.obj.condvar.tickets, 1);
	mutex.shared.head.word = 2;
	call.go_on = false;
	call.started = true;
	CHECK_EQ(waits_condwait(&call), -EBUSY);
	CHECK(call.on == &ticket[0].again);
	CHECK_EQ(mutex.obj.waiters, 1);
	mutex.shared.head.word = 0;
	ticket[0].again.kicked = true;
	call.go_on = true;
	CHECK_EQ(waits_condwait(&call), 0);
	CHECK_EQ(shs_mutex_owner(&mutex.obj), 1);
	CHECK_EQ(mutex.obj.waiters, 0);
	CHECK_EQ(box.obj.condvar.tickets, 0);
	CHECK_EQ(file.count, 0);
}
