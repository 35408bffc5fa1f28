// SPDX-License-Identifier: GPL-2.0-only
/*
 * The queue, the life and the death of attachments.
 *
 * An attachment dies once: NEW or LIVE -> DEAD, by the close of the last VMA of its
 * private region, by the release of its file, or early, by a contender that finds
 * its mm without users (the address space is on its way out but its mappings are
 * not closed yet, which takes long for a huge process).  All three end in
 * repair(), which is idempotent.  No store of the dead owner can be in
 * flight: close runs after the TLB flush, and an mm without users runs nowhere.
 *
 *   owner (in exit)                 contender
 *   mmput(): mm_users 1 -> 0
 *                                   lock; word has owner id; mm_users == 0 (acquire)
 *                                   repair: DEAD, word := DIED; try again: owns
 *   unmap: close(): lock; DEAD: nothing to do
 *
 * The id is given back with the attachment's file, so strictly after the repair,
 * and cyclically: a stale id in a shared word does not name a younger attachment.
 */
#include "core.h"

/* To be told by shs_tell_done(); however many, for they bring their own place. */
static void add_done(struct shs_object *obj, struct shs_waiter *w, struct shs_wakes *wakes)
{
	obj->wakes++;
	w->after = NULL;
	if (wakes->last)
		wakes->last->after = w;
	else
		wakes->first = w;
	wakes->last = w;
}

static void cancel_waiters(struct shs_attachment *att, struct shs_wakes *wakes)
{
	struct shs_waiter *w, *next;

	list_for_each_entry_safe(w, next, &att->obj->queue, node)
		if (w->att == att || w->armed == att)
			shs_settle(att->obj, w, -ENXIO, wakes);
}

/* As if it had never been granted; what w's thread locked once more meanwhile stays so. */
void shs_undo_grant(struct shs_object *obj, struct shs_waiter *w, int result,
		    struct shs_wakes *wakes)
{
	bool notice = result == -EOWNERDEAD && !shs_mutex_is_nested(obj, w);

	lockdep_assert_held(&obj->lock);
	shs_kind_ops(obj->kind)->release(obj, w, notice, wakes);
}

/* w has its result; if that is a grant it is to be collected. */
void shs_leave_unclaimed(struct shs_waiter *w)
{
	if (w->armed && (!w->result || w->result == -EOWNERDEAD))
		hlist_add_head(&w->unclaimed, &w->armed->unclaimed);
}

static void undo_unclaimed(struct shs_attachment *att, struct shs_wakes *wakes)
{
	struct shs_waiter *w;

	while (!hlist_empty(&att->unclaimed)) {
		w = container_of(att->unclaimed.first, struct shs_waiter, unclaimed);
		hlist_del_init(&w->unclaimed);
		shs_undo_grant(att->obj, w, w->result, wakes);
		WRITE_ONCE(w->result, -ENXIO);
	}
}

/* Does not serve the queue: called by try and pass, which must not recurse. */
static void repair(struct shs_attachment *att, struct shs_wakes *wakes)
{
	const struct shs_kind_ops *ops = shs_kind_ops(att->obj->kind);

	lockdep_assert_held(&att->obj->lock);
	if (att->state == SHS_ATT_DEAD)
		return;
	WRITE_ONCE(att->state, SHS_ATT_DEAD);
	cancel_waiters(att, wakes);
	undo_unclaimed(att, wakes);
	if (att->many)
		add_done(att->obj, &att->many->bell, wakes);
	att->many = NULL;
	shs_watch(att, 0);
	if (ops->repair)
		ops->repair(att->obj, att, wakes);
}

void shs_att_die(struct shs_attachment *att, struct shs_wakes *wakes)
{
	repair(att, wakes);
	shs_pass(att->obj, wakes);
}

/* Attachment of a live owner, or NULL after repairing what the dead one held. */
struct shs_attachment *shs_att_live(struct shs_object *obj, u32 id, struct shs_wakes *wakes)
{
	struct shs_attachment *att = xa_load(&obj->atts, id);

