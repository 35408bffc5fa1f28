// SPDX-License-Identifier: GPL-2.0-only
/*
 * SHS_IOC_MANY: waiting for any, or for all, of several objects.  What a call takes it
 * takes by the kinds' try and gives back by their release, as if it locked one after the
 * other; here is what makes one of it.
 *
 * Any.  First each is tried, in the order of the items.  If none can be had there is a
 * waiter in the queue of each, which is served in its turn like the others there, but not
 * kicked (it cannot try by itself).  A grant claims the call first, shs_claim(), so there
 * is one.  To queue takes a while, in which an earlier item may be granted already:
 *
 *   caller                                  who releases item 0
 *   item 0: lock; try: -EBUSY; queued
 *                                           lock; claim: winner is 0; granted
 *   item 1: lock; winner? stop
 *     or:   lock; no winner; try: has it
 *                                           lock; claim: winner is 0; granted
 *           claim: no; released; unlock
 *
 * Whoever makes the call end without a grant (signal, deadline, error of an item) makes
 * the bell the winner, so that nothing is granted after that; then all waiters are taken
 * off their queues, each by the object's lock, after which nobody knows them.  Whoever
 * leaves a queue passes.
 *
 * All.  An attempt takes one after the other, each under its own object's lock alone, so
 * no lock is held for longer than by a call for one.  What it has taken, it holds like
 * anybody, but marked as attempted.  If it gets them all, the marks are removed: it had
 * them all at the moment in which it got the last.  If one is busy, it gives back what it
 * has, with its notices, and it is as if it never had it, for
 *
 *   who would wait          queues, and the pass after the attempt serves him
 *   who would not (NOWAIT,  is not told -EBUSY by a mark, but waits for the attempt to end
 *   or whose time is up)    and tries again, enter_between()
 *   who attempts            waits: a mount has one attempt at a time (sbi->attempts).  So
 *                           two of them never see each other's marks, and neither fails
 *                           for the other, or waits for it while that waits for it
 *   the process's death     finds it held, and repairs it as if it were
 *
 * Between attempts it holds nothing.  It has a scout in the queue of the busy one, queued
 * under the lock under which it was busy, so that a pass is sure to see it; which does not
 * grant but tells it that it could be had, and goes on to the next.  Then it tries again.
 * Until it is told it has its place like others there: a writer's scout keeps readers
 * behind it.  A scout that leaves for another reason passes, as everybody does.
 *
 *   attempt                                 who holds B
 *   A: lock; try: has it, marked; unlock
 *   B: lock; try: -EBUSY; scout; unlock
 *                                           B: lock; release; pass: scout told; unlock
 *   A: lock; release; pass; unlock
 *   sleeps: the bell has rung: tries again
 *
 * Conditions (once, values) are looked at when all locks are had: nothing of them is
 * taken, and user space may change a value at any time.
 *
 * What others hold in turns, never all of it free at once, is waited for without end: to
 * keep what is free until the rest comes would be to hold while waiting.
 *
 * An item keeps its object, and looks for its attachment by the id, under the object's
 * lock.  So no descriptor is kept open by a wait that nobody waits for any more.  The end
 * of an attachment ends the wait when that has a waiter by it, or comes to try it.
 */
#include "many.h"

static struct shs_many_wait *wait_of(const struct shs_many_one *it)
{
	return container_of(it->w.many, struct shs_many_wait, many);
}

static struct shs_sb_info *sbi_of(const struct shs_many_wait *m)
{
	return shs_sbi(m->sb);
}

/* ---- one item ---- */

/* Whether its attachment is alive, as w.att then says. */
static bool find(struct shs_many_one *it, struct shs_wakes *wakes)
{
	struct shs_attachment *att = shs_att_live(it->obj, it->id, wakes);

	/* ids go round, if slowly */
	it->w.att = att && att->mm == it->w.process ? att : NULL;
	return it->w.att;
}

/* It is, or (a scout is not) it may be, granted: to be collected, if the wait is armed. */
static void expect_claim(struct shs_many_one *it)
{
	const struct shs_request *r = wait_of(it)->request;

	it->w.armed = r && r->door.att ? it->w.att : NULL;
}

static void leave_unclaimed(struct shs_many_one *it)
{
	expect_claim(it);
	shs_leave_unclaimed(&it->w);
}

static int try(struct shs_many_one *it, struct shs_wakes *wakes)
{
	lockdep_assert_held(&it->obj->lock);
	return find(it, wakes) ? shs_try_alive(it->obj, &it->w, wakes) : -ENXIO;
}

