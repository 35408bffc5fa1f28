// SPDX-License-Identifier: GPL-2.0-only
/*
 * What each kind of object does if one process acts after the other.
 *
 * Most operations happen at one moment between call and return. Those that do not
 * are recorded once, and taken apart here into parts of which each does:
 *
 *   WAIT on a condvar    the place in the queue; the mutex released; expired, if it
 *                        has a deadline; the mutex taken back
 *   WAIT on an atomic    a look, and a place in the queue; back to the queue, if a
 *                        notify found the element changed and it has changed back;
 *                        the return
 *   PEEK                 the value; the notice
 *   death, of a condvar  of the mutex's owner; of who has a place in the queue
 *
 * A call that never returned may have happened or not, as long as its process lives.
 * One that made its process an owner while that was being killed is given back as if
 * it had not been, or else its owner has died: which of them, nobody can know.
 *
 * To try a lock, or a cell, may fail if another one uses it at the same time, however
 * short; not if nobody does.
 */
#include "history.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

enum phase {
	AWAY = 0,
	QUEUED,
	NOTIFIED,
	EXPIRED,
	CHANGED,		/* atomic: had not to wait */
	RELEASED = 8		/* condvar: a bit beside QUEUED or NOTIFIED */
};

/* Parts of a WAIT, and of a death. */
enum { ENTER, RELEASE, EXPIRE, AGAIN, LEAVE };
enum { PEEK_VALUE, PEEK_NOTICE };
enum { DEATH_OF_OWNER, DEATH_OF_WAITER };

struct world {
	__u64 value[HIST_ELEMENTS];
	__u16 dead;			/* a bit each */
	__u8 owner, upgrader;		/* process + 1, or 0 */
	__u8 readers[HIST_WHO];
	__u8 notice;			/* once: the last one that ran it died */
	__u8 unsure;			/* the owner's call never returned */
	__u8 took;			/* and took this notice with it */
	__u8 was;			/* and once, was in this state before */
	__u8 once;			/* enum shs_once_state */
	__u8 queued, queue[HIST_WHO];	/* the longest waiting first */
	__u8 phase[HIST_WHO];
	__u8 wait[HIST_WHO];		/* of who waits: which operation in the history */
};

_Static_assert(sizeof(struct world) <= LIN_STATE, "a state has room for it");

/*
 * Numbers
 */
__u64 hist_wrap(__u32 type, __u64 number)
{
	switch ((enum shs_type)type) {
	case SHS_TYPE_BOOL:
		return number & 1;
	case SHS_TYPE_U8:
		return (__u8)number;
	case SHS_TYPE_I8:
		return (__s8)number;
	case SHS_TYPE_U16:
		return (__u16)number;
	case SHS_TYPE_I16:
		return (__s16)number;
	case SHS_TYPE_U32:
		return (__u32)number;
	case SHS_TYPE_I32:
		return (__s32)number;
	default:
		return number;
	}
}

static bool less(__u32 type, __u64 a, __u64 b)
{
	bool is_signed = type == SHS_TYPE_I8 || type == SHS_TYPE_I16 ||
			 type == SHS_TYPE_I32 || type == SHS_TYPE_I64;

	return is_signed ? (__s64)a < (__s64)b : a < b;
}

/* What an operation that changes leaves of old. */
static __u64 changed(const struct hist_op *op, __u32 type, __u64 old)
{
	switch (op->op) {
	case SHS_OP_FETCH_ADD:
	case SHS_OP_ADD:
		return hist_wrap(type, old + op->arg);
	case SHS_OP_FETCH_SUB:
		return hist_wrap(type, old - op->arg);
	case SHS_OP_FETCH_AND:
		return old & op->arg;
	case SHS_OP_FETCH_NAND:
		return hist_wrap(type, ~(old & op->arg));
	case SHS_OP_FETCH_OR:
		return old | op->arg;
	case SHS_OP_FETCH_XOR:
		return old ^ op->arg;
	case SHS_OP_FETCH_MAX:
		return less(type, old, op->arg) ? op->arg : old;
	case SHS_OP_FETCH_MIN:
		return less(type, op->arg, old) ? op->arg : old;
	case SHS_OP_FETCH_NOT:
		return hist_wrap(type, ~old);
	case SHS_OP_TAKE:
		return 0;
	case SHS_OP_CMPXCHG:
		return old == op->expected ? op->arg : old;
	case SHS_OP_STORE:
	case SHS_OP_SWAP:
	case SHS_OP_WRITE:
		return op->arg;
	}
	return old;
}

