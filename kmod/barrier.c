// SPDX-License-Identifier: GPL-2.0-only
/*
 * Barrier: parties that wait until all of them have arrived.
 *
 *                  as many wait as there are parties
 *                +-----------------------------------+
 *                v                                   |
 *   whole, generation n ------------------> whole, generation n + 1
 *                |                                   ^
 *                | a party dies                      | RESET
 *                +------------> broken --------------+
 *
 * An arrival is a waiter on the queue and nothing else.  So whatever takes the waiter off
 * (deadline, signal, the end of its attachment) takes the arrival back, under the same
 * lock, and there is no count of its own that could be right for another queue than this:
 *
 *   waiter                               last to arrive
 *   deadline passes
 *                                        lock; queued; pass: all are there: all settled
 *   lock; settled: released with them
 *
 *   or
 *   lock; queued: off the queue
 *                                        lock; queued; pass: one is missing: sleeps
 *
 *   but not (the count taken back later)
 *   lock; queued: off the queue
 *                                        the count says that all are there: released
 *                                        without the first
 *
 * A generation ends in pass, in one piece: everybody who is queued is settled, the last one
 * as the leader, and so released once, even if it is killed before it runs.  Between any two
 * events at least one is missing, and a waiter that leaves makes it more: so only who queues,
 * or makes the parties fewer, can end a generation, and both pass.
 *
 * Who died can never arrive, so those who wait for it are told.  A party is an attachment
 * that arrived in this generation or in the last one, so that it is expected again; for as
 * many threads as waited by it at one time.  Of generation n + 1 it is no party any more
 * if it came last in n - 1.  LEAVE takes one of its threads off, in the generation before
 * and, if not all that were there now still wait, in this one: the thread that leaves does
 * not wait.  Kept by attachment, looked at when it acts or dies (catch_up):
 *
 *   party D                              others
 *   arrives, released with all           generation 1 -> 2; arrive, all but D
 *   killed: repair: was there in the
 *   last: broken; all settled
 *                                        -EOWNERDEAD; and so who comes later, until RESET
 */
#include "core.h"

static u32 *parties(const struct shs_object *obj)
{
	return shs_value(obj);
}

/* What INIT brings: 0, or -EINVAL. */
int shs_barrier_new(const u32 *value)
{
	return *value && *value <= SHS_BARRIER_MAX ? 0 : -EINVAL;
}

static void catch_up(struct shs_attachment *att)
{
	u64 generation = att->obj->barrier.generation;
	struct shs_parties *p = &att->parties;

	if (p->generation == generation)
		return;
	p->before = p->generation + 1 == generation ? p->now : 0;
	p->now = 0;
	p->generation = generation;
}

static u32 arrived(const struct shs_attachment *att)
{
	const struct shs_waiter *w;
	u32 n = 0;

	list_for_each_entry(w, &att->obj->queue, node)
		n += w->att == att;
	return n;
}

/* Told of the end of a generation, or that it is broken. */
static void tell(struct shs_object *obj, struct shs_waiter *w, u32 reply)
{
	w->reply = reply;
	w->generation = obj->barrier.generation;
}

/* To arrive is to queue, if that is of use; pass looks whether it was the last. */
static int barrier_try(struct shs_object *obj, struct shs_waiter *w, struct shs_wakes *wakes)
{
	struct shs_parties *p = &w->att->parties;
	u32 here = arrived(w->att) + 1;

	lockdep_assert_held(&obj->lock);
	if (obj->barrier.broken) {
		tell(obj, w, SHS_BARRIER_BROKEN);
		return -EOWNERDEAD;
	}
	if (!*parties(obj))
		return -EPERM;
	catch_up(w->att);
	if (p->now < here)
		p->now = here;
	return -EBUSY;
}

/* A release cannot be undone: who was killed after it is a party that dies. */
static int barrier_release(struct shs_object *obj, struct shs_waiter *w, bool notice,
			   struct shs_wakes *wakes)
{
	return 0;
}

static void barrier_pass(struct shs_object *obj, struct shs_wakes *wakes)
{
	struct shs_waiter *w, *next, *last;

	lockdep_assert_held(&obj->lock);
	if (list_empty(&obj->queue) || obj->waiters < *parties(obj))
		return;
	obj->barrier.generation++;
	last = list_last_entry(&obj->queue, struct shs_waiter, node);
	list_for_each_entry_safe(w, next, &obj->queue, node) {
		tell(obj, w, w == last ? SHS_BARRIER_LEADER : 0);
		shs_settle(obj, w, 0, wakes);
	}
}

static void tell_broken(struct shs_object *obj, struct shs_wakes *wakes)
{
	struct shs_waiter *w, *next;

	list_for_each_entry_safe(w, next, &obj->queue, node) {
		tell(obj, w, SHS_BARRIER_BROKEN);
		shs_settle(obj, w, -EOWNERDEAD, wakes);
	}
}

static void barrier_repair(struct shs_object *obj, struct shs_attachment *att,
			   struct shs_wakes *wakes)
{
	lockdep_assert_held(&obj->lock);
	catch_up(att);
	if (!att->parties.now && !att->parties.before)
		return;
	shs_death_note(att, SHS_MODE_EXCLUSIVE);
	obj->barrier.broken = true;
	tell_broken(obj, wakes);
}

/* 0, or -EPERM: there is no party left.  The caller passes, after shs_barrier_set() too. */
int shs_barrier_leave(struct shs_attachment *att)
{
	struct shs_object *obj = att->obj;
	struct shs_parties *p = &att->parties;

	lockdep_assert_held(&obj->lock);
	if (!*parties(obj))
		return -EPERM;
	catch_up(att);
	if (p->before)
		p->before--;
	if (p->now > arrived(att))
		p->now--;
	shs_barrier_set(obj, *parties(obj) - 1);
	return 0;
}

void shs_barrier_set(struct shs_object *obj, u32 n)
{
	lockdep_assert_held(&obj->lock);
	WRITE_ONCE(*parties(obj), n);
}

/* Who waits is told that it was broken; the parties stay those that they were. */
void shs_barrier_reset(struct shs_object *obj, struct shs_wakes *wakes)
{
	lockdep_assert_held(&obj->lock);
	tell_broken(obj, wakes);
	obj->barrier.broken = false;
	obj->barrier.generation++;
}

const struct shs_kind_ops shs_barrier_ops = {
	.try = barrier_try,
	.release = barrier_release,
	.repair = barrier_repair,
	.pass = barrier_pass,
};
