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
 *   who would not (NOWAIT)  is not told -EBUSY by a mark, but waits for the attempt to end
 *                           and tries again, enter_between()
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
 * Conditions (once, atomic) are looked at when all locks are had: nothing of them is
 * taken, and user space may change an atomic at any time.
 *
 * What others hold in turns, never all of it free at once, is waited for without end: to
 * keep what is free until the rest comes would be to hold while waiting.
 */
#include <linux/file.h>
#include <linux/nospec.h>
#include <linux/sched/signal.h>
#include "shstate.h"

struct item {
	struct shs_waiter w;
	struct file *file;		/* keeps w.att */
	bool condition;			/* nothing of it is taken */
	bool no_undo;			/* all: and w is not, as long as it may be given back */
	bool marked;			/* its object is attempted, by this call */
	int result;			/* once granted: 0 or -EOWNERDEAD */
};

struct wait {
	struct shs_many many;
	struct shs_deadline deadline;
	u64 call;
	u32 index;			/* of the item that the result is about */
	struct item *scout;		/* all: where it waits, or did last */
	struct list_head node;		/* all: sbi->waits_for_all */
	bool cancelled;			/* under sbi->attempts */
	bool may_wait;
	u32 nr;
	struct item item[];
};

static bool is_grant(int ret)
{
	return !ret || ret == -EOWNERDEAD;
}

/* ---- one item ---- */

static int try(struct item *it, struct shs_wakes *wakes)
{
	struct shs_object *obj = it->w.att->obj;

	lockdep_assert_held(&obj->lock);
	if (it->w.att->state != SHS_ATT_LIVE)
		return -ENXIO;
	return shs_kind_ops(obj->kind)->try(obj, &it->w, wakes);
}

static void give_back(struct item *it, int result, struct shs_wakes *wakes)
{
	struct shs_object *obj = it->w.att->obj;

	shs_kind_ops(obj->kind)->release(obj, &it->w, result == -EOWNERDEAD, wakes);
}

/* Nobody knows its waiter after that, and whom that kept waiting is served. */
static void leave_queue(struct item *it)
{
	struct shs_object *obj = it->w.att->obj;
	struct shs_wakes wakes = { };

	spin_lock(&obj->lock);
	if (!list_empty(&it->w.node))
		shs_dequeue(obj, &it->w);
	shs_pass(obj, &wakes);
	spin_unlock(&obj->lock);
	shs_wakes_flush(&wakes);
}

/* ---- any ---- */

/* False if another of its waiters is granted already. */
static bool win(struct wait *m, struct shs_waiter *w)
{
	return !cmpxchg(&m->many.winner, NULL, w);
}

static int queue_one(struct wait *m, struct item *it)
{
	struct shs_object *obj = it->w.att->obj;
	struct shs_wakes wakes = { };
	int ret;

	spin_lock(&obj->lock);
	ret = READ_ONCE(m->many.winner) ? -EALREADY : try(it, &wakes);
	if (ret == -EBUSY) {
		shs_enqueue(obj, &it->w);
	} else if (is_grant(ret)) {
		it->w.counts = false;	/* it used up no notify that could be given back */
		if (!win(m, &it->w)) {
			give_back(it, ret, &wakes);
			ret = -EALREADY;
		}
	}
	it->w.result = ret;
	shs_pass(obj, &wakes);
	spin_unlock(&obj->lock);
	shs_wakes_flush(&wakes);
	return ret;
}

/* -EBUSY: all are; else what the last one came to, before which so many are. */
static int queue_all(struct wait *m, u32 *queued)
{
	int ret = -EBUSY;
	u32 i;

	for (i = 0; i < m->nr; i++) {
		ret = queue_one(m, &m->item[i]);
		if (ret != -EBUSY)
			break;
	}
	*queued = i;
	return ret;
}

/* The first error that ended the wait of one of the n; else ret. */
static int find_error(struct wait *m, u32 n, int ret)
{
	u32 i;

	for (i = 0; i < n; i++)
		if (m->item[i].w.state == SHS_SETTLED && m->item[i].w.result != -EALREADY) {
			m->index = i;
			return m->item[i].w.result;
		}
	return ret;
}