/*
 * The operation on an element, with the old value as its result where it has one; of
 * a call that did not return none is known.
 */
static bool operate(struct world *w, const struct history *h, const struct hist_op *op)
{
	__u64 *value = &w->value[op->index], old = *value;

	*value = changed(op, h->type, old);
	if (!op->done)
		return *value != old;
	if (op->err != (op->op == SHS_OP_CMPXCHG && old != op->expected ? -EREMCHG : 0))
		return false;
	return op->op == SHS_OP_STORE || op->op == SHS_OP_WRITE || op->result == old;
}

/* It was not ready to wait, and says so. */
static bool gave_up(const struct hist_op *op)
{
	if (!op->done)
		return false;
	return (op->err == -EBUSY && (op->flags & HIST_NOWAIT || op->door == HIST_URING)) ||
	       (op->err == -ETIMEDOUT && op->flags & HIST_EXPIRED);
}

/*
 * Queue
 */
static void enqueue(struct world *w, unsigned int who)
{
	w->phase[who] = QUEUED;
	w->queue[w->queued++] = who;
}

static void dequeue(struct world *w, unsigned int place)
{
	w->queued--;
	memmove(&w->queue[place], &w->queue[place + 1], w->queued - place);
	w->queue[w->queued] = 0;
}

static void leave_queue(struct world *w, unsigned int who)
{
	for (unsigned int i = 0; i < w->queued; i++)
		if (w->queue[i] == who) {
			dequeue(w, i);
			return;
		}
}

/* Of an atomic only those of this element for whom it has changed. */
static __u64 notify(struct world *w, const struct history *h, unsigned int index, __u64 count)
{
	const struct hist_op *wait;
	unsigned int i = 0;
	__u64 n = 0;

	while (i < w->queued && n < count) {
		wait = &h->op[w->wait[w->queue[i]]];
		if (h->kind == SHS_KIND_ATOMIC &&
		    (wait->index != index || w->value[index] == wait->expected)) {
			i++;
			continue;
		}
		w->phase[w->queue[i]] = NOTIFIED | (w->phase[w->queue[i]] & RELEASED);
		dequeue(w, i);
		n++;
	}
	return n;
}

static bool do_notify(struct world *w, const struct history *h, const struct hist_op *op)
{
	__u64 n = notify(w, h, op->index, op->arg);

	return op->done ? op->err == 0 && op->result == n : n > 0;
}

/*
 * Ownership
 */
static void own(struct world *w, const struct hist_op *op, bool consumes)
{
	w->owner = op->who + 1;
	w->unsure = !op->done;
	w->took = w->unsure && consumes && w->notice;
	if (consumes)
		w->notice = 0;
}

static void disown(struct world *w)
{
	w->owner = w->unsure = w->took = w->was = 0;
}

static bool told(const struct world *w, const struct hist_op *op)
{
	return !op->done || op->err == (w->notice ? -EOWNERDEAD : 0);
}

static bool has_readers(const struct world *w)
{
	for (unsigned int i = 0; i < HIST_WHO; i++)
		if (w->readers[i])
			return true;
	return false;
}

/* Whether it has to wait for what others, or the caller itself, hold. */
static bool is_held(const struct world *w, const struct history *h, __u32 mode)
{
	if (w->owner)
		return true;
	if (h->kind != SHS_KIND_RWLOCK || mode == SHS_MODE_READ)
		return false;
	return w->upgrader || (mode == SHS_MODE_EXCLUSIVE && has_readers(w));
}

static bool lock(struct world *w, const struct history *h, const struct hist_op *op)
{
	bool held = is_held(w, h, op->mode);

	if (gave_up(op))
		return held || op->contended;
	if (held || !told(w, op))
		return false;
	switch (op->mode) {
	case SHS_MODE_READ:
		w->readers[op->who]++;
		break;
	case SHS_MODE_UPGRADABLE:
		w->upgrader = op->who + 1;
		break;
	default:
		own(w, op, true);
	}
	return true;
}