	lockdep_assert_held(&obj->lock);
	if (!att || att->state != SHS_ATT_LIVE)
		return NULL;
	if (shs_mm_is_gone(att)) {
		repair(att, wakes);
		return NULL;
	}
	return att;
}

/* Bit per lane: the others are zero, or not what their process wants to count. */
u64 shs_lanes_in_use(const struct shs_attachment *att)
{
	const struct shs_private *head = att->private_mem;
	u32 lanes = att->obj->geo.lanes;

	return lanes ? (READ_ONCE(head->used) | att->used) & (~0ULL >> (64 - lanes)) : 0;
}

static void queue_add(struct shs_object *obj, struct shs_waiter *w, bool first)
{
	shs_graph_lock(obj);
	if (first)
		list_add(&w->node, &obj->queue);
	else
		list_add_tail(&w->node, &obj->queue);
	shs_graph_wait(obj, w);
	shs_graph_unlock(obj);
	WRITE_ONCE(obj->control->waiting, ++obj->waiters);
	if (w->until)
		shs_await_enter(obj);
}

void shs_enqueue(struct shs_object *obj, struct shs_waiter *w)
{
	w->state = SHS_QUEUED;
	w->kicked = false;
	w->since_ns = shs_now_ns();
	obj->waits++;
	queue_add(obj, w, w->upgrade);
	shs_trace(obj, SHS_EVENT_CONTEND, shs_waiter_id(w), w->mode, 0);
}

/* Back to the head, where it was, with its age. */
void shs_requeue(struct shs_object *obj, struct shs_waiter *w)
{
	queue_add(obj, w, true);
}

void shs_dequeue(struct shs_object *obj, struct shs_waiter *w)
{
	shs_graph_lock(obj);
	list_del_init(&w->node);
	shs_graph_leave(obj, w);
	shs_graph_unlock(obj);
	WRITE_ONCE(obj->control->waiting, --obj->waiters);
	if (w->until)
		shs_await_leave(obj);
}

static void wake(struct shs_object *obj, struct shs_waiter *w, struct shs_wakes *wakes)
{
	obj->wakes += !!w->task;
	shs_wake_add(wakes, w->task);
}

/* After object->lock; each of them is gone with its call. */
void shs_tell_done(struct shs_wakes *wakes)
{
	struct shs_waiter *w, *after;

	for (w = wakes->first; w; w = after) {
		after = w->after;
		w->done(w);
	}
	wakes->first = NULL;
	wakes->last = NULL;
}

/*
 * Takes w off the queue with its final result.  Its sleeper takes object->lock before
 * it leaves, so w and the task stay until then; after that both may be gone.  The
 * wake comes after the state, or the sleeper could look in between and sleep on.
 */
void shs_settle(struct shs_object *obj, struct shs_waiter *w, int result,
		struct shs_wakes *wakes)
{
	shs_dequeue(obj, w);
	w->result = result;
	shs_leave_unclaimed(w);
	smp_store_release(&w->state, SHS_SETTLED);	/* pairs with settled() in wait.c */
	if (w->many)
		WRITE_ONCE(w->many->bell.kicked, true);
	if (w->done)
		add_done(obj, w, wakes);
	else
		wake(obj, w, wakes);
}

/* Off the queue: its call has been granted something else, or waits no more. */
static void forgo(struct shs_object *obj, struct shs_waiter *w, struct shs_wakes *wakes)
{
	w->task = NULL;		/* which has been woken for that */
	shs_settle(obj, w, -EALREADY, wakes);
}

/*
 * Whether w, which is to be granted what it waits for, is of a process on its way out,
 * which would die holding it.  A sleeper is not: it leaves the queue before.  If so all
 * that waits by that attachment is off the queue now.  Or w is of a call that waits for
 * any of several and is over.
 */
bool shs_is_leaving(struct shs_object *obj, struct shs_waiter *w, struct shs_wakes *wakes)
{
	if (w->many && READ_ONCE(w->many->winner)) {
		forgo(obj, w, wakes);
		return true;
	}
	return w->done && w->att && !shs_att_live(obj, w->att->id, wakes);
}