/* Somebody won: the call returns with it; but a killed one gives it back. */
static int end_granted(struct wait *m)
{
	struct item *it = container_of(m->many.winner, struct item, w);

	m->index = it - m->item;
	it->result = it->w.result;
	if (!fatal_signal_pending(current))
		return it->result;
	shs_give_back(it->w.att->obj, &it->w, it->result);
	return -ERESTARTSYS;
}

static int wait_for_queued(struct wait *m)
{
	u32 queued, i;
	int ret;

	ret = queue_all(m, &queued);
	if (ret == -EBUSY)
		ret = shs_sleep(&m->many.bell, &m->deadline);
	else
		m->index = queued;
	win(m, &m->many.bell);
	for (i = 0; i < queued; i++)
		leave_queue(&m->item[i]);
	if (m->many.winner != &m->many.bell)
		return end_granted(m);
	return queued < m->nr && ret != -EALREADY ? ret : find_error(m, queued, ret);
}

static int wait_for_any(struct wait *m)
{
	struct item *it;
	int ret = -EBUSY;

	for (m->index = 0; m->index < m->nr; m->index++) {
		it = &m->item[m->index];
		ret = shs_acquire(it->w.att->obj, &it->w, NULL);
		if (ret != -EBUSY) {
			it->result = ret;
			return ret;
		}
	}
	m->index = 0;
	return m->may_wait ? wait_for_queued(m) : ret;
}

/* ---- all ---- */

static int attempt_one(struct wait *m, struct item *it)
{
	struct shs_object *obj = it->w.att->obj;
	struct shs_wakes wakes = { };
	int ret;

	spin_lock(&obj->lock);
	ret = try(it, &wakes);
	if (ret == -EBUSY && m->may_wait) {
		m->scout = it;
		shs_enqueue(obj, &it->w);
	} else if (is_grant(ret)) {
		it->result = ret;
		it->marked = !it->condition;
		obj->attempted |= it->marked;
	}
	shs_pass(obj, &wakes);
	spin_unlock(&obj->lock);
	shs_wakes_flush(&wakes);
	return ret;
}

/* The attempt is over: what it has taken is held, or was never had. */
static void end_one(struct item *it, bool granted)
{
	struct shs_object *obj = it->w.att->obj;
	struct shs_wakes wakes = { };

	if (!it->marked)
		return;
	spin_lock(&obj->lock);
	if (!granted)
		give_back(it, it->result, &wakes);
	else if (it->no_undo)
		shs_semaphore_disown(obj, &it->w);
	obj->attempted = false;
	it->marked = false;
	shs_pass(obj, &wakes);
	spin_unlock(&obj->lock);
	shs_wakes_flush(&wakes);
}

/* Of all locks or of all conditions: 0 if it has all of them. */
static int attempt_these(struct wait *m, bool conditions)
{
	int ret;
	u32 i;

	for (i = 0; i < m->nr; i++) {
		if (m->item[i].condition != conditions)
			continue;
		ret = attempt_one(m, &m->item[i]);
		if (!is_grant(ret)) {
			m->index = i;
			return ret;
		}
	}
	return 0;
}

static int attempt(struct wait *m)
{
	int ret;
	u32 i;

	WRITE_ONCE(m->many.bell.kicked, false);
	ret = attempt_these(m, false) ?: attempt_these(m, true);
	if (!ret && fatal_signal_pending(current))
		ret = -ERESTARTSYS;
	for (i = 0; i < m->nr; i++)
		end_one(&m->item[i], !ret);
	return ret;
}