static bool holds(const struct world *w, unsigned int who, __u32 mode)
{
	switch (mode) {
	case SHS_MODE_READ:
		return w->readers[who];
	case SHS_MODE_UPGRADABLE:
		return w->upgrader == who + 1;
	}
	return w->owner == who + 1;
}

static void drop(struct world *w, unsigned int who, __u32 mode)
{
	switch (mode) {
	case SHS_MODE_READ:
		w->readers[who]--;
		break;
	case SHS_MODE_UPGRADABLE:
		w->upgrader = 0;
		break;
	default:
		disown(w);
	}
}

static bool unlock(struct world *w, const struct hist_op *op)
{
	if (!holds(w, op->who, op->mode))
		return op->done && op->err == -EPERM;
	if (op->done && op->err)
		return false;
	drop(w, op->who, op->mode);
	if (op->flags & HIST_ABANDONED && op->mode == SHS_MODE_EXCLUSIVE)
		w->notice = 1;
	return true;
}

static bool convert(struct world *w, const struct hist_op *op)
{
	bool upgrades = op->to == SHS_MODE_EXCLUSIVE;

	if (!holds(w, op->who, op->mode))
		return op->done && op->err == -EPERM;
	if (gave_up(op))
		return upgrades && (has_readers(w) || op->contended);
	if (upgrades) {
		if (has_readers(w) || !told(w, op))
			return false;
		w->upgrader = 0;
		own(w, op, true);
		return true;
	}
	if (op->done && op->err)
		return false;
	drop(w, op->who, op->mode);
	if (op->to == SHS_MODE_READ)
		w->readers[op->who]++;
	else
		w->upgrader = op->who + 1;
	return true;
}

/* By a process that holds it in a mode that allows it. */
static bool access_mapped(struct world *w, const struct hist_op *op)
{
	bool may = holds(w, op->who, SHS_MODE_EXCLUSIVE);

	if (op->act == HIST_SET) {
		w->value[op->index] = op->arg;
		return may;
	}
	may = may || holds(w, op->who, SHS_MODE_UPGRADABLE) ||
	      holds(w, op->who, SHS_MODE_READ);
	return may && op->result == w->value[op->index];
}

/* The end of its process for what it owns; way 1: an owner that gave back in time. */
static bool die_owning(struct world *w, const struct history *h, unsigned int who,
		       unsigned int way)
{
	bool owner = w->owner == who + 1, poison = h->flags & SHS_INIT_POISON;

	if (way && !(owner && w->unsure))
		return false;
	if (owner && h->kind == SHS_KIND_ONCE) {
		w->notice = !way || w->took;
		w->once = way ? w->was : poison ? SHS_ONCE_POISONED : SHS_ONCE_INCOMPLETE;
	} else if (owner) {
		w->notice = !way || w->took;
		if (!way && w->unsure) {	/* by a wait that was over */
			w->phase[who] = AWAY;
			w->wait[who] = 0;
		}
	}
	if (owner)
		disown(w);
	if (w->upgrader == who + 1)
		w->upgrader = 0;
	w->readers[who] = 0;
	return true;
}

/* Its notify, if it has one that it did not come to use, is the next one's. */
static bool die_waiting(struct world *w, const struct history *h, unsigned int who)
{
	enum phase phase = w->phase[who] & ~RELEASED;

	if (w->owner == who + 1 && w->unsure)
		return false;		/* its end as an owner says what of its wait */
	w->phase[who] = AWAY;
	if (phase == QUEUED)
		leave_queue(w, who);
	else if (phase == NOTIFIED)
		notify(w, h, h->op[w->wait[who]].index, 1);
	w->wait[who] = 0;
	return true;
}

static bool die(struct world *w, const struct history *h, const struct lin_op *part,
		unsigned int who, unsigned int way)
{
	w->dead |= 1 << who;
	if (h->kind == SHS_KIND_ATOMIC || part->part == DEATH_OF_WAITER)
		return !way && die_waiting(w, h, who);
	return die_owning(w, h, who, way);
}

/*
 * Kinds
 */