/*
 * try for w whose process perhaps does not live for as long as that takes: what w has by an
 * attachment that try itself has found dead, and repaired, is the next one's.
 */
int shs_try_alive(struct shs_object *obj, struct shs_waiter *w, struct shs_wakes *wakes)
{
	int ret = shs_kind_ops(obj->kind)->try(obj, w, wakes);

	if (w->att->state == SHS_ATT_LIVE)
		return ret;
	if (!ret || ret == -EOWNERDEAD)
		shs_undo_grant(obj, w, ret, wakes);
	return -ENXIO;
}

/*
 * The last word before w is granted what it waits for, asked where nothing can come in
 * between any more, and for each waiter that is granted anything.  If not, w is off the
 * queue, and what it could have had is the next one's: a scout only wanted to know (it
 * tries to have all), and any of several is granted once, whoever comes first:
 *
 *   one object's lock               another's
 *   claim: winner NULL -> w1
 *                                   claim: winner is w1: w2 off the queue, the next
 *   w1 granted, settled, woken
 */
bool shs_claim(struct shs_object *obj, struct shs_waiter *w, struct shs_wakes *wakes)
{
	lockdep_assert_held(&obj->lock);
	if (!w->many)
		return true;
	if (w->many->all)
		shs_settle(obj, w, 0, wakes);
	else if (cmpxchg(&w->many->winner, NULL, w))
		forgo(obj, w, wakes);
	else
		return true;
	return false;
}

/* Who is to be served first, or NULL. */
struct shs_waiter *shs_head(struct shs_object *obj, struct shs_wakes *wakes)
{
	struct shs_waiter *w;

	lockdep_assert_held(&obj->lock);
	do
		w = list_first_entry_or_null(&obj->queue, struct shs_waiter, node);
	while (w && shs_is_leaving(obj, w, wakes));
	return w;
}

/* Who is first to have what can be had by now: scouts on the way there are told so. */
struct shs_waiter *shs_taker(struct shs_object *obj, struct shs_wakes *wakes)
{
	struct shs_waiter *w;

	do
		w = shs_head(obj, wakes);
	while (w && w->many && w->many->all && !shs_claim(obj, w, wakes));
	return w;
}

/* Of a call for any of several: unless another is granted already; none is from now on. */
static bool may_cancel(struct shs_waiter *w)
{
	return !w->many || w->many->all || !cmpxchg(&w->many->winner, NULL, &w->many->bell);
}

/* Ends the waits of a call; how many there were.  The caller passes. */
u32 shs_cancel(struct shs_object *obj, const void *process, u64 call, struct shs_wakes *wakes)
{
	struct shs_waiter *w, *next;
	u32 n = 0;

	lockdep_assert_held(&obj->lock);
	list_for_each_entry_safe(w, next, &obj->queue, node) {
		if (w->process != process || w->call != call)
			continue;
		if (!may_cancel(w)) {
			forgo(obj, w, wakes);
			continue;
		}
		shs_settle(obj, w, -ECANCELED, wakes);
		n++;
	}
	return n;
}

/* Lets the head try by itself; it keeps its place.  Once is enough until it looked. */
void shs_kick_head(struct shs_object *obj, struct shs_wakes *wakes)
{
	struct shs_waiter *w = list_first_entry(&obj->queue, struct shs_waiter, node);

	lockdep_assert_held(&obj->lock);
	if (w->kicked)
		return;
	WRITE_ONCE(w->kicked, true);
	wake(obj, w, wakes);
}

/* Nobody will own obj again but who recovers it: the others need not wait. */
void shs_tell_lost(struct shs_object *obj, struct shs_wakes *wakes)
{
	struct shs_waiter *w, *next;

	lockdep_assert_held(&obj->lock);
	list_for_each_entry_safe(w, next, &obj->queue, node)
		if (!w->force)
			shs_settle(obj, w, -ENOTRECOVERABLE, wakes);
}

