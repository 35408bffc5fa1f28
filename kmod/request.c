// SPDX-License-Identifier: GPL-2.0-only
/*
 * Waits that complete a command of io_uring, where the kernel can cancel commands.
 *
 *   issue               try: no need to wait, done in the issue
 *                       else a request: marked cancelable, queued, its timer started
 *   settled, once, by   a grant, an error of the object, the deadline (expire), CANCEL, the
 *                       end of the attachment, or io_uring (shs_request_cancel): off the
 *                       queue, and posted
 *   posted, once        to the task that submitted it, or to io_uring's own if that is gone
 *   finish, there       timer and work are stopped, the reply is written, the command done
 *
 * So whatever ends a wait settles its waiter, under object->lock, and only who settled it
 * posts it; until then the command's file keeps attachment and object, and finish is the
 * only one to free.  A timer cannot take object->lock, so it lets a work do it.
 *
 * Ownership is handed over by who settles.  If the completion has nobody to go to (the
 * task is gone or killed, or the ring is closed) finish gives back what was granted, with
 * its notice.  A cancelled command may have been granted before: the same.
 *
 *   io_uring (uring_lock)               who settles (object->lock)
 *   cancel: cancelled = true            lock; settle: 0; unlock; posted
 *           lock; queued? settle
 *   again, until done                   finish: cancelled: gives it back
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
#include "shstate.h"

#ifdef SHS_HAVE_URING_CANCELABLE

struct shs_request {
	struct shs_waiter w;
	struct shs_object *obj;
	struct shs_ticket *ticket;	/* condvar; then w is not used */
	struct io_uring_cmd *cmd;
	struct shs_door door;		/* for the reply */
	struct hrtimer timer;
	struct work_struct work;
	bool timed;
	bool cancelled;			/* by io_uring, under obj->lock; see above */
};

static struct workqueue_struct *deadlines;

/* Where the command keeps its request. */
static struct shs_request **request_of(struct io_uring_cmd *cmd)
{
	BUILD_BUG_ON(sizeof(struct shs_request *) > sizeof(cmd->pdu));
	return (struct shs_request **)cmd->pdu;
}

/* ---- the end ---- */

static void stop_timer(struct shs_request *r)
{
	if (!r->timed)
		return;
	hrtimer_cancel(&r->timer);
	cancel_work_sync(&r->work);
}

void shs_request_free(struct shs_request *r)
{
	put_pid(r->w.thread);
	kfree(r);
}

static bool is_grant(int result)
{
	return !result || result == -EOWNERDEAD;
}

/* What it was granted last, or why not; if that has nobody to go to, it is given back. */
static int take_grant(struct shs_request *r, bool closed)
{
	struct shs_waiter *w = r->ticket ? &r->ticket->again : &r->w;
	struct shs_object *obj = r->ticket ? w->att->obj : r->obj;

	return closed ? shs_give_back(obj, w, w->result) : w->result;
}

/*
 * The last of r.  io_uring may want to cancel the command until it is done, so r goes
 * after that.
 */
static void finish(struct shs_request *r, bool dead, unsigned int issue_flags)
{
	bool closed = dead || READ_ONCE(r->cancelled) || shs_door_closed(r->cmd) ||
		      fatal_signal_pending(current);
	int ret, ended = 0;

	stop_timer(r);
	ret = take_grant(r, closed);
	if (r->ticket)
		ended = shs_ticket_end(r->ticket, !is_grant(ret));
	if (r->ticket && ret == -EBUSY)
		ret = -ENOLCK;		/* what it had released it could not take back */
	ret = shs_door_end(&r->door, &r->w, ret ?: ended);
	shs_uring_done(r->cmd, ret, issue_flags);
	shs_request_free(r);
}

static void finish_command(struct io_uring_cmd *cmd, unsigned int issue_flags, bool dead)
{
	finish(*request_of(cmd), dead, issue_flags);
}

SHS_URING_TW(finish_in_task, finish_command)