static bool wait_for_change(struct world *w, const struct history *h,
			    const struct hist_op *op, unsigned int part)
{
	bool differs = w->value[op->index] != op->expected;
	__u8 *phase = &w->phase[op->who];

	switch (part) {
	case ENTER:
		w->wait[op->who] = op - h->op;
		if (differs)
			*phase = CHANGED;
		else if (op->flags & HIST_NOWAIT)
			*phase = EXPIRED;
		else
			enqueue(w, op->who);
		return true;
	case AGAIN:
		if (*phase != NOTIFIED || differs)
			return false;
		enqueue(w, op->who);
		return true;
	}
	if (op->done && op->err == 0) {
		if (*phase != CHANGED && !(*phase == NOTIFIED && differs))
			return false;
	} else if (gave_up(op)) {
		if (*phase != (op->flags & HIST_NOWAIT ? EXPIRED : QUEUED))
			return false;
		leave_queue(w, op->who);
	} else if (op->done || !(*phase == NOTIFIED && differs)) {
		return false;
	}
	*phase = AWAY;
	w->wait[op->who] = 0;
	return true;
}

static bool atomic(struct world *w, const struct history *h, const struct hist_op *op,
		   unsigned int part)
{
	if (op->op == SHS_OP_WAIT)
		return wait_for_change(w, h, op, part);
	if (op->op == SHS_OP_NOTIFY)
		return do_notify(w, h, op);
	return operate(w, h, op);
}

static bool add(struct world *w, const struct history *h, const struct hist_op *op)
{
	__s64 sum;

	if (__builtin_add_overflow((__s64)w->value[op->index], (__s64)op->arg, &sum)) {
		if (h->flags & SHS_INIT_CHECK)
			return op->done && op->err == -ERANGE;
		if (h->flags & SHS_INIT_SATURATE)
			sum = (__s64)op->arg < 0 ? LLONG_MIN : LLONG_MAX;
	}
	w->value[op->index] = sum;
	return !op->done || op->err == 0;
}

static bool counter(struct world *w, const struct history *h, const struct hist_op *op)
{
	if (op->act == HIST_LANE || op->op == SHS_OP_ADD)
		return add(w, h, op);
	if (op->done && (op->err || op->result != w->value[op->index]))
		return false;
	if (op->op == SHS_OP_RESET)
		w->value[op->index] = op->arg;
	return true;
}

static bool peek(struct world *w, const struct hist_op *op, unsigned int part)
{
	if (op->err)
		return false;
	return part == PEEK_VALUE ? op->result == w->value[op->index] :
				    op->notice == w->notice;
}

static bool operate_on_both(struct world *w, const struct hist_op *op)
{
	if (op->op == SHS_OP_READ)
		return op->result == w->value[0] && op->result2 == w->value[1];
	w->value[0] = op->arg;
	w->value[1] = op->arg + 1;
	return true;
}

/* A single operation under the lock. */
static bool operate_locked(struct world *w, const struct history *h,
			   const struct hist_op *op)
{
	bool reads = op->op == SHS_OP_READ, notice = w->notice;
	bool held = is_held(w, h, reads ? SHS_MODE_READ : SHS_MODE_EXCLUSIVE);

	if (gave_up(op))
		return held || op->contended;
	if (held || (op->done && op->notice != notice))
		return false;
	if (!reads && notice && !(op->flags & HIST_RECOVER))
		return op->done && op->err == -EUCLEAN;
	if (op->flags & HIST_RECOVER)
		w->notice = 0;
	if (!(op->flags & HIST_BOTH))
		return operate(w, h, op) || (!op->done && notice && !w->notice);
	return (!op->done || !op->err) && operate_on_both(w, op);
}

static bool lockable(struct world *w, const struct history *h, const struct hist_op *op,
		     unsigned int part)
{
	switch (op->act) {
	case HIST_LOCK:
		return lock(w, h, op);
	case HIST_UNLOCK:
		return unlock(w, op);
	case HIST_CONVERT:
		return convert(w, op);
	case HIST_GET:
	case HIST_SET:
		return access_mapped(w, op);
	}
	return op->op == SHS_OP_PEEK ? peek(w, op, part) : operate_locked(w, h, op);
}