/* Those whom it kept waiting are served first. */
static void unlock(struct shs_many_one *it, struct shs_wakes *wakes)
	__releases(&it->obj->lock)
{
	shs_pass(it->obj, wakes);
	spin_unlock(&it->obj->lock);
	shs_wakes_flush(wakes);
}

/* Unless it has ended with its attachment.  Permits that were nobody's go back all the same. */
static void give_back(struct shs_many_one *it, struct shs_wakes *wakes)
{
	if (shs_is_grant(it->w.result) && (find(it, wakes) || it->w.no_undo))
		shs_undo_grant(it->obj, &it->w, it->w.result, wakes);
	it->had = false;
}

static void have(struct shs_many_one *it, int result)
{
	it->w.counts = false;	/* it used up no notify that could be given back */
	it->w.result = result;
	it->had = true;
}

/* A request's waiter is about to queue: -EUSERS if too many do, as in request.c. */
static int find_room(const struct shs_many_one *it)
{
	return wait_of(it)->request && shs_request_limit(it->obj, it->w.att->may_write) ?
	       -EUSERS : -EBUSY;
}

/* A thread that sleeps is not told by way of its waiters. */
static void add_untold(struct shs_many_wait *m, int n)
{
	spin_lock(&m->lock);
	m->untold += m->request ? n : 0;
	spin_unlock(&m->lock);
}

static bool are_all_told(struct shs_many_wait *m)
{
	bool told;

	spin_lock(&m->lock);
	told = !m->untold;
	spin_unlock(&m->lock);
	return told;
}

static void enqueue(struct shs_many_one *it)
{
	add_untold(wait_of(it), 1);
	shs_enqueue(it->obj, &it->w);
}

static void leave_queue(struct shs_many_one *it)
{
	struct shs_wakes wakes = { };

	spin_lock(&it->obj->lock);
	if (!list_empty(&it->w.node)) {
		shs_dequeue(it->obj, &it->w);
		add_untold(wait_of(it), -1);
	}
	unlock(it, &wakes);
}

/* What it was granted goes on to the next. */
static void undo(struct shs_many_one *it)
{
	struct shs_wakes wakes = { };

	if (!it->had)
		return;
	spin_lock(&it->obj->lock);
	hlist_del_init(&it->w.unclaimed);
	give_back(it, &wakes);
	unlock(it, &wakes);
}

void shs_many_undo(struct shs_many_wait *m)
{
	u32 i;

	for (i = 0; i < m->nr; i++)
		undo(&m->one[i]);
}

/* ---- any ---- */

/* False if another of its waiters is granted already. */
static bool win(struct shs_many_wait *m, struct shs_waiter *w)
{
	return !cmpxchg(&m->many.winner, NULL, w);
}

/* -EINPROGRESS: busy, but by an attempt, which perhaps gives it back. */
static int take_one(struct shs_many_one *it)
{
	struct shs_wakes wakes = { };
	int ret;

	spin_lock(&it->obj->lock);
	ret = try(it, &wakes);
	if (shs_is_grant(ret)) {
		have(it, ret);
		leave_unclaimed(it);
	} else if (ret == -EBUSY && it->obj->attempted) {
		ret = -EINPROGRESS;
	}
	unlock(it, &wakes);
	return ret;
}

static int take_between(struct shs_many_wait *m, struct shs_many_one *it)
{
	int ret = take_one(it);

	if (ret != -EINPROGRESS)
		return ret;
	mutex_lock(&sbi_of(m)->attempts);
	ret = take_one(it);
	mutex_unlock(&sbi_of(m)->attempts);
	return ret;
}

static int queue_one(struct shs_many_wait *m, struct shs_many_one *it)
{
	struct shs_wakes wakes = { };
	int ret;

	spin_lock(&it->obj->lock);
	ret = READ_ONCE(m->many.winner) ? -EALREADY : try(it, &wakes);
	if (ret == -EBUSY)
		ret = find_room(it);
	if (ret == -EBUSY) {
		expect_claim(it);
		enqueue(it);
	} else if (shs_is_grant(ret)) {
		have(it, ret);
		if (win(m, &it->w)) {
			leave_unclaimed(it);
		} else {
			give_back(it, &wakes);
			ret = -EALREADY;
		}
	}
	unlock(it, &wakes);
	return ret;
}

