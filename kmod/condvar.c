// SPDX-License-Identifier: GPL-2.0-only
/*
 * Condition variable: a queue of tickets beside a mutex.
 *
 *   QUEUED --notify--> SETTLED --mutex taken again--> dropped
 *      \--deadline--> dropped from the queue (expired) --mutex taken again--> dropped
 *
 * A notify does not wake: it moves the sleeper to the queue of the mutex (again, with
 * both locks held), so that of any number one at a time is woken, when the mutex is
 * free.  Only who does not sleep, for a signal's sake, or has lost his mutex's
 * attachment, is left to look for himself:
 *
 *   notifier (condvar's lock, then the mutex's)      waiter
 *   w: SETTLED, not woken; again: queued             sleeps on w
 *                                                    woken by the mutex, or a signal:
 *                                                    w is settled: goes on with again
 *
 * A wait enqueues its ticket before it releases the mutex, so a notify by whoever
 * takes the mutex next finds it:
 *
 *   waiter                          notifier
 *   ticket on the queue
 *   mutex released
 *                                   takes the mutex, changes, notify: settles it
 *   sleeps: is settled already
 *
 * A signal leaves the ticket where it is; the restarted call finds it by attachment
 * and thread.  A settled ticket that is dropped before its wait returned (killed,
 * abandoned, its attachment dead) passes its notify on.  All waiters use the same
 * mutex (or rwlock, for writing), known by its serial number.
 */
#include "core.h"

/* 0, or -EINVAL if waiters with another mutex exist. */
int shs_condvar_bind(struct shs_object *obj, u64 mutex_serial)
{
	lockdep_assert_held(&obj->lock);
	if (obj->condvar.tickets && obj->condvar.mutex_serial != mutex_serial)
		return -EINVAL;
	obj->condvar.mutex_serial = mutex_serial;
	return 0;
}

void shs_ticket_add(struct shs_object *obj, struct shs_ticket *t)
{
	lockdep_assert_held(&obj->lock);
	obj->condvar.tickets++;
	list_add_tail(&t->att_node, &t->w.att->tickets);
	shs_enqueue(obj, &t->w);
}

/* Nobody will come back for it: its thread ended between an interruption and now. */
static bool is_left_behind(struct shs_waiter *w)
{
	return !w->task && !w->done &&
	       shs_thread_is_gone(container_of(w, struct shs_ticket, w)->thread);
}

/* Its sleeper, if it has one, now waits for the mutex, whose lock is held too. */
static void requeue(struct shs_object *mutex, struct shs_ticket *t)
{
	if ((!t->w.task && !t->w.done) || t->again.att->state != SHS_ATT_LIVE)
		return;
	t->again.task = t->w.task;
	t->w.task = NULL;	/* not to be told by the notify */
	t->w.done = NULL;
	t->requeued = true;
	shs_enqueue(mutex, &t->again);
}

static struct shs_ticket *first_ticket(const struct shs_object *obj)
{
	return list_first_entry(&obj->queue, struct shs_ticket, w.node);
}

/* Wakes the count longest waiting; returns how many. */
u32 shs_condvar_notify(struct shs_object *obj, u64 count, struct shs_wakes *wakes)
{
	struct shs_object *mutex;
	struct shs_ticket *t;
	u32 n = 0;

	lockdep_assert_held(&obj->lock);
	if (!count || list_empty(&obj->queue))
		return 0;
	mutex = first_ticket(obj)->again.att->obj;	/* the same for all */
	spin_lock_nested(&mutex->lock, SINGLE_DEPTH_NESTING);
	while (n < count && !list_empty(&obj->queue)) {
		t = first_ticket(obj);
		if (is_left_behind(&t->w)) {
			shs_settle(obj, &t->w, -ENXIO, wakes);
			continue;
		}
		requeue(mutex, t);
		shs_settle(obj, &t->w, 0, wakes);
		n++;
	}
	shs_pass(mutex, wakes);
	spin_unlock(&mutex->lock);
	return n;
}

/* Takes t out of everything; pass: its notify, if it has one, goes to the next. */
void shs_ticket_drop(struct shs_object *obj, struct shs_ticket *t, bool pass,
		     struct shs_wakes *wakes)
{
	lockdep_assert_held(&obj->lock);
	if (t->w.state == SHS_QUEUED && !t->expired)
		shs_dequeue(obj, &t->w);
	else if (pass && !t->expired && !t->w.result)
		shs_condvar_notify(obj, 1, wakes);
	list_del_init(&t->att_node);
	obj->condvar.tickets--;
}

/* A notify that t has goes to the next. */
void shs_ticket_forgo(struct shs_object *obj, struct shs_ticket *t, struct shs_wakes *wakes)
{
	lockdep_assert_held(&obj->lock);
	if (t->expired || t->w.result)
		return;
	t->w.result = -ENXIO;
	shs_condvar_notify(obj, 1, wakes);
}

/*
 * Queued tickets of the dead attachment were settled with -ENXIO already.  One that
 * had been notified gives the notify to the next and is marked the same, so that it
 * is passed on once whoever drops it: its sleeper or the attachment's release.  One
 * that waits for the mutex by it has a living sleeper, who uses it or passes it on.
 */
static void condvar_repair(struct shs_object *obj, struct shs_attachment *att,
			   struct shs_wakes *wakes)
{
	struct shs_ticket *t;

	lockdep_assert_held(&obj->lock);
	list_for_each_entry(t, &att->tickets, att_node)
		if (!t->requeued)
			shs_ticket_forgo(obj, t, wakes);
}

const struct shs_kind_ops shs_condvar_ops = {
	.repair = condvar_repair,
};