static bool wait_for_notify(struct world *w, const struct history *h,
			    const struct hist_op *op, unsigned int part)
{
	__u8 *phase = &w->phase[op->who];

	switch (part) {
	case ENTER:
		w->wait[op->who] = op - h->op;
		enqueue(w, op->who);
		return w->owner == op->who + 1;
	case RELEASE:
		if (!*phase || *phase & RELEASED)
			return false;
		*phase |= RELEASED;
		disown(w);
		return true;
	case EXPIRE:
		if (*phase != (QUEUED | RELEASED))
			return false;
		leave_queue(w, op->who);
		*phase = EXPIRED | RELEASED;
		return true;
	}
	if (!(*phase & RELEASED) || *phase == (QUEUED | RELEASED) || w->owner)
		return false;
	if (op->done && op->err != (w->notice ? -EOWNERDEAD :
				    *phase == (EXPIRED | RELEASED) ? -ETIMEDOUT : 0))
		return false;
	own(w, op, true);
	if (op->done) {
		*phase = AWAY;
		w->wait[op->who] = 0;
	}
	return true;
}

static bool condvar(struct world *w, const struct history *h, const struct hist_op *op,
		    unsigned int part)
{
	if (op->act == HIST_WAIT)
		return wait_for_notify(w, h, op, part);
	if (op->act == HIST_OP && op->op == SHS_OP_NOTIFY)
		return do_notify(w, h, op);
	return lockable(w, h, op, part);
}

static bool begin_once(struct world *w, const struct hist_op *op)
{
	bool poisoned = w->once == SHS_ONCE_POISONED && !(op->flags & HIST_FORCE);

	if (gave_up(op))
		return w->once == SHS_ONCE_RUNNING;
	if (w->once == SHS_ONCE_RUNNING)
		return false;
	if (poisoned)
		return op->done && op->err == -ENOTRECOVERABLE;
	if (w->once == SHS_ONCE_DONE)
		return op->done && op->err == 0 && op->state == SHS_ONCE_DONE;
	if (!told(w, op) || (op->done && op->state != SHS_ONCE_RUNNING))
		return false;
	own(w, op, true);
	w->was = w->unsure ? w->once : 0;
	w->once = SHS_ONCE_RUNNING;
	return true;
}

static bool watch_once(const struct world *w, const struct hist_op *op)
{
	if (gave_up(op))
		return w->once == SHS_ONCE_RUNNING || w->once == SHS_ONCE_INCOMPLETE;
	if (w->once == SHS_ONCE_POISONED)
		return op->err == -ENOTRECOVERABLE;
	return w->once == SHS_ONCE_DONE && !op->err && op->state == SHS_ONCE_DONE;
}

static bool once(struct world *w, const struct history *h, const struct hist_op *op)
{
	switch (op->act) {
	case HIST_BEGIN:
		return begin_once(w, op);
	case HIST_WATCH:
		return watch_once(w, op);
	case HIST_OP:
		return !op->err && op->result == w->once;
	}
	if (w->owner != op->who + 1)
		return op->done && op->err == -EPERM;
	if (op->done && op->err)
		return false;
	disown(w);
	if (op->act == HIST_COMPLETE)
		w->once = SHS_ONCE_DONE;
	else
		w->once = h->flags & SHS_INIT_POISON ? SHS_ONCE_POISONED :
						       SHS_ONCE_INCOMPLETE;
	return true;
}

static bool cell(struct world *w, const struct history *h, const struct hist_op *op)
{
	return gave_up(op) ? op->contended : operate(w, h, op);
}

static bool apply(void *state, const struct lin_op *part, unsigned int way,
		  const void *context)
{
	const struct history *h = context;
	const struct hist_op *op = part->what;
	struct world *w = state;

	if (op->act == HIST_DEATH)
		return die(w, h, part, op->who, way);
	if (w->dead & 1 << op->who)
		return false;
	switch ((enum shs_kind)h->kind) {
	case SHS_KIND_ATOMIC:
		return atomic(w, h, op, part->part);
	case SHS_KIND_COUNTER:
		return counter(w, h, op);
	case SHS_KIND_MUTEX:
	case SHS_KIND_RWLOCK:
		return lockable(w, h, op, part->part);
	case SHS_KIND_CONDVAR:
		return condvar(w, h, op, part->part);
	case SHS_KIND_ONCE:
		return once(w, h, op);
	case SHS_KIND_CELL:
		return cell(w, h, op);
	case SHS_KIND_SEMAPHORE:
	case SHS_KIND_BARRIER:
	case SHS_KIND_NONE:
		break;
	}
	return false;
}