/* -EBUSY: all are; else what the last one came to. */
static int queue_all(struct shs_many_wait *m)
{
	int ret;

	for (m->queued = 0; m->queued < m->nr; m->queued++) {
		ret = queue_one(m, &m->one[m->queued]);
		if (ret != -EBUSY) {
			m->index = m->queued;
			return ret;
		}
	}
	return -EBUSY;
}

/* The first error that ended the wait of one; else ret. */
static int find_error(struct shs_many_wait *m, int ret)
{
	const struct shs_waiter *w;
	u32 i;

	for (i = 0; i < m->queued; i++) {
		w = &m->one[i].w;
		if (w->state != SHS_SETTLED || w->result == -EALREADY)
			continue;
		m->index = i;
		return w->result;
	}
	return ret;
}

static int end_any(struct shs_many_wait *m, int ret)
{
	struct shs_many_one *it;
	u32 i;

	win(m, &m->many.bell);
	for (i = 0; i < m->queued; i++)
		leave_queue(&m->one[i]);
	if (m->many.winner == &m->many.bell)
		return m->queued < m->nr && ret != -EALREADY ? ret : find_error(m, ret);
	it = container_of(m->many.winner, struct shs_many_one, w);
	ret = READ_ONCE(it->w.result);	/* which the end of its attachment may change yet: claim */
	it->had = shs_is_grant(ret);
	m->index = it - m->one;
	return ret;
}

static int begin_any(struct shs_many_wait *m)
{
	int ret;

	for (m->index = 0; m->index < m->nr; m->index++) {
		ret = take_between(m, &m->one[m->index]);
		if (ret != -EBUSY)
			return ret;
	}
	m->index = 0;
	if (!m->may_wait)
		return -EBUSY;
	ret = queue_all(m);
	return ret == -EBUSY ? ret : end_any(m, ret);
}

/* Its time is up: a condition that is met and not told yet, or what an attempt gives back. */
static void look_again(struct shs_many_wait *m, struct shs_many_one *it)
{
	struct shs_wakes wakes = { };

	if (READ_ONCE(it->obj->attempted))
		shs_wait_for_attempt(it->obj);
	if (!it->w.until)
		return;
	spin_lock(&it->obj->lock);
	if (!list_empty(&it->w.node) && !shs_await_try(it->obj, &it->w) && win(m, &it->w))
		shs_settle(it->obj, &it->w, 0, &wakes);
	spin_unlock(&it->obj->lock);
	shs_wakes_flush(&wakes);
}

/* One is granted, or has failed; or why it ends otherwise. */
static int resume_any(struct shs_many_wait *m, int why)
{
	u32 i;

	for (i = 0; i < m->nr && why == -ETIMEDOUT; i++)
		look_again(m, &m->one[i]);
	return end_any(m, why);
}

/* ---- all ---- */

static int attempt_one(struct shs_many_wait *m, struct shs_many_one *it)
{
	struct shs_wakes wakes = { };
	int ret;

	spin_lock(&it->obj->lock);
	ret = try(it, &wakes);
	if (ret == -EBUSY && m->may_wait)
		ret = find_room(it);
	if (ret == -EBUSY && m->may_wait) {
		m->scout = it;
		enqueue(it);
	} else if (shs_is_grant(ret)) {
		have(it, ret);
		it->marked = !it->condition;
		if (it->marked)
			WRITE_ONCE(it->obj->attempted, true);
	}
	unlock(it, &wakes);
	return ret;
}

static void keep(struct shs_many_one *it)
{
	if (it->no_undo)
		shs_semaphore_disown(it->obj, &it->w);
	it->w.no_undo = it->no_undo;
	leave_unclaimed(it);
}

/* The attempt is over: what it has taken is held, or was never had. */
static void end_one(struct shs_many_one *it, bool granted)
{
	struct shs_wakes wakes = { };

	if (!it->marked) {
		it->had &= granted;
		return;
	}
	spin_lock(&it->obj->lock);
	if (!granted)
		give_back(it, &wakes);
	else if (find(it, &wakes))
		keep(it);
	else
		it->w.result = -ENXIO;
	WRITE_ONCE(it->obj->attempted, false);
	it->marked = false;
	unlock(it, &wakes);
}

/* Of all locks or of all conditions: 0 if it has all of them. */
static int attempt_these(struct shs_many_wait *m, bool conditions)
{
	int ret;
	u32 i;

	for (i = 0; i < m->nr; i++) {
		if (m->one[i].condition != conditions)
			continue;
		ret = attempt_one(m, &m->one[i]);
		if (!shs_is_grant(ret)) {
			m->index = i;
			return ret;
		}
	}
	return 0;
}

