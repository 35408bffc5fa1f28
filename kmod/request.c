// SPDX-License-Identifier: GPL-2.0-only
/*
 * Waits that no thread sleeps for, whatever door they came by.
 *
 *   start               the door says who may end it (publish); queued, its timer started;
 *                       or it ends at once, in its caller
 *   settled, once, by   a grant, an error of the object, the deadline (expire), CANCEL, the
 *                       end of the attachment, or the door (shs_request_cancel): off the
 *                       queue, and posted
 *   posted, once        to the door, in whatever context
 *   end, by the door    timer and work are stopped, what nobody takes is given back
 *
 * So whatever ends a wait settles its waiter, under object->lock, and only who settled it
 * posts it; until then the door keeps attachment and object, and who calls end is the
 * only one to free.  A timer cannot take object->lock, so it lets a work do it.
 *
 * Ownership is handed over by who settles.  If the door has nobody to tell (closed) end
 * gives back what was granted, with its notice.  A wait that the door cancelled may have
 * been granted before: the same.
 *
 *   door                                who settles (object->lock)
 *   cancel: cancelled = true            lock; settle: 0; unlock; posted
 *           lock; queued? settle
 *   (io_uring: again, until it ended)   end: cancelled: gives it back
 *
 * A wait for several objects (manystep.c) is posted by a step of it, which the deadline and the
 * door only ask for: it leaves the queues itself.
 *
 * A wait at a condvar has two waiters, one after the other: its ticket's w, and again for
 * the mutex.  A notify queues again for w; whatever else ends w does that with the mutex's
 * lock only (take_back), which looks at cancelled under that lock:
 *
 *   cancel                              whatever ended w
 *   cancelled = true
 *   mutex's lock; again queued? settle  mutex's lock; cancelled? posted; else: queued
 */
#include <linux/file.h>
#include <linux/hrtimer.h>
#include <linux/pid.h>
#include <linux/sched/signal.h>
#include <linux/workqueue.h>
#include "many.h"

static struct workqueue_struct *deadlines;

/* ---- the end ---- */

static void stop_timer(struct shs_request *r)
{
	if (r->many)
		shs_many_leave_door(r->many);
	if (r->timed)
		hrtimer_cancel(&r->timer);
	if (r->timed || r->many)
		cancel_work_sync(&r->work);
}

void shs_request_free(struct shs_request *r)
{
	if (r->ticket)		/* which a door may want to cancel until it has told the end */
		shs_ticket_free(r->ticket);
	if (r->many)
		shs_many_free(r->many);
	put_pid(r->w.thread);
	kfree(r);
}

/* What it was granted last, or why not; closed: that has nobody to go to, and is given back. */
static int take_grant(struct shs_request *r, bool closed)
{
	struct shs_waiter *w = r->ticket ? &r->ticket->again : &r->w;
	struct shs_object *obj = r->ticket ? w->att->obj : r->obj;
	int result;

	spin_lock(&obj->lock);
	hlist_del_init(&w->unclaimed);
	result = w->result;
	spin_unlock(&obj->lock);
	return closed ? shs_give_back(obj, w, result) : result;
}

/* How r, which was posted, has ended; from now on nobody but the caller knows of it. */
int shs_request_end(struct shs_request *r, bool closed)
{
	int ret, ended = 0;

	stop_timer(r);
	closed |= READ_ONCE(r->cancelled);
	if (r->many)
		return shs_many_end(r->many, closed);
	ret = take_grant(r, closed);
	if (r->ticket)
		ended = shs_ticket_leave(r->ticket, !shs_is_grant(ret));
	if (r->ticket && ret == -EBUSY)
		ret = -ENOLCK;		/* what it had released it could not take back */
	return ret ?: ended;
}

static void post(struct shs_request *r)
{
	r->door.ops->post(r);
}

static void settled(struct shs_waiter *w)
{
	post(container_of(w, struct shs_request, w));
}

static void ticket_settled(struct shs_waiter *w)
{
	post(container_of(w, struct shs_ticket, again)->request);
}

