// SPDX-License-Identifier: GPL-2.0-only
/*
 * Sleeping and waking, the same for every kind.
 *
 *   waiter                                   whoever serves the queue
 *   lock; try: -EBUSY; enqueue; pass; unlock
 *   set_current_state()                      lock; settle: state = SETTLED, task kept
 *   settled? kicked? signal? deadline?         by a reference; unlock
 *   schedule()                               wake_up_process()
 *   lock; SETTLED: the result is final
 *         else: off the queue; kicked: try again, or back to the head
 *   pass; unlock
 *
 * Whatever made the waiter leave, it calls pass after it left, so a kick or a state
 * that it alone had been told of reaches the next.  A grant that raced a signal or
 * the deadline is a grant; only a killed task gives it back, with its notice.
 */
#include <linux/freezer.h>
#include <linux/hrtimer.h>
#include <linux/nospec.h>
#include <linux/nsproxy.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/time_namespace.h>
#include "shstate.h"

u64 shs_now_ns(void)
{
	return ktime_get_mono_fast_ns();
}

void shs_wake_add(struct shs_wakes *wakes, struct task_struct *task)
{
	if (!task)
		return;
	if (wakes->n == ARRAY_SIZE(wakes->task)) {
		wake_up_process(task);
		return;
	}
	wakes->task[wakes->n++] = get_task_struct(task);
}

/* After object->lock. */
void shs_wakes_flush(struct shs_wakes *wakes)
{
	unsigned int i;

	for (i = 0; i < wakes->n; i++) {
		wake_up_process(wakes->task[i]);
		put_task_struct(wakes->task[i]);
	}
	wakes->n = 0;
	shs_tell_done(wakes);
}

/* Offset of the caller's time namespace from the host's clock. */
ktime_t shs_clock_offset(clockid_t clock)
{
#ifdef CONFIG_TIME_NS
	const struct timens_offsets *offsets = &current->nsproxy->time_ns->offsets;

	if (clock == CLOCK_MONOTONIC)
		return timespec64_to_ktime(offsets->monotonic);
	if (clock == CLOCK_BOOTTIME)
		return timespec64_to_ktime(offsets->boottime);
#endif
	return 0;
}

/* 0, or -EINVAL for an unknown clock.  Every time is valid: it is clamped. */
int shs_deadline_set(struct shs_deadline *d, u64 ns, u8 clock)
{
	static const clockid_t clocks[] = {
		[SHS_CLOCK_MONOTONIC] = CLOCK_MONOTONIC,
		[SHS_CLOCK_REALTIME] = CLOCK_REALTIME,
		[SHS_CLOCK_BOOTTIME] = CLOCK_BOOTTIME,
	};
	ktime_t offset;

	if (clock >= ARRAY_SIZE(clocks))
		return -EINVAL;
	d->clock = clocks[array_index_nospec(clock, ARRAY_SIZE(clocks))];
	d->at = KTIME_MAX;
	if (ns >= KTIME_MAX)
		return 0;
	offset = shs_clock_offset(d->clock);
	if (offset < 0 && ns > KTIME_MAX + offset)
		return 0;
	d->at = max_t(ktime_t, (ktime_t)ns - offset, 0);
	return 0;
}

bool shs_is_dying(struct task_struct *task)
{
	return task && fatal_signal_pending(task);
}

/* What w waits for, as its own process or, in a search, the caller's may see it. */
void shs_describe(struct shs_thread_info *info, const struct shs_object *obj,
		  const struct shs_waiter *w)
{
	*info = (struct shs_thread_info) {
		.mode = w->mode,
		.flags = SHS_THREAD_WAITS | (w->by_ring ? SHS_THREAD_GOES_ON : 0),
		.pid = w->att ? pid_vnr(w->att->pid) : w->task ? task_tgid_vnr(w->task) : 0,
		.tid = pid_vnr(w->thread),
		.since_ns = w->since_ns + shs_clock_offset(CLOCK_MONOTONIC),
		.count = w->permits ?: 1,
		.object = obj->serial,
	};
	if (w->att)
		strscpy(info->comm, w->att->comm, sizeof(info->comm));
	else if (w->task)
		shs_process_name(info->comm, w->task);
}

