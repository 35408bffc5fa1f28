// SPDX-License-Identifier: GPL-2.0-only
/*
 * SHS_IOC_MANY from its beginning to its end, by the thread that sleeps or by a request.
 *
 * A call begins, and while it waits each ring of the bell, and what else may end it, is one
 * step more.  A thread that sleeps runs them itself.  By a request (request.c) the first is
 * run by who starts it and the others, one at a time, by its work, which is queued by the
 * deadline, a cancellation, the end of the attachment that it is armed on, or a waiter that
 * was settled and is told so.
 *
 *   BEGINS   the first step; a work does nothing, for that looks whether another is due,
 *            and queues it then
 *   WAITS    each work is a step
 *   ENDED    as ret says, if the end of that attachment does not take what was granted; but
 *            a waiter may be about to be told yet (untold), which uses it
 *   POSTED   the request is
 *
 *   who settles item 0                      step
 *   lock; settled; unlock
 *                                           ENDED; item 0 is off its queue, but untold: 1
 *   told: m->lock: untold: 0, the work
 *     is queued; unlock
 *                                           untold: 0: POSTED
 *
 * For the same reason a scout does not queue again before it was told.  After POSTED only
 * the end of the attachment and the request's timer queue the work; the request's end stops
 * both, and then the work.
 */
#include <linux/file.h>
#include <linux/sched/signal.h>
#include "many.h"

/* By the caller, who sleeps; its end is the caller's too. */
int shs_many_run(struct shs_many_wait *m)
{
	bool waits = shs_many_first(m);

	while (waits)
		waits = shs_many_next(m, shs_sleep(&m->many.bell, &m->deadline));
	if (shs_is_grant(m->ret) && fatal_signal_pending(current)) {
		shs_many_undo(m);
		m->ret = -ERESTARTSYS;
	}
	return m->ret;
}

/* ---- what ends it early ---- */

/*
 * The end of the attachment that it is armed on ends it as if it waited there too, and takes
 * what it was granted, until it is collected.  The bell is told of it, by who has taken it
 * from there; so m stays until then.
 */
static bool watch_door(struct shs_many_wait *m)
{
	struct shs_attachment *att = m->request->door.att;

	if (!att)
		return true;
	spin_lock(&att->obj->lock);
	m->watches = att->state == SHS_ATT_LIVE;
	if (m->watches)
		att->many = &m->many;
	else
		m->ret = -ENXIO;
	spin_unlock(&att->obj->lock);
	return m->watches;
}

/* Nobody but its timer asks for a step any more. */
void shs_many_leave_door(struct shs_many_wait *m)
{
	struct shs_attachment *att = m->request->door.att;
	bool there;

	if (!m->watches)
		return;
	spin_lock(&att->obj->lock);
	there = att->many;
	att->many = NULL;
	spin_unlock(&att->obj->lock);
	if (!there)
		wait_for_completion(&m->told);
}

static void door_ended(struct shs_waiter *bell)
{
	struct shs_many_wait *m = container_of(bell, struct shs_many_wait, many.bell);

	WRITE_ONCE(m->orphaned, true);
	shs_request_work(m->request);
	complete(&m->told);
}

static int why_it_ends(const struct shs_many_wait *m)
{
	if (READ_ONCE(m->request->cancelled))
		return -ECANCELED;
	if (READ_ONCE(m->orphaned))
		return -ENXIO;
	return READ_ONCE(m->request->expired) ? -ETIMEDOUT : 0;
}

/* ---- steps of a request ---- */

static bool is_step_due(const struct shs_many_wait *m)
{
	return m->stage == SHS_MANY_WAITS &&
	       (READ_ONCE(m->many.bell.kicked) || why_it_ends(m));
}

/* True: the request is to be posted, now. */
static bool is_over(struct shs_many_wait *m)
{
	bool over = m->stage == SHS_MANY_ENDED && !m->untold;

	lockdep_assert_held(&m->lock);
	if (over)
		m->stage = SHS_MANY_POSTED;
	return over;
}