static void post(struct shs_request *r)
{
	shs_uring_complete_in_task(r->cmd, finish_in_task);
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
		ret = shs_kind_ops(mutex->kind)->try(mutex, w, &wakes);
	if (ret == -EBUSY || ret == -EAGAIN) {
		shs_enqueue(mutex, w);
		ret = -EBUSY;
	} else {
		w->result = ret;
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
		shs_settle(obj, w, why, &wakes);
	shs_pass(obj, &wakes);
	spin_unlock(&obj->lock);
	shs_wakes_flush(&wakes);
}

static void expire(struct work_struct *work)
{
	struct shs_request *r = container_of(work, struct shs_request, work);

	end_queued(r->obj, first_waiter(r), -ETIMEDOUT);
}

static enum hrtimer_restart deadline_passed(struct hrtimer *timer)
{
	queue_work(deadlines, &container_of(timer, struct shs_request, timer)->work);
	return HRTIMER_NORESTART;
}

/*
 * io_uring cancels the command, with uring_lock held, perhaps again and again until it is
 * done; it is not yet, so the request is still there.
 */
void shs_request_cancel(struct io_uring_cmd *cmd)
{
	struct shs_request *r = *request_of(cmd);
	struct shs_ticket *t = r->ticket;

	spin_lock(&r->obj->lock);
	WRITE_ONCE(r->cancelled, true);
	spin_unlock(&r->obj->lock);
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

struct shs_request *shs_request_new(struct shs_object *obj, struct shs_door *door)
{
	struct shs_request *r = kzalloc(sizeof(*r), SHS_GFP);

	if (!r)
		return NULL;
	r->obj = obj;
	r->cmd = door->cmd;
	r->door = *door;
	return r;
}

/* From now on io_uring may cancel it, and it ends by shs_uring_done() only. */
static void publish(struct shs_request *r, const struct shs_deadline *d, unsigned int issue_flags)
{
	r->timed = d->at != KTIME_MAX;
	if (r->timed) {
		hrtimer_setup(&r->timer, deadline_passed, d->clock, HRTIMER_MODE_ABS);
		INIT_WORK(&r->work, expire);
	}
	*request_of(r->cmd) = r;
	io_uring_cmd_mark_cancelable(r->cmd, issue_flags);
}

/* With obj->lock, after first_waiter() queued. */
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
	struct shs_wakes wakes = { };
	int ret;

	spin_lock(&obj->lock);
	if (r->cancelled)
		ret = -ECANCELED;
	else if (w->att && w->att->state != SHS_ATT_LIVE)
		ret = -ENXIO;
	else if (shs_request_limit(obj, w->att ? w->att->may_write : w->counts))
		ret = -EUSERS;
	else
		ret = shs_kind_ops(obj->kind)->try(obj, w, &wakes);
	if (ret == -EBUSY) {
		shs_enqueue(obj, w);
		start_timer(r, d);
	}
	shs_pass(obj, &wakes);
	spin_unlock(&obj->lock);
	shs_wakes_flush(&wakes);
	return ret;
}

static int begin(struct shs_object *obj, const struct shs_waiter *w,
		 const struct shs_deadline *d, struct shs_door *door)
{
	struct shs_request *r = shs_request_new(obj, door);
	int ret;

	if (!r)
		return -ENOMEM;
	r->w = *w;
	r->w.task = NULL;
	r->w.done = settled;
	get_pid(r->w.thread);
	INIT_LIST_HEAD(&r->w.node);
	publish(r, d, door->issue_flags);
	ret = enter(r, d);
	if (ret != -EBUSY) {
		r->w.result = ret;
		finish(r, false, door->issue_flags);
	}
	return -EIOCBQUEUED;
}

int shs_door_wait(struct shs_object *obj, struct shs_waiter *w, const struct shs_deadline *d,
		  struct shs_door *door)
{
	int ret = shs_first_try(obj, w, door);

	return ret == -EBUSY && d ? begin(obj, w, d, door) : ret;
}

/* The ticket is queued, or was settled already, and the mutex is released. */
int shs_request_ticket(struct shs_request *r, struct shs_ticket *t,
		       const struct shs_deadline *d, unsigned int issue_flags)
{
	struct shs_object *obj = r->obj;
	struct shs_wakes nobody = { };
	bool left;

	r->ticket = t;
	publish(r, d, issue_flags);
	spin_lock(&obj->lock);
	t->again.done = ticket_settled;
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

#endif