static const struct lin_model model = {
	.state_size = sizeof(struct world),
	.apply = apply,
};

/*
 * From a record to operations
 */
static bool overlap(const struct hist_op *a, const struct hist_op *b)
{
	return (!a->done || b->call < a->ret) && (!b->done || a->call < b->ret);
}

static void find_contention(struct history *h)
{
	unsigned int i, j;

	for (i = 0; i < h->n; i++) {
		h->op[i].contended = 0;
		for (j = 0; j < h->n; j++)
			h->op[i].contended |= h->op[j].who != h->op[i].who &&
					      overlap(&h->op[i], &h->op[j]);
	}
}

struct parts {
	unsigned int n;
	struct lin_op op[LIN_OPS + 1];
};

static void add_part(struct parts *all, const struct hist_op *op, unsigned int part,
		     bool optional)
{
	if (all->n > LIN_OPS)
		return;
	all->op[all->n++] = (struct lin_op){
		.what = op, .part = part, .call = op->call, .ret = op->ret,
		.optional = optional || !op->done,
		.ways = op->act == HIST_DEATH ? 2 : 1,
	};
}

/* Each notify may wake it in vain once. */
static void add_wait_for_change(struct parts *all, const struct history *h,
				const struct hist_op *op)
{
	add_part(all, op, ENTER, false);
	for (unsigned int i = 0; i < h->n && !(op->flags & HIST_NOWAIT); i++)
		if (h->op[i].op == SHS_OP_NOTIFY && h->op[i].index == op->index &&
		    overlap(op, &h->op[i]))
			add_part(all, op, AGAIN, true);
	add_part(all, op, LEAVE, false);
}

static void add_parts(struct parts *all, const struct history *h, const struct hist_op *op)
{
	if (op->act == HIST_WAIT) {
		add_part(all, op, ENTER, false);
		add_part(all, op, RELEASE, false);
		if (op->flags & HIST_EXPIRED)
			add_part(all, op, EXPIRE, true);
		add_part(all, op, LEAVE, false);
	} else if (op->act == HIST_OP && op->op == SHS_OP_WAIT) {
		add_wait_for_change(all, h, op);
	} else if (op->act == HIST_OP && op->op == SHS_OP_PEEK) {
		add_part(all, op, PEEK_VALUE, false);
		add_part(all, op, PEEK_NOTICE, false);
	} else if (op->act == HIST_DEATH && h->kind == SHS_KIND_CONDVAR) {
		add_part(all, op, DEATH_OF_OWNER, false);
		add_part(all, op, DEATH_OF_WAITER, false);
	} else {
		add_part(all, op, 0, false);
	}
}

/* It tells something, changes nothing, and did not come to tell. */
static bool is_idle(const struct hist_op *op)
{
	if (op->done)
		return false;
	return op->act == HIST_GET || op->act == HIST_WATCH ||
	       (op->act == HIST_OP && (op->op == SHS_OP_LOAD || op->op == SHS_OP_READ ||
				       op->op == SHS_OP_PEEK));
}

enum lin_verdict hist_check(struct history *h, struct lin_order *order)
{
	struct world world = { .value = { h->initial[0], h->initial[1] } };
	static struct parts all;
	enum lin_verdict verdict;
	unsigned int i;

	all.n = 0;
	find_contention(h);
	for (i = 0; i < h->n; i++)
		if (!is_idle(&h->op[i]))
			add_parts(&all, h, &h->op[i]);
	verdict = lin_check(&model, &world, h, all.op, all.n, order);
	for (i = 0; i < order->n; i++)
		order->op[i] = (const struct hist_op *)all.op[order->op[i]].what - h->op;
	return verdict;
}

/*
 * Counters whose lanes take different amounts
 */