/* The first step.  True, as from one of the steps: its request is to be posted. */
bool shs_many_begin(struct shs_many_wait *m)
{
	bool waits = watch_door(m) && shs_many_first(m);
	bool over;

	spin_lock(&m->lock);
	m->stage = waits ? SHS_MANY_WAITS : SHS_MANY_ENDED;
	over = is_over(m);
	if (is_step_due(m) || READ_ONCE(m->orphaned))
		shs_request_work(m->request);	/* which came too early */
	spin_unlock(&m->lock);
	return over;
}

/* By the request's work, which runs one at a time. */
bool shs_many_step(struct shs_many_wait *m)
{
	bool begins, ended, over;

	spin_lock(&m->lock);
	begins = m->stage == SHS_MANY_BEGINS;
	spin_unlock(&m->lock);
	if (begins)
		return false;
	ended = is_step_due(m) && !shs_many_next(m, why_it_ends(m));
	if (READ_ONCE(m->orphaned) && shs_is_grant(m->ret)) {
		shs_many_undo(m);
		m->ret = -ENXIO;
	}
	spin_lock(&m->lock);
	if (ended)
		m->stage = SHS_MANY_ENDED;
	over = is_over(m);
	spin_unlock(&m->lock);
	return over;
}

/* Another step, unless it is over. */
void shs_many_wake(struct shs_many_wait *m)
{
	spin_lock(&m->lock);
	if (m->stage != SHS_MANY_POSTED)
		shs_request_work(m->request);
	spin_unlock(&m->lock);
}

static void settled(struct shs_waiter *w)
{
	struct shs_many_wait *m = container_of(w->many, struct shs_many_wait, many);

	spin_lock(&m->lock);
	m->untold--;
	shs_request_work(m->request);
	spin_unlock(&m->lock);
}

/* As a request, which has its thread and its work. */
void shs_many_prepare(struct shs_many_wait *m, struct shs_request *r)
{
	u32 i;

	m->request = r;
	m->many.bell.done = door_ended;
	for (i = 0; i < m->nr; i++) {
		m->one[i].w.task = NULL;
		m->one[i].w.done = settled;
	}
}

/* ---- the end ---- */

/* An error that came after the grant, by the end of an attachment; else 0. */
static int claim(struct shs_many_wait *m)
{
	struct shs_many_one *it;
	int ret = 0;
	u32 i;

	for (i = 0; i < m->nr; i++) {
		it = &m->one[i];
		if (!it->had)
			continue;
		spin_lock(&it->obj->lock);
		hlist_del_init(&it->w.unclaimed);
		if (!shs_is_grant(it->w.result) && !ret) {
			m->index = i;
			ret = it->w.result;
		}
		spin_unlock(&it->obj->lock);
	}
	return ret;
}

/* To the caller's memory, in his address space.  Committed: what fails is lost to himself. */
static void reply(const struct shs_many_wait *m)
{
	const struct shs_many_one *it;

	put_user(m->index, &m->user->index);
	for (it = m->one; it < m->one + m->nr; it++)
		if (it->had)
			put_user(it->w.result, &shs_many_user_item(m, it - m->one)->result);
}

/* How it ended; closed: nobody is there who could be told or granted anything. */
int shs_many_end(struct shs_many_wait *m, bool closed)
{
	int ret = shs_is_grant(m->ret) ? claim(m) ?: m->ret : m->ret;

	if (m->orphaned && shs_is_grant(ret))
		ret = -ENXIO;
	if (closed || !shs_is_grant(ret))
		shs_many_undo(m);
	if (!closed)
		reply(m);
	return closed && shs_is_grant(ret) ? -ECANCELED : ret;
}

void shs_many_free(struct shs_many_wait *m)
{
	u32 i;

	for (i = 0; i < m->nr; i++)
		if (m->one[i].file)
			fput(m->one[i].file);
	kvfree(m);
}