static bool settled(const struct shs_waiter *w)
{
	return smp_load_acquire(&w->state) == SHS_SETTLED;	/* pairs with shs_settle() */
}

/*
 * Until w is settled or kicked: 0.  Else -ERESTARTSYS (signal) or -ETIMEDOUT; w may
 * be settled all the same, the caller looks under the lock.
 */
int shs_sleep(struct shs_waiter *w, const struct shs_deadline *d)
{
	ktime_t at = d->at;
	int ret = 0;

	for (;;) {
		set_current_state(TASK_INTERRUPTIBLE | TASK_FREEZABLE);
		if (settled(w))
			break;
		if (signal_pending(current)) {
			ret = -ERESTARTSYS;
			break;
		}
		if (READ_ONCE(w->kicked))
			break;
		if (d->at == KTIME_MAX) {
			schedule();
		} else if (!schedule_hrtimeout_range_clock(&at, current->timer_slack_ns,
							   HRTIMER_MODE_ABS, d->clock)) {
			ret = -ETIMEDOUT;
			break;
		}
	}
	__set_current_state(TASK_RUNNING);
	return ret;
}

/* The queued w would wait for itself: -EDEADLK, and off the queue.  Else -EBUSY. */
static int refuse_deadlock(struct shs_object *obj, struct shs_waiter *w)
{
	if (!shs_graph_closes(obj, w))
		return -EBUSY;
	shs_dequeue(obj, w);
	return -EDEADLK;
}

/* First look: 0 or an error is final; -EBUSY with w queued if it may wait. */
static int enter(struct shs_object *obj, struct shs_waiter *w, bool may_wait)
{
	const struct shs_kind_ops *ops = shs_kind_ops(obj->kind);
	struct shs_wakes wakes = { };
	int ret = -ENXIO;

	spin_lock(&obj->lock);
	if (!w->att || w->att->state == SHS_ATT_LIVE)
		ret = ops->try(obj, w, &wakes);
	if (ret == -EBUSY && may_wait) {
		shs_enqueue(obj, w);
		ret = refuse_deadlock(obj, w);
	} else if (ret == -EBUSY && obj->attempted) {
		ret = -EINPROGRESS;
	}
	shs_pass(obj, &wakes);
	spin_unlock(&obj->lock);
	shs_wakes_flush(&wakes);
	return ret;
}

/* An attempt to have all of several that is under way, many.c. */
void shs_wait_for_attempt(const struct shs_object *obj)
{
	mutex_lock(&shs_sbi(obj->sb)->attempts);
	mutex_unlock(&shs_sbi(obj->sb)->attempts);
}

/*
 * The same without waiting for who holds it, but for an attempt of many.c to end, which
 * perhaps gives back what it has taken, as if it never had.
 */
static int enter_between(struct shs_object *obj, struct shs_waiter *w)
{
	int ret = enter(obj, w, false);

	if (ret != -EINPROGRESS)
		return ret;
	mutex_lock(&shs_sbi(obj->sb)->attempts);
	ret = enter(obj, w, false);
	mutex_unlock(&shs_sbi(obj->sb)->attempts);
	return ret;
}

/*
 * A queued waiter woke with what shs_sleep() said; -EBUSY: still queued, sleep on.
 * -EINPROGRESS: its time is up during an attempt of many.c.
 */