/*
 * The wait of a ticket that nobody sleeps on ended without a notify, or its notify found
 * no way to queue it for the mutex; by whatever context that ended it.  A process on its
 * way out does not get the mutex again, or it would die holding it.
 */
static void take_back(struct shs_ticket *t)
{
	struct shs_waiter *w = &t->again;
	struct shs_object *mutex = w->att->obj;
	struct shs_wakes wakes = { };
	int ret = -ENXIO;

	spin_lock(&mutex->lock);
	if (READ_ONCE(t->request->cancelled))
		ret = -ECANCELED;
	else if (w->att->state == SHS_ATT_LIVE && !shs_mm_is_gone(w->att))
		ret = shs_try_alive(mutex, w, &wakes);
	if (ret == -EBUSY || ret == -EAGAIN) {
		shs_enqueue(mutex, w);
		ret = -EBUSY;
	} else {
		w->result = ret;
		shs_leave_unclaimed(w);
	}
	shs_pass(mutex, &wakes);
	spin_unlock(&mutex->lock);
	if (ret != -EBUSY)
		post(t->request);
	shs_wakes_flush(&wakes);
}

static void ticket_left(struct shs_waiter *w)
{
	take_back(container_of(w, struct shs_ticket, w));
}

/* ---- what ends it before its time ---- */

static struct shs_waiter *first_waiter(struct shs_request *r)
{
	return r->ticket ? &r->ticket->w : &r->w;
}

static void end_queued(struct shs_object *obj, struct shs_waiter *w, int why)
{
	struct shs_wakes wakes = { };

	spin_lock(&obj->lock);
	if (!list_empty(&w->node))
		shs_settle(obj, w, shs_await_end(obj, w, why), &wakes);
	shs_pass(obj, &wakes);
	spin_unlock(&obj->lock);
	shs_wakes_flush(&wakes);
}

static void expire(struct work_struct *work)
{
	struct shs_request *r = container_of(work, struct shs_request, work);

	if (READ_ONCE(r->obj->attempted))	/* what the attempt gives back may be for r */
		shs_wait_for_attempt(r->obj);
	end_queued(r->obj, first_waiter(r), -ETIMEDOUT);
}

static void step(struct work_struct *work)
{
	struct shs_request *r = container_of(work, struct shs_request, work);

	if (shs_many_step(r->many))
		post(r);
}

/* Nobody may be about to end r. */
void shs_request_work(struct shs_request *r)
{
	queue_work(deadlines, &r->work);
}

static enum hrtimer_restart deadline_passed(struct hrtimer *timer)
{
	struct shs_request *r = container_of(timer, struct shs_request, timer);

	WRITE_ONCE(r->expired, true);
	shs_request_work(r);
	return HRTIMER_NORESTART;
}

/* By the door, whose caller sees to it that r has not ended yet. */
void shs_request_cancel(struct shs_request *r)
{
	struct shs_ticket *t = r->ticket;

	spin_lock(&r->obj->lock);
	WRITE_ONCE(r->cancelled, true);
	spin_unlock(&r->obj->lock);
	if (r->many) {
		shs_many_wake(r->many);
		return;
	}
	end_queued(r->obj, first_waiter(r), -ECANCELED);
	if (t)
		end_queued(t->again.att->obj, &t->again, -ECANCELED);
}

/* ---- the beginning ---- */

/*
 * Threads are so many that a queue of theirs can be walked under its lock; requests need
 * a limit.  Who may only read gets half of it: he cannot keep the others out.
 */
bool shs_request_limit(const struct shs_object *obj, bool may_write)
{
	return READ_ONCE(obj->waiters) >= SHS_REQUESTS_MAX / (may_write ? 1 : 2);
}

struct shs_request *shs_request_new(struct shs_object *obj, const struct shs_door *door)
{
	struct shs_request *r = kzalloc(sizeof(*r), SHS_GFP);

	if (!r)
		return NULL;
	r->obj = obj;
	r->door = *door;
	return r;
}

/* From now on its door may cancel it. */
static void publish(struct shs_request *r, const struct shs_deadline *d)
{
	r->timed = d->at != KTIME_MAX;
	if (r->timed)
		hrtimer_setup(&r->timer, deadline_passed, d->clock, HRTIMER_MODE_ABS);
	INIT_WORK(&r->work, r->many ? step : expire);
	r->door.ops->publish(r);
}