static bool adds(const struct hist_op *op)
{
	return op->act == HIST_LANE || (op->act == HIST_OP && op->op == SHS_OP_ADD);
}

static bool within_bounds(const struct history *h, const struct hist_op *load)
{
	__s64 least = h->initial[0], greatest = least, amount;

	for (unsigned int i = 0; i < h->n; i++) {
		if (!adds(&h->op[i]) || h->op[i].call > load->ret)
			continue;
		amount = h->op[i].arg;
		if (!overlap(&h->op[i], load)) {
			least += amount;
			greatest += amount;
		} else if (amount < 0) {
			least += amount;
		} else {
			greatest += amount;
		}
	}
	return least <= (__s64)load->result && (__s64)load->result <= greatest;
}

/* Whether sum is what is missing, if it has seen the first so many adds of each. */
static bool has_seen_prefixes(const struct history *h, const struct hist_op *load,
			      unsigned int who, __s64 missing)
{
	unsigned int i;

	if (who == HIST_WHO)
		return missing == 0;
	for (i = 0; i < h->n; i++) {
		if (h->op[i].who != who || !adds(&h->op[i]) || h->op[i].call > load->ret)
			continue;
		/* here the first end that is possible, or one more */
		if (overlap(&h->op[i], load) &&
		    has_seen_prefixes(h, load, who + 1, missing))
			return true;
		missing -= h->op[i].arg;
	}
	return has_seen_prefixes(h, load, who + 1, missing);
}

static bool only_grows(const struct history *h)
{
	for (unsigned int i = 0; i < h->n; i++)
		if (adds(&h->op[i]) && (__s64)h->op[i].arg < 0)
			return false;
	return true;
}

static bool goes_back(const struct history *h, const struct hist_op *load)
{
	for (unsigned int i = 0; i < h->n; i++) {
		const struct hist_op *before = &h->op[i];

		if (before->act == HIST_OP && before->op == SHS_OP_LOAD && before->done &&
		    before->ret < load->call && (__s64)before->result > (__s64)load->result)
			return true;
	}
	return false;
}

const char *hist_check_sums(const struct history *h)
{
	bool grows = only_grows(h);

	for (unsigned int i = 0; i < h->n; i++) {
		const struct hist_op *load = &h->op[i];

		if (load->act != HIST_OP || load->op != SHS_OP_LOAD || !load->done)
			continue;
		if (load->err)
			return "a load failed";
		if (!within_bounds(h, load))
			return "a sum beyond its bounds";
		if (!has_seen_prefixes(h, load, 0, load->result - h->initial[0]))
			return "a sum of adds out of their order";
		if (grows && goes_back(h, load))
			return "a sum that went back";
	}
	return NULL;
}

/*
 * To read
 */
static const char *name_of_op(unsigned int op)
{
	static const char * const name[] = {
		[SHS_OP_LOAD] = "LOAD", [SHS_OP_STORE] = "STORE", [SHS_OP_SWAP] = "SWAP",
		[SHS_OP_CMPXCHG] = "CMPXCHG", [SHS_OP_FETCH_ADD] = "FETCH_ADD",
		[SHS_OP_FETCH_SUB] = "FETCH_SUB", [SHS_OP_FETCH_AND] = "FETCH_AND",
		[SHS_OP_FETCH_NAND] = "FETCH_NAND", [SHS_OP_FETCH_OR] = "FETCH_OR",
		[SHS_OP_FETCH_XOR] = "FETCH_XOR", [SHS_OP_FETCH_MAX] = "FETCH_MAX",
		[SHS_OP_FETCH_MIN] = "FETCH_MIN", [SHS_OP_FETCH_NOT] = "FETCH_NOT",
		[SHS_OP_TAKE] = "TAKE", [SHS_OP_ADD] = "ADD", [SHS_OP_RESET] = "RESET",
		[SHS_OP_PEEK] = "PEEK", [SHS_OP_READ] = "READ", [SHS_OP_WRITE] = "WRITE",
		[SHS_OP_NOTIFY] = "NOTIFY", [SHS_OP_WAIT] = "WAIT",
	};

	return op < sizeof(name) / sizeof(name[0]) && name[op] ? name[op] : "?";
}