/* The value is good again: 0, or -EAGAIN if others rewrite the word without end. */
int shs_forget_death(struct shs_object *obj)
{
	int ret = 0;

	lockdep_assert_held(&obj->lock);
	if (obj->kind == SHS_KIND_RWLOCK)
		obj->rwlock.died = false;
	else
		ret = shs_mutex_clear_died(obj);
	if (!ret)
		obj->lost = false;
	return ret;
}

/*
 * The holder of a value with SHS_INIT_STRICT declares it good again: 0, -EPERM if att
 * does not hold it for writing, -EINVAL if there is nothing to declare, or -EAGAIN.
 */
int shs_recover(struct shs_object *obj, struct shs_attachment *att)
{
	bool rwlock = obj->kind == SHS_KIND_RWLOCK;

	lockdep_assert_held(&obj->lock);
	if ((rwlock ? shs_rwlock_writer(obj) : shs_mutex_owner(obj)) != att->id)
		return -EPERM;
	if (!(obj->flags & SHS_INIT_STRICT) ||
	    !(rwlock ? obj->rwlock.died : shs_mutex_died(obj)))
		return -EINVAL;
	return shs_forget_death(obj);
}

static void set_watch(struct shs_attachment *att, u32 flags)
{
	struct shs_object *obj = att->obj;

	obj->watchers += !!flags - !!att->watch;
	obj->freezers += !!(flags & SHS_WATCH_FREEZE) - !!(att->watch & SHS_WATCH_FREEZE);
	att->watch = flags;
}

/*
 * From now on the kernel sees every lock and unlock of a mutex, rwlock or cell, until
 * att no longer watches or is dead.  Who holds at that moment goes on holding.
 * -EAGAIN: not so, others rewrite the word without end; to do less never fails.
 * The caller passes, for those who waited for a freezer.
 */
int shs_watch(struct shs_attachment *att, u32 flags)
{
	struct shs_object *obj = att->obj;
	u32 before = att->watch;
	int ret = 0;

	lockdep_assert_held(&obj->lock);
	if (before == flags)
		return 0;
	set_watch(att, flags);
	if (obj->kind == SHS_KIND_RWLOCK)
		shs_rwlock_see_all(obj);
	else if (obj->kind != SHS_KIND_SEMAPHORE)	/* which it sees always */
		ret = shs_mutex_renew_kernel_bit(obj);
	if (!ret || !(flags & ~before))		/* else with the next who takes the word here */
		return 0;
	set_watch(att, before);
	return ret;
}

/*
 * What is frozen nobody gets who has it not: who asks is told -EBUSY by try, and who
 * waits is not served.  Nothing is lost by that: the thaw, or the freezer's death, passes,
 * which looks at the lock as it is by then.
 */
void shs_pass(struct shs_object *obj, struct shs_wakes *wakes)
{
	const struct shs_kind_ops *ops = shs_kind_ops(obj->kind);

	if (ops->pass && !obj->freezers)
		ops->pass(obj, wakes);
}

static const struct shs_kind_ops nobody_owns;

const struct shs_kind_ops *shs_kind_ops(u32 kind)
{
	switch ((enum shs_kind)kind) {
	case SHS_KIND_MUTEX:
	case SHS_KIND_CELL:
		return &shs_mutex_ops;
	case SHS_KIND_RWLOCK:
		return &shs_rwlock_ops;
	case SHS_KIND_ONCE:
		return &shs_once_ops;
	case SHS_KIND_CONDVAR:
		return &shs_condvar_ops;
	case SHS_KIND_COUNTER:
		return &shs_counter_ops;
	case SHS_KIND_ATOMIC:
		return &shs_atomic_ops;
	case SHS_KIND_SEMAPHORE:
		return &shs_semaphore_ops;
	case SHS_KIND_BARRIER:
		return &shs_barrier_ops;
	case SHS_KIND_NONE:
		break;
	}
	return &nobody_owns;
}