static bool has_owner_died(const struct shs_many_wait *m)
{
	u32 i;

	for (i = 0; i < m->nr; i++)
		if (READ_ONCE(m->one[i].w.result) == -EOWNERDEAD)
			return true;
	return false;
}

static int attempt(struct shs_many_wait *m)
{
	int ret;
	u32 i;

	WRITE_ONCE(m->many.bell.kicked, false);
	m->index = 0;
	ret = attempt_these(m, false) ?: attempt_these(m, true);
	for (i = 0; i < m->nr; i++)
		end_one(&m->one[i], !ret);
	return ret ?: has_owner_died(m) ? -EOWNERDEAD : 0;
}

/* -EBUSY: the scout is queued, if it may wait.  Else final, and no more to be cancelled. */
static int attempt_or_end(struct shs_many_wait *m)
{
	struct shs_sb_info *sbi = sbi_of(m);
	int ret;

	if (mutex_lock_killable(&sbi->attempts))
		return -ERESTARTSYS;
	ret = m->cancelled ? -ECANCELED : attempt(m);
	if (ret != -EBUSY || !m->may_wait)
		list_del_init(&m->node);
	else if (list_empty(&m->node))
		list_add(&m->node, &sbi->waits_for_all);
	mutex_unlock(&sbi->attempts);
	return ret;
}

/* From now on nobody cancels it; whether somebody did, who knows so by his own call. */
static bool is_cancelled_at_last(struct shs_many_wait *m)
{
	struct shs_sb_info *sbi = sbi_of(m);
	bool cancelled;

	mutex_lock(&sbi->attempts);
	list_del_init(&m->node);
	cancelled = m->cancelled;
	mutex_unlock(&sbi->attempts);
	return cancelled;
}

/* -EBUSY: waits on.  The scout may leave its queue now and be told of something later. */
static int attempt_again(struct shs_many_wait *m, int why)
{
	const struct shs_waiter *w = &m->scout->w;

	leave_queue(m->scout);
	if (w->state == SHS_SETTLED && w->result)
		return w->result;
	if (why == -ETIMEDOUT)
		m->may_wait = false;
	else if (why)
		return why;
	else if (!are_all_told(m))
		return -EBUSY;
	return attempt_or_end(m);
}

/* The scout was told that it could be had, or of an error; or why the wait ends otherwise. */
static int resume_all(struct shs_many_wait *m, int why)
{
	int ret = attempt_again(m, why);

	if (ret == -EBUSY && m->may_wait)
		return ret;
	if (is_cancelled_at_last(m))
		return -ECANCELED;
	return ret == -EBUSY ? -ETIMEDOUT : ret;
}

/*
 * SHS_IOC_CANCEL of a wait for all, wherever its scout is; of a wait for any it is found in
 * the queue.  One whose scout has left the queue sees it when it tries again.
 */
bool shs_many_cancel(struct super_block *sb, u64 call)
{
	struct shs_sb_info *sbi = shs_sbi(sb);
	struct shs_wakes wakes = { };
	struct shs_many_wait *m;
	struct shs_object *obj;
	bool found = false;

	mutex_lock(&sbi->attempts);
	list_for_each_entry(m, &sbi->waits_for_all, node) {
		if (m->many.bell.process != current->mm || m->many.bell.call != call)
			continue;
		found = true;
		m->cancelled = true;
		obj = m->scout->obj;
		spin_lock(&obj->lock);
		if (!list_empty(&m->scout->w.node))
			shs_settle(obj, &m->scout->w, -ECANCELED, &wakes);
		shs_pass(obj, &wakes);
		spin_unlock(&obj->lock);
	}
	mutex_unlock(&sbi->attempts);
	shs_wakes_flush(&wakes);
	return found;
}

/* ---- both ---- */

/* True: it waits, for the bell.  Else ret is how it ended. */
bool shs_many_first(struct shs_many_wait *m)
{
	m->ret = m->many.all ? attempt_or_end(m) : begin_any(m);
	return m->ret == -EBUSY && m->may_wait;
}

/* The bell has rung, or why it ends; the same. */
bool shs_many_next(struct shs_many_wait *m, int why)
{
	m->ret = m->many.all ? resume_all(m, why) : resume_any(m, why);
	return m->ret == -EBUSY && m->may_wait;
}