static int leave(struct shs_object *obj, struct shs_waiter *w, int ret)
{
	const struct shs_kind_ops *ops = shs_kind_ops(obj->kind);
	struct shs_wakes wakes = { };

	spin_lock(&obj->lock);
	if (w->state == SHS_SETTLED) {
		ret = w->result;
		if ((!ret || ret == -EOWNERDEAD) && fatal_signal_pending(current)) {
			ops->release(obj, w, ret == -EOWNERDEAD, &wakes);
			ret = -ERESTARTSYS;
		}
	} else {
		w->kicked = false;
		shs_dequeue(obj, w);
		ret = ret ? shs_await_end(obj, w, ret) : ops->try(obj, w, &wakes);
		if (ret == -EBUSY) {
			shs_requeue(obj, w);
			ret = refuse_deadlock(obj, w);
		}
		if (ret == -ETIMEDOUT && obj->attempted)
			ret = -EINPROGRESS;
	}
	shs_pass(obj, &wakes);
	spin_unlock(&obj->lock);
	shs_wakes_flush(&wakes);
	return ret;
}

/*
 * Makes w own, waiting until the deadline if there is one; d NULL: -EBUSY at once.
 *
 * 0 or -EOWNERDEAD: owns.  -EBUSY, -ETIMEDOUT, -ERESTARTSYS, -ENXIO (the attachment
 * is not or no longer live), -EAGAIN (another process rewrites the word without
 * end), -EDEADLK (detect.c), or what the kind refuses with.
 */
int shs_acquire(struct shs_object *obj, struct shs_waiter *w, const struct shs_deadline *d)
{
	int ret;

	w->task = current;
	w->thread = w->thread ?: task_pid(current);
	w->process = current->mm;
	w->since_ns = 0;
	if (!d)
		return enter_between(obj, w);
	ret = enter(obj, w, true);
	return ret == -EBUSY ? shs_acquire_queued(obj, w, d) : ret;
}

/* The same for w that is on the queue. */
int shs_acquire_queued(struct shs_object *obj, struct shs_waiter *w, const struct shs_deadline *d)
{
	int ret;

	do
		ret = leave(obj, w, shs_sleep(w, d));
	while (ret == -EBUSY);
	if (ret != -EINPROGRESS)
		return ret;
	ret = enter_between(obj, w);
	return ret == -EBUSY ? -ETIMEDOUT : ret;
}

/* The same by whatever door, which may say -EIOCBQUEUED. */
int shs_wait(struct shs_object *obj, struct shs_waiter *w, const struct shs_deadline *d,
	     struct shs_door *door)
{
	return door ? door->ops->wait(obj, w, d, door) : shs_acquire(obj, w, d);
}

/* SHS_IOC_CANCEL */
long shs_cancel_wait(struct shs_object *obj, void __user *argp)
{
	struct shs_wakes wakes = { };
	struct shs_ioc_cancel c;
	u32 n;
	int ret;

	ret = shs_copy_in(&c, sizeof(c), argp);
	if (ret)
		return ret;
	if (c.flags || !c.addr)
		return -EINVAL;
	spin_lock(&obj->lock);
	n = shs_cancel(obj, current->mm, c.addr, &wakes);
	shs_pass(obj, &wakes);
	spin_unlock(&obj->lock);
	shs_wakes_flush(&wakes);
	return n || shs_many_cancel(obj->sb, c.addr) ? 0 : -ENOENT;
}

/*
 * The result of a wait whose process cannot be told: a grant goes to the next, with its
 * notice, as if w had been cancelled before.
 */
int shs_give_back(struct shs_object *obj, struct shs_waiter *w, int result)
{
	struct shs_wakes wakes = { };

	if (result && result != -EOWNERDEAD)
		return result;
	spin_lock(&obj->lock);
	shs_undo_grant(obj, w, result, &wakes);
	shs_pass(obj, &wakes);
	spin_unlock(&obj->lock);
	shs_wakes_flush(&wakes);
	return -ECANCELED;
}

/* Ends the holding of a single operation. */
void shs_release_waiter(struct shs_object *obj, struct shs_waiter *w)
{
	const struct shs_kind_ops *ops = shs_kind_ops(obj->kind);
	struct shs_wakes wakes = { };

	spin_lock(&obj->lock);
	ops->release(obj, w, false, &wakes);
	shs_pass(obj, &wakes);
	spin_unlock(&obj->lock);
	shs_wakes_flush(&wakes);
}