/* -EBUSY: the scout is queued, if it may wait.  Else final, and no more to be cancelled. */
static int attempt_or_end(struct wait *m, struct shs_sb_info *sbi)
{
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

/* The scout came back, with what shs_sleep() said: 0 if it was told to try again. */
static int end_scout(struct wait *m, int slept)
{
	struct item *it = m->scout;

	leave_queue(it);
	return it->w.state == SHS_SETTLED && it->w.result ? it->w.result : slept;
}

/* From now on nobody cancels it; whether somebody did, who knows so by his own call. */
static bool end_wait(struct wait *m, struct shs_sb_info *sbi)
{
	bool cancelled;

	mutex_lock(&sbi->attempts);
	list_del_init(&m->node);
	cancelled = m->cancelled;
	mutex_unlock(&sbi->attempts);
	return cancelled;
}

static u32 owners_died(const struct wait *m)
{
	u32 i, n = 0;

	for (i = 0; i < m->nr; i++)
		n += m->item[i].result == -EOWNERDEAD;
	return n;
}

static int wait_for_all(struct wait *m)
{
	struct shs_sb_info *sbi = shs_sbi(m->item[0].w.att->obj->sb);
	int ret;

	do {
		ret = attempt_or_end(m, sbi);
		if (ret != -EBUSY || !m->may_wait)
			break;
		ret = end_scout(m, shs_sleep(&m->many.bell, &m->deadline));
	} while (!ret);
	if (end_wait(m, sbi))
		return -ECANCELED;
	return ret ?: owners_died(m) ? -EOWNERDEAD : 0;
}

/*
 * SHS_IOC_CANCEL of a wait for all, wherever its scout is; of a wait for any it is found in
 * the queue.  One whose scout has left the queue sees it when it tries again.
 */
bool shs_many_cancel(struct super_block *sb, u64 call)
{
	struct shs_sb_info *sbi = shs_sbi(sb);
	struct shs_wakes wakes = { };
	struct shs_object *obj;
	bool found = false;
	struct wait *m;

	mutex_lock(&sbi->attempts);
	list_for_each_entry(m, &sbi->waits_for_all, node) {
		if (m->many.bell.process != current->mm || m->call != call)
			continue;
		found = true;
		m->cancelled = true;
		obj = m->scout->w.att->obj;
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

/* ---- the call ---- */

static int fill_lock(struct item *it, struct shs_attachment *att, const struct shs_many_item *in,
		     bool all)
{
	const struct shs_ioc_lock lock = {
		.flags = in->flags, .mode = in->mode, .lane = in->lane, .permits = in->permits,
	};
	int ret;

	if (in->index || in->expected ||
	    in->flags & ~(SHS_LOCK_RECURSIVE | SHS_LOCK_NO_UNDO))
		return -EINVAL;
	ret = shs_lock_waiter(&it->w, att, &lock, NULL);
	it->no_undo = all && it->w.no_undo;
	it->w.no_undo &= !all;
	return ret;
}

static int fill_condition(struct item *it, struct shs_attachment *att,
			  const struct shs_many_item *in)
{
	const struct shs_object *obj = att->obj;

	if (in->mode || in->flags || in->lane || in->permits)
		return -EINVAL;
	it->condition = true;
	it->w.att = att;
	if (obj->kind == SHS_KIND_ONCE) {
		it->w.watch = true;
		return in->index || in->expected ? -EINVAL : 0;
	}
	if (in->index >= obj->count)
		return -EINVAL;
	it->w.index = array_index_nospec(in->index, obj->count);
	it->w.expected = in->expected;
	return shs_number_fits(obj->type, in->expected) ? 0 : -ERANGE;
}

static int fill(struct item *it, struct shs_attachment *att, const struct shs_many_item *in,
		bool all)
{
	switch (att->obj->kind) {
	case SHS_KIND_MUTEX:
	case SHS_KIND_RWLOCK:
	case SHS_KIND_SEMAPHORE:
		return fill_lock(it, att, in, all);
	case SHS_KIND_ONCE:
	case SHS_KIND_ATOMIC:
		return fill_condition(it, att, in);
	}
	return -EOPNOTSUPP;
}

static bool is_there_before(const struct wait *m, const struct item *it,
			    const struct shs_object *obj)
{
	const struct item *before;

	for (before = m->item; before < it; before++)
		if (before->w.att->obj == obj)
			return true;
	return false;
}

static void begin_waiter(struct wait *m, struct shs_waiter *w)
{
	INIT_LIST_HEAD(&w->node);
	w->many = &m->many;
	w->task = current;
	w->thread = task_pid(current);
	w->process = current->mm;
	w->call = m->call;
	w->counts = w->att && w->att->may_write && !m->many.all;	/* a scout uses up none */
}

static int item_in(struct wait *m, struct item *it, const struct super_block *sb,
		   struct shs_many_item __user *user, u32 size)
{
	struct shs_attachment *att;
	struct shs_many_item in;
	int ret;

	ret = copy_struct_from_user(&in, sizeof(in), user, size);
	if (ret)
		return ret;
	if (in.result || in.pad)
		return -EINVAL;
	if (put_user(0, &user->result))	/* a bad pointer fails before anything happens */
		return -EFAULT;
	it->file = fget(in.fd);
	if (!it->file)
		return -EBADF;
	if (it->file->f_op != &shs_att_fops)
		return -EINVAL;
	att = it->file->private_data;
	ret = shs_att_check(att);
	if (ret)
		return ret;
	if (att->obj->sb != sb)
		return -EXDEV;
	if (is_there_before(m, it, att->obj))
		return -EINVAL;
	ret = fill(it, att, &in, m->many.all);
	begin_waiter(m, &it->w);
	return ret;
}

static struct shs_many_item __user *user_item(const struct shs_ioc_many *args, u32 i)
{
	return u64_to_user_ptr(args->items) + (size_t)i * args->item_size;
}

static void free_wait(struct wait *m)
{
	u32 i;

	for (i = 0; i < m->nr; i++)
		if (m->item[i].file)
			fput(m->item[i].file);
	kvfree(m);
}

static int items_in(struct wait *m, const struct shs_ioc_many *args, const struct super_block *sb)
{
	int ret = 0;

	for (m->index = 0; m->index < m->nr; m->index++) {
		ret = item_in(m, &m->item[m->index], sb, user_item(args, m->index),
			      args->item_size);
		if (ret)
			return ret;
	}
	m->index = 0;
	return 0;
}

/* Committed: a racing munmap loses the reply. */
static void results_out(const struct wait *m, const struct shs_ioc_many *args)
{
	u32 i;

	for (i = 0; i < m->nr; i++)
		if (m->many.all || i == m->index)
			put_user(m->item[i].result, &user_item(args, i)->result);
}

static int run(struct shs_attachment *att, struct shs_ioc_many *args, u64 call)
{
	struct wait *m = kvzalloc(struct_size(m, item, args->nr), SHS_GFP);
	int ret;

	if (!m)
		return -ENOMEM;
	m->nr = args->nr;
	m->call = call;
	m->many.all = args->flags & SHS_MANY_ALL;
	m->may_wait = !(args->flags & SHS_MANY_NOWAIT);
	INIT_LIST_HEAD(&m->node);
	begin_waiter(m, &m->many.bell);
	ret = shs_deadline_set(&m->deadline, args->deadline, args->clock) ?:
	      items_in(m, args, att->obj->sb) ?:
	      m->many.all ? wait_for_all(m) : wait_for_any(m);
	if (is_grant(ret))
		results_out(m, args);
	args->index = m->index;
	free_wait(m);
	return ret;
}

long shs_many(struct shs_attachment *att, void __user *argp)
{
	struct shs_ioc_many args;
	int ret;

	ret = shs_copy_in(&args, sizeof(args), argp);
	if (ret)
		return ret;
	if (args.flags & ~(SHS_MANY_ALL | SHS_MANY_NOWAIT) || !args.nr ||
	    args.nr > SHS_MANY_MAX || memchr_inv(args.pad, 0, sizeof(args.pad)) ||
	    args.index || args.pad1 || args.notice ||
	    args.item_size < sizeof(struct shs_many_item))
		return -EINVAL;
	if (args.item_size > PAGE_SIZE)
		return -E2BIG;
	ret = shs_copy_out(argp, &args, sizeof(args));
	if (ret)
		return ret;
	ret = run(att, &args, (uintptr_t)argp);
	if (ret != -ERESTARTSYS)	/* which comes again, with the struct as it was */
		shs_copy_out(argp, &args, sizeof(args));
	return ret;
}