static const char *name_of_act(const struct hist_op *op)
{
	static const char * const name[] = {
		[HIST_LOCK] = "lock", [HIST_UNLOCK] = "unlock", [HIST_CONVERT] = "convert",
		[HIST_GET] = "get", [HIST_SET] = "set", [HIST_LANE] = "lane add",
		[HIST_WAIT] = "wait", [HIST_BEGIN] = "begin", [HIST_COMPLETE] = "complete",
		[HIST_ABANDON] = "abandon", [HIST_WATCH] = "watch",
		[HIST_DEATH] = "killed",
	};

	return op->act == HIST_OP ? name_of_op(op->op) : name[op->act];
}

static void print_asked(const struct hist_op *op, const struct history *h)
{
	static const char * const mode[] = { "exclusive", "read", "upgradable" };
	static const char * const flag[] = {
		"nowait", "expired", "recover", "recursive", "fair", "abandon", "force", "both",
	};

	fprintf(stderr, "%s", name_of_act(op));
	if (op->door)
		fprintf(stderr, " %s", op->door == HIST_URING ? "uring" : "mapped");
	if (h->kind == SHS_KIND_RWLOCK && (op->act == HIST_LOCK || op->act == HIST_UNLOCK ||
					   op->act == HIST_CONVERT))
		fprintf(stderr, " %s", mode[op->mode % 3]);
	if (op->act == HIST_CONVERT)
		fprintf(stderr, " to %s", mode[op->to % 3]);
	for (unsigned int i = 0; i < 8; i++)
		if (op->flags & 1 << i)
			fprintf(stderr, " %s", flag[i]);
	if (op->act == HIST_OP || op->act == HIST_GET || op->act == HIST_SET)
		fprintf(stderr, " [%u]", op->index);
	if (op->op == SHS_OP_CMPXCHG || (op->act == HIST_OP && op->op == SHS_OP_WAIT))
		fprintf(stderr, " expected %lld", (long long)op->expected);
	if (op->act == HIST_OP || op->act == HIST_SET || op->act == HIST_LANE)
		fprintf(stderr, " %lld", (long long)op->arg);
}

static void print_answer(const struct hist_op *op)
{
	if (op->act == HIST_DEATH)
		return;
	if (!op->done) {
		fprintf(stderr, " -> never returned");
		return;
	}
	fprintf(stderr, " -> %d", op->err);
	if (op->act == HIST_GET || (op->act == HIST_OP && op->op != SHS_OP_STORE &&
				    op->op != SHS_OP_WRITE))
		fprintf(stderr, ", %lld", (long long)op->result);
	if (op->flags & HIST_BOTH && op->op == SHS_OP_READ)
		fprintf(stderr, " %lld", (long long)op->result2);
	if (op->act == HIST_BEGIN || op->act == HIST_WATCH)
		fprintf(stderr, ", state %u", op->state);
	if (op->notice)
		fprintf(stderr, ", owner died");
}

void hist_print(const struct history *h, const struct lin_order *order)
{
	bool explained[LIN_OPS] = { false }, printed[LIN_OPS] = { false };
	unsigned int i, j, next;

	for (i = 0; i < order->n; i++)
		explained[order->op[i]] = true;
	fprintf(stderr,
		"# a history of kind %u, type %u, flags %#x, from %lld %lld; * explained\n",
		h->kind, h->type, h->flags, (long long)h->initial[0],
		(long long)h->initial[1]);
	for (i = 0; i < h->n; i++) {
		next = h->n;
		for (j = 0; j < h->n; j++)
			if (!printed[j] && (next == h->n || h->op[j].call < h->op[next].call))
				next = j;
		printed[next] = true;
		fprintf(stderr, "# %c%4u to %4u  process %u  ", explained[next] ? '*' : ' ',
			h->op[next].call, h->op[next].done ? h->op[next].ret : 0,
			h->op[next].who);
		print_asked(&h->op[next], h);
		print_answer(&h->op[next]);
		fprintf(stderr, "\n");
	}
	fprintf(stderr, "# explained in this order of calls:");
	for (i = 0; i < order->n; i++)
		fprintf(stderr, " %u", h->op[order->op[i]].call);
	fprintf(stderr, "\n");
}