/* With the lock of the queue that r is in, or before it is in any. */
static void start_timer(struct shs_request *r, const struct shs_deadline *d)
{
	if (r->timed)
		hrtimer_start(&r->timer, d->at, HRTIMER_MODE_ABS);
}

/* -EBUSY: queued, and no longer the caller's.  Else final. */
static int enter(struct shs_request *r, const struct shs_deadline *d)
{
	struct shs_object *obj = r->obj;
	struct shs_waiter *w = &r->w;
	const struct shs_attachment *att = w->att ?: w->armed;
	struct shs_wakes wakes = { };
	int ret;

	spin_lock(&obj->lock);
	if (r->cancelled)
		ret = -ECANCELED;
	else if (att && att->state != SHS_ATT_LIVE)
		ret = -ENXIO;
	else if (shs_request_limit(obj, w->att ? w->att->may_write : w->counts))
		ret = -EUSERS;
	else
		ret = shs_kind_ops(obj->kind)->try(obj, w, &wakes);
	if (ret == -EBUSY) {
		shs_enqueue(obj, w);
		start_timer(r, d);
	} else {
		w->result = ret;
		shs_leave_unclaimed(w);
	}
	shs_pass(obj, &wakes);
	spin_unlock(&obj->lock);
	shs_wakes_flush(&wakes);
	return ret;
}

/* -EBUSY: queued, and posted when it ended.  Else it has, with w.result. */
static int start(struct shs_request *r, const struct shs_waiter *w, const struct shs_deadline *d)
{
	r->w = *w;
	r->w.task = NULL;
	r->w.done = settled;
	r->w.thread = r->door.thread;
	r->w.process = current->mm;
	r->w.by_ring = true;
	get_pid(r->w.thread);
	INIT_LIST_HEAD(&r->w.node);
	publish(r, d);
	return enter(r, d);
}

/* As w would wait, of which it is a copy.  -EIOCBQUEUED, or -ENOMEM. */
int shs_request_wait(struct shs_object *obj, const struct shs_waiter *w,
		     const struct shs_deadline *d, struct shs_door *door)
{
	struct shs_request *r = shs_request_new(obj, door);

	if (!r)
		return -ENOMEM;
	if (start(r, w, d) != -EBUSY)
		door->ops->at_once(r);
	return -EIOCBQUEUED;
}

/* The same for several: with -EIOCBQUEUED m is the request's. */
int shs_request_many(struct shs_many_wait *m, struct shs_door *door)
{
	struct shs_request *r = shs_request_new(m->one[0].obj, door);

	if (!r)
		return -ENOMEM;
	r->many = m;
	r->w.thread = get_pid(r->door.thread);
	shs_many_prepare(m, r);
	publish(r, &m->deadline);
	start_timer(r, &m->deadline);
	if (shs_many_begin(m))
		door->ops->at_once(r);
	return -EIOCBQUEUED;
}

/* The ticket is queued, or was settled already, and the mutex is released. */
int shs_request_ticket(struct shs_request *r, struct shs_ticket *t,
		       const struct shs_deadline *d)
{
	struct shs_object *obj = r->obj;
	struct shs_wakes nobody = { };
	bool left;

	r->ticket = t;
	publish(r, d);
	spin_lock(&obj->lock);
	t->again.done = ticket_settled;
	t->again.armed = r->door.att ? t->again.att : NULL;
	if (r->cancelled && t->w.state == SHS_QUEUED)
		shs_settle(obj, &t->w, -ECANCELED, &nobody);
	left = t->w.state == SHS_SETTLED;
	if (!left) {
		t->w.done = ticket_left;
		start_timer(r, d);
	}
	spin_unlock(&obj->lock);
	if (left)
		take_back(t);
	return -EIOCBQUEUED;
}

int shs_requests_init(void)
{
	deadlines = alloc_workqueue("shstate", WQ_UNBOUND, 0);
	return deadlines ? 0 : -ENOMEM;
}

void shs_requests_exit(void)
{
	destroy_workqueue(deadlines);
}
