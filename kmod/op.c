// SPDX-License-Identifier: GPL-2.0-only
/*
 * Single operations: complete critical sections executed by the kernel, the same for
 * ioctl, io_uring and text writes.
 *
 *   check      everything about the arguments, against the table below
 *   prepare    buffers in, and reply fields written once: a bad pointer fails here
 *   run        the commit point; nothing in it can fail halfway
 *   finish     reply out
 *
 * On a value that processes can lock (mutex, rwlock, cell) run takes that very lock
 * as the owner SHS_ID_KERNEL, queued like any waiter; object->guard orders the
 * operations among themselves.  Both are held for the copy only, not while waiting
 * and not while touching user memory.
 */
#include <linux/fault-inject-usercopy.h>
#include <linux/nospec.h>
#include <linux/sched/signal.h>
#include "shstate.h"

#define K(kind)		BIT(SHS_KIND_##kind)
#define LOCKABLE	(K(MUTEX) | K(RWLOCK))

enum {
	USES_INDEX	= BIT(0),
	USES_ARG	= BIT(1),
	USES_EXPECTED	= BIT(2),
	READS		= BIT(3),	/* tells something of the value: FMODE_READ */
	WRITES		= BIT(4),	/* changes it: FMODE_WRITE */
	BYTES_IN	= BIT(5),	/* bytes form: takes addr */
	BYTES_OUT	= BIT(6),	/* bytes form: writes addr */
	BYTES_OLD	= BIT(7),	/* bytes form: writes addr2 */
	BYTES_CMP	= BIT(8),	/* bytes form: takes addr2 */
	MAY_RECOVER	= BIT(9),
	NO_ACQUIRE	= BIT(10),	/* order cannot be ACQUIRE or ACQ_REL */
	NO_RELEASE	= BIT(11),	/* order cannot be RELEASE or ACQ_REL */
	MAY_BE_HELD	= BIT(12),	/* on a mutex or rwlock: SHS_OP_HELD */

	BYTES		= BYTES_IN | BYTES_OUT,
	RMW		= USES_INDEX | USES_ARG | READS | WRITES,
};

#define AWAIT	{ K(ATOMIC) | K(COUNTER), USES_INDEX | USES_ARG | READS | NO_RELEASE }

static const struct op_rule {
	u16 kinds;
	u16 uses;
} rules[] = {
	[SHS_OP_LOAD] = { K(ATOMIC) | K(CELL) | K(COUNTER) | K(ONCE) | K(SEMAPHORE) | K(BARRIER),
			  USES_INDEX | READS | BYTES_OUT | NO_RELEASE },
	[SHS_OP_STORE] = { K(ATOMIC) | K(CELL),
			   USES_INDEX | USES_ARG | WRITES | BYTES_IN | NO_ACQUIRE },
	[SHS_OP_SWAP] = { K(ATOMIC) | K(CELL), RMW | BYTES_IN | BYTES_OLD },
	[SHS_OP_CMPXCHG] = { K(ATOMIC) | K(CELL),
			     RMW | USES_EXPECTED | BYTES_IN | BYTES_OLD | BYTES_CMP },
	[SHS_OP_FETCH_ADD] = { K(ATOMIC), RMW },
	[SHS_OP_FETCH_SUB] = { K(ATOMIC), RMW },
	[SHS_OP_FETCH_AND] = { K(ATOMIC), RMW },
	[SHS_OP_FETCH_NAND] = { K(ATOMIC), RMW },
	[SHS_OP_FETCH_OR] = { K(ATOMIC), RMW },
	[SHS_OP_FETCH_XOR] = { K(ATOMIC), RMW },
	[SHS_OP_FETCH_MAX] = { K(ATOMIC), RMW },
	[SHS_OP_FETCH_MIN] = { K(ATOMIC), RMW },
	[SHS_OP_FETCH_NOT] = { K(ATOMIC), USES_INDEX | READS | WRITES },
	[SHS_OP_TAKE] = { K(CELL), READS | WRITES | BYTES_OUT },
	[SHS_OP_ADD] = { K(COUNTER) | LOCKABLE,
			 USES_INDEX | USES_ARG | WRITES | MAY_RECOVER | MAY_BE_HELD },
	[SHS_OP_RESET] = { K(COUNTER), RMW },
	[SHS_OP_PEEK] = { LOCKABLE, USES_INDEX | READS | BYTES_OUT },
	[SHS_OP_READ] = { LOCKABLE, USES_INDEX | READS | BYTES_OUT | MAY_BE_HELD },
	[SHS_OP_WRITE] = { LOCKABLE,
			   USES_INDEX | USES_ARG | WRITES | BYTES_IN | MAY_RECOVER | MAY_BE_HELD },
	[SHS_OP_NOTIFY] = { K(CONDVAR) | K(ATOMIC), USES_INDEX | USES_ARG | WRITES },
	[SHS_OP_WAIT] = { K(ATOMIC), USES_INDEX | USES_EXPECTED | READS | NO_RELEASE },
	[SHS_OP_AWAIT_GE] = AWAIT,
	[SHS_OP_AWAIT_LE] = AWAIT,
	[SHS_OP_AWAIT_EQ] = AWAIT,
	[SHS_OP_AWAIT_NE] = AWAIT,
	[SHS_OP_AWAIT_ANY] = AWAIT,
	[SHS_OP_CHANGED] = { K(ATOMIC) | K(COUNTER), USES_INDEX | WRITES },
};

/* One operation under way. */
struct call {
	struct shs_object *obj;
	struct shs_attachment *att;	/* that it came by, or NULL */
	struct shs_ioc_op *op;
	const struct op_rule *rule;
	struct shs_door *door;		/* NULL: it may wait for a holder */
	void __user *argp;		/* where op came from */
	bool may_wait;
	bool writable;		/* the file */
	u8 *first;		/* what addr means, len bytes */
	u8 *second;		/* what addr2 means, len bytes */
};

/* ---- check ---- */

static bool is_value_kind(u32 kind)
{
	return kind == SHS_KIND_MUTEX || kind == SHS_KIND_RWLOCK || kind == SHS_KIND_CELL;
}

static bool has_bytes_form(u32 kind)
{
	return is_value_kind(kind) || kind == SHS_KIND_ONCE;
}

static int check_order(const struct call *c)
{
	const struct shs_ioc_op *op = c->op;
	bool acquire = op->order == SHS_ACQUIRE || op->order == SHS_ACQ_REL;
	bool release = op->order == SHS_RELEASE || op->order == SHS_ACQ_REL;

	if (op->order > SHS_ACQ_REL || op->order_failure > SHS_ACQ_REL)
		return -EINVAL;
	if ((op->order || op->order_failure) && c->obj->kind != SHS_KIND_ATOMIC &&
	    c->obj->kind != SHS_KIND_CELL)
		return -EINVAL;
	if (op->order_failure && (op->op != SHS_OP_CMPXCHG ||
				  op->order_failure == SHS_RELEASE ||
				  op->order_failure == SHS_ACQ_REL))
		return -EINVAL;
	if ((c->rule->uses & NO_ACQUIRE && acquire) || (c->rule->uses & NO_RELEASE && release))
		return -EINVAL;
	return 0;
}

static int check_bytes(const struct call *c)
{
	const struct shs_ioc_op *op = c->op;
	u32 size = c->obj->geo.value_size;

	if (!has_bytes_form(c->obj->kind) || !(c->rule->uses & BYTES))
		return -EINVAL;
	if (op->index || op->arg || op->expected)
		return -EINVAL;
	if (op->addr2 && !(c->rule->uses & (BYTES_OLD | BYTES_CMP)))
		return -EINVAL;
	if (!op->len || op->offset > size || op->len > size - op->offset)
		return -EINVAL;
	if (c->obj->kind == SHS_KIND_CELL && op->len != size)
		return -EINVAL;
	return 0;
}

static bool fits_not_bool_only(const struct call *c)
{
	switch (c->op->op) {
	case SHS_OP_FETCH_ADD:
	case SHS_OP_FETCH_SUB:
	case SHS_OP_FETCH_MAX:
	case SHS_OP_FETCH_MIN:
	case SHS_OP_ADD:
		return c->obj->type != SHS_TYPE_BOOL;
	}
	return true;
}

static int check_numeric(const struct call *c)
{
	struct shs_ioc_op *op = c->op;
	const struct shs_object *obj = c->obj;
	u16 uses = c->rule->uses;

	if (op->addr || op->addr2 || op->offset || op->len)
		return -EINVAL;
	if ((op->index && !(uses & USES_INDEX)) || (op->arg && !(uses & USES_ARG)) ||
	    (op->expected && !(uses & USES_EXPECTED)))
		return -EINVAL;
	if (obj->kind == SHS_KIND_CONDVAR || obj->kind == SHS_KIND_ONCE)
		return op->index ? -EINVAL : 0;
	if (!shs_type_is_number(obj->type))	/* only bytes */
		return -EINVAL;
	if (op->index >= obj->count || (obj->kind == SHS_KIND_CELL && obj->count != 1))
		return -EINVAL;
	op->index = array_index_nospec(op->index, obj->count);
	if (!fits_not_bool_only(c))
		return -EOPNOTSUPP;
	if (shs_is_await(op->op) && shs_await_check(obj, op->op, op->arg))
		return shs_await_check(obj, op->op, op->arg);
	if ((uses & USES_ARG && op->op != SHS_OP_NOTIFY &&
	     !shs_number_fits(obj->type, op->arg)) ||
	    (uses & USES_EXPECTED && !shs_number_fits(obj->type, op->expected)))
		return -ERANGE;
	return 0;
}

static int check(struct call *c)
{
	struct shs_ioc_op *op = c->op;
	struct shs_deadline d;
	int ret;

	if (!op->op || op->op >= ARRAY_SIZE(rules))
		return -EINVAL;
	c->rule = &rules[array_index_nospec(op->op, ARRAY_SIZE(rules))];
	if (op->flags & ~(SHS_OP_BYTES | SHS_OP_NOWAIT | SHS_OP_RECOVER | SHS_OP_HELD) ||
	    op->pad || op->result || op->notice)
		return -EINVAL;
	if (!(c->rule->kinds & BIT(c->obj->kind)))
		return -EOPNOTSUPP;
	if (op->flags & SHS_OP_RECOVER &&
	    !(c->rule->uses & MAY_RECOVER && is_value_kind(c->obj->kind)))
		return -EINVAL;
	if (op->flags & SHS_OP_HELD && !(c->att && c->rule->uses & MAY_BE_HELD &&
					 LOCKABLE & BIT(c->obj->kind)))
		return -EINVAL;
	ret = shs_deadline_set(&d, op->deadline, op->clock) ?: check_order(c);
	if (ret)
		return ret;
	return op->flags & SHS_OP_BYTES ? check_bytes(c) : check_numeric(c);
}

static int check_mode(const struct call *c, fmode_t mode)
{
	u16 uses = c->rule->uses;
	bool reads = uses & READS || (c->op->op == SHS_OP_ADD && c->obj->kind != SHS_KIND_COUNTER);

	if ((reads && !(mode & FMODE_READ)) || (uses & WRITES && !(mode & FMODE_WRITE)))
		return -EACCES;
	return 0;
}

/* ---- run, on values ---- */

static void *number_at(const struct call *c, void *value)
{
	return value + (size_t)c->op->index * shs_type_size(c->obj->type);
}

/* The new value, if op changes it at all; writes result and the byte buffers. */
static int change_number(const struct call *c, void *value, u64 *new)
{
	struct shs_ioc_op *op = c->op;
	u64 old = shs_number_load(c->obj->type, number_at(c, value));

	if (op->op != SHS_OP_STORE && op->op != SHS_OP_WRITE)
		op->result = old;
	*new = op->arg;
	switch (op->op) {
	case SHS_OP_CMPXCHG:
		return old == op->expected ? 1 : -EREMCHG;
	case SHS_OP_ADD:
		*new = shs_number_wrap(c->obj->type, old + op->arg);
		return 1;
	case SHS_OP_TAKE:
		*new = 0;
		return 1;
	case SHS_OP_STORE:
	case SHS_OP_SWAP:
	case SHS_OP_WRITE:
		return 1;
	}
	return 0;
}

/* The same for bytes: 1 when first holds what to store. */
static int change_bytes(const struct call *c, const void *value)
{
	const struct shs_ioc_op *op = c->op;
	const void *at = value + op->offset;
	bool equal;

	switch (op->op) {
	case SHS_OP_CMPXCHG:
		equal = !memcmp(c->second, at, op->len);
		memcpy(c->second, at, op->len);
		return equal ? 1 : -EREMCHG;
	case SHS_OP_SWAP:
		memcpy(c->second, at, op->len);
		return 1;
	case SHS_OP_STORE:
	case SHS_OP_WRITE:
		return 1;
	case SHS_OP_TAKE:
		memcpy(c->first, at, op->len);
		memset(c->second, 0, op->len);
		return 1;
	}
	memcpy(c->first, at, op->len);
	return 0;
}

/* Where the new value is made: with two slots in the hidden one, from a copy. */
static void *prepare_store(const struct shs_object *obj, const void *value)
{
	void *hidden = shs_slot_hidden(obj);

	if (hidden != value)
		memcpy(hidden, value, obj->geo.value_size);
	return hidden;
}

/* With guard and the lock itself held. */
static int change_value(const struct call *c)
{
	void *value = shs_slot_published(c->obj), *to;
	u64 new = 0;
	int ret;

	ret = c->op->flags & SHS_OP_BYTES ? change_bytes(c, value) :
					    change_number(c, value, &new);
	if (ret <= 0)
		return ret;
	to = prepare_store(c->obj, value);
	if (!(c->op->flags & SHS_OP_BYTES))
		shs_number_store(c->obj->type, number_at(c, to), new);
	else
		memcpy(to + c->op->offset, c->op->op == SHS_OP_TAKE ? c->second : c->first,
		       c->op->len);
	shs_slot_publish(c->obj);
	return 0;
}

/* With guard alone: -EAGAIN if the holder published a value in the middle of it. */
static int peek_value(const struct call *c)
{
	struct shs_ioc_op *op = c->op;
	bool whole;

	whole = op->flags & SHS_OP_BYTES ?
		shs_value_snapshot(c->obj, op->offset, op->len, c->first) :
		shs_number_snapshot(c->obj, op->index, &op->result);
	return whole ? 0 : -EAGAIN;
}

/*
 * The owner-died notice: reported, and consumed only by a change with RECOVER.
 * -EUCLEAN: a change without.  Under guard, so that notice and value are of one moment.
 */
static int check_notice(const struct call *c)
{
	struct shs_object *obj = c->obj;
	int ret = 0;
	bool died;

	c->op->notice = 0;	/* of an earlier try */
	spin_lock(&obj->lock);
	died = obj->kind == SHS_KIND_RWLOCK ? obj->rwlock.died : shs_mutex_died(obj);
	died |= obj->lost;	/* in the word a hostile writer may have wiped it out */
	if (died && obj->kind != SHS_KIND_CELL) {
		c->op->notice = SHS_NOTICE_OWNER_DIED;
		if (c->op->flags & SHS_OP_RECOVER)
			ret = shs_forget_death(obj);
		else if (c->rule->uses & WRITES)
			ret = -EUCLEAN;
	}
	spin_unlock(&obj->lock);
	return ret;
}

static int run_locked(const struct call *c, bool shared)
{
	int ret;

	shs_guard_lock(c->obj, shared);
	ret = check_notice(c);
	if (!ret)
		ret = c->op->op == SHS_OP_PEEK ? peek_value(c) : change_value(c);
	shs_guard_unlock(c->obj, shared);
	return ret;
}

/* Tries as long as others get in between; each of their tries succeeded. */
static int run_again(const struct call *c, int (*try)(const struct call *c))
{
	int ret;

	for (;;) {
		ret = try(c);
		if (ret != -EAGAIN)
			return ret;
		if (!c->may_wait)
			return -EBUSY;
		if (signal_pending(current))
			return -ERESTARTSYS;
		cond_resched();
	}
}

static int try_peek(const struct call *c)
{
	return run_locked(c, true);
}

/* Whether the attachment that it came by holds the value so that it may do this. */
static bool holds(const struct call *c)
{
	const struct shs_attachment *att = c->att;
	struct shs_object *obj = c->obj;

	lockdep_assert_held(&obj->lock);
	if (att->state != SHS_ATT_LIVE)
		return false;
	if (obj->kind == SHS_KIND_MUTEX)
		return shs_mutex_owner(obj) == att->id;
	return shs_rwlock_writer(obj) == att->id ||
	       (c->op->op == SHS_OP_READ && shs_rwlock_reads(att));
}

/* Of a death he was told with the lock, so he is not refused for it. */
static int run_held(const struct call *c)
{
	bool shared = c->obj->kind == SHS_KIND_RWLOCK && c->op->op == SHS_OP_READ;
	struct shs_object *obj = c->obj;
	int ret;

	shs_guard_lock(obj, shared);
	spin_lock(&obj->lock);
	ret = holds(c) ? 0 : -EPERM;
	if (!ret && c->op->flags & SHS_OP_RECOVER)
		ret = shs_forget_death(obj);
	spin_unlock(&obj->lock);
	ret = ret ?: change_value(c);
	shs_guard_unlock(obj, shared);
	return ret;
}

static int run_value(const struct call *c)
{
	bool wait = c->may_wait && !(c->op->flags & SHS_OP_NOWAIT);
	struct shs_waiter w = {
		.mode = SHS_MODE_EXCLUSIVE,
		.force = c->op->flags & SHS_OP_RECOVER,
		.call = (uintptr_t)c->argp,
	};
	struct shs_deadline d;
	int ret;

	if (c->op->op == SHS_OP_PEEK)
		return run_again(c, try_peek);
	if (c->op->flags & SHS_OP_HELD)
		return run_held(c);
	if (c->op->op == SHS_OP_READ && c->obj->kind == SHS_KIND_RWLOCK)
		w.mode = SHS_MODE_READ;
	shs_deadline_set(&d, c->op->deadline, c->op->clock);
	ret = shs_acquire(c->obj, &w, wait ? &d : NULL);
	if (ret)
		return ret;
	ret = run_locked(c, w.mode == SHS_MODE_READ);
	shs_release_waiter(c->obj, &w);
	return ret;
}

/* ---- run, on kinds without a lock ---- */

/*
 * Every wake is a notify, which may be for an earlier value: a thread looks again.  For
 * who waits without one it is enough that the value was another with that notify.
 */
static int run_wait(const struct call *c)
{
	struct shs_waiter w = {
		.index = c->op->index,
		.expected = c->op->expected,
		.counts = c->writable,
		.call = (uintptr_t)c->argp,
	};
	bool wait = !(c->op->flags & SHS_OP_NOWAIT);
	struct shs_deadline d;
	int ret;

	shs_deadline_set(&d, c->op->deadline, c->op->clock);
	for (;;) {
		w.state = SHS_QUEUED;
		ret = shs_wait(c->obj, &w, wait ? &d : NULL, c->door);
		if (ret || w.state != SHS_SETTLED)
			return ret;
	}
}

static int run_notify(const struct call *c)
{
	const struct shs_ioc_op *op = c->op;
	struct shs_wakes wakes = { };

	spin_lock(&c->obj->lock);
	c->op->result = c->obj->kind == SHS_KIND_ATOMIC ?
			shs_atomic_notify(c->obj, op->index, op->arg, &wakes) :
			shs_condvar_notify(c->obj, op->arg, &wakes);
	spin_unlock(&c->obj->lock);
	shs_wakes_flush(&wakes);
	return 0;
}

/*
 * The result is the value that met the condition, for those who queued as for those who
 * need not; by io_uring it is written when the wait ends.
 */
static int run_await(const struct call *c)
{
	struct shs_waiter w = {
		.index = c->op->index,
		.expected = c->op->arg,
		.until = c->op->op,
		.counts = c->writable,
		.call = (uintptr_t)c->argp,
	};
	bool wait = !(c->op->flags & SHS_OP_NOWAIT);
	struct shs_deadline d;
	int ret = shs_await_prepare(c->obj);

	if (ret)
		return ret;
	if (c->door)
		c->door->generation_at = offsetof(struct shs_ioc_op, result);
	shs_deadline_set(&d, c->op->deadline, c->op->clock);
	ret = shs_wait(c->obj, &w, wait ? &d : NULL, c->door);
	if (!ret)
		c->op->result = w.value;
	return ret;
}

/* Drops the lock.  Apart from those below for the room that wakes takes. */
static noinline u32 tell_and_unlock(const struct call *c)
	__releases(&c->obj->lock)
{
	struct shs_wakes wakes = { };
	u32 n = shs_await_tell(c->obj, c->op->index, 1, &wakes);

	spin_unlock(&c->obj->lock);
	shs_wakes_flush(&wakes);
	return n;
}

/* The same, after the element was perhaps changed. */
static void unlock_changed(const struct call *c)
	__releases(&c->obj->lock)
{
	if (unlikely(c->obj->await.waiters))
		tell_and_unlock(c);
	else
		spin_unlock(&c->obj->lock);
}

static int run_changed(const struct call *c)
{
	spin_lock(&c->obj->lock);
	c->op->result = tell_and_unlock(c);
	return 0;
}

static int try_atomic(const struct call *c)
{
	int ret;

	spin_lock(&c->obj->lock);
	ret = shs_atomic_op(c->obj, c->op);
	unlock_changed(c);
	return ret;
}

static int run_atomic(const struct call *c)
{
	if (c->op->op == SHS_OP_WAIT)
		return run_wait(c);
	if (c->op->op == SHS_OP_NOTIFY)
		return run_notify(c);
	if (shs_is_await(c->op->op))
		return run_await(c);
	if (c->op->op == SHS_OP_CHANGED)
		return run_changed(c);
	return run_again(c, try_atomic);
}

static int run_counter(const struct call *c)
{
	struct shs_ioc_op *op = c->op;
	int ret = 0;

	if (shs_is_await(op->op))
		return run_await(c);
	if (op->op == SHS_OP_CHANGED)
		return run_changed(c);
	spin_lock(&c->obj->lock);
	switch (op->op) {
	case SHS_OP_LOAD:
		shs_counter_sum(c->obj, op->index, &op->result);
		break;
	case SHS_OP_ADD:
		ret = shs_counter_add(c->obj, c->att, op->index, op->arg);
		break;
	case SHS_OP_RESET:
		shs_counter_reset(c->obj, op->index, op->arg, &op->result);
		break;
	}
	unlock_changed(c);
	return ret;
}

/* What is done does not change; guard keeps it in place. */
static int run_once(const struct call *c)
{
	const struct shs_ioc_op *op = c->op;
	int ret = 0;

	shs_guard_lock(c->obj, true);
	if (!(op->flags & SHS_OP_BYTES))
		c->op->result = shs_once_state(c->obj);
	else if (shs_once_state(c->obj) == SHS_ONCE_DONE)
		memcpy(c->first, shs_value(c->obj) + op->offset, op->len);
	else
		ret = -ENODATA;
	shs_guard_unlock(c->obj, true);
	return ret;
}

/* A number in control, which calls alone change. */
static int run_load(const struct call *c)
{
	spin_lock(&c->obj->lock);
	c->op->result = shs_number_load(c->obj->type, number_at(c, shs_value(c->obj)));
	spin_unlock(&c->obj->lock);
	return 0;
}

static int run(const struct call *c)
{
	switch ((enum shs_kind)c->obj->kind) {
	case SHS_KIND_ATOMIC:
		return run_atomic(c);
	case SHS_KIND_COUNTER:
		return run_counter(c);
	case SHS_KIND_CONDVAR:
		return run_notify(c);
	case SHS_KIND_ONCE:
		return run_once(c);
	case SHS_KIND_SEMAPHORE:
	case SHS_KIND_BARRIER:
		return run_load(c);
	case SHS_KIND_MUTEX:
	case SHS_KIND_RWLOCK:
	case SHS_KIND_CELL:
		return run_value(c);
	case SHS_KIND_NONE:
		break;
	}
	return -EUNATCH;
}

/* A numeric operation from inside the kernel; the fields are checked as ever. */
int shs_op_run(struct shs_object *obj, struct shs_ioc_op *op, bool may_wait)
{
	struct call c = { .obj = obj, .op = op, .may_wait = may_wait };
	int ret = check(&c);

	return ret ?: run(&c);
}

/* ---- buffers ---- */

/* Reads the buffer and, where a reply will replace it, writes the same bytes back. */
static int buffer_in(u8 *buf, u64 addr, u32 len, bool replaced)
{
	void __user *user = u64_to_user_ptr(addr);

	if (copy_from_user(buf, user, len) || (replaced && copy_to_user(user, buf, len)))
		return -EFAULT;
	return 0;
}

static int buffers_in(struct call *c)
{
	const struct shs_ioc_op *op = c->op;
	u16 uses = c->rule->uses;
	int ret = 0;

	/* a result without side effect may fail to be written afterwards */
	if (uses & BYTES_IN || op->op == SHS_OP_TAKE)
		ret = buffer_in(c->first, op->addr, op->len, op->op == SHS_OP_TAKE);
	if (!ret && uses & BYTES_IN && !shs_bytes_valid(c->obj->type, c->first, op->len))
		ret = -ERANGE;
	if (!ret && uses & BYTES_OLD)
		ret = buffer_in(c->second, op->addr2, op->len, true);
	return ret;
}

static int buffers_out(const struct call *c)
{
	const struct shs_ioc_op *op = c->op;
	u16 uses = c->rule->uses;

	if (!(op->flags & SHS_OP_BYTES))
		return 0;
	if (uses & BYTES_OUT && copy_to_user(u64_to_user_ptr(op->addr), c->first, op->len))
		return uses & WRITES ? 0 : -EFAULT;
	if (uses & BYTES_OLD && copy_to_user(u64_to_user_ptr(op->addr2), c->second, op->len))
		return 0;
	return 0;
}

static int reply(struct shs_ioc_op __user *to, const struct shs_ioc_op *op)
{
	if (!IS_ENABLED(CONFIG_HAVE_EFFICIENT_UNALIGNED_ACCESS))
		return shs_copy_out(to, op, sizeof(*op));
	if (should_fail_usercopy() || !user_write_access_begin(to, sizeof(*to)))
		return -EFAULT;
	unsafe_put_user(op->result, &to->result, fault);
	unsafe_put_user(op->notice, &to->notice, fault);
	user_write_access_end();
	return 0;
fault:
	user_write_access_end();
	return -EFAULT;
}

static int run_and_reply(const struct call *c, struct shs_ioc_op __user *to)
{
	int ret = reply(to, c->op), out;

	if (ret)
		return ret;
	ret = run(c);
	/* the command's now; or as it came, and its memory perhaps not io_uring's any more */
	if (ret == -EIOCBQUEUED || ret == -ERESTARTSYS)
		return ret;
	if (!ret || ret == -EREMCHG) {
		out = buffers_out(c);
		ret = ret ?: out;
	} else {
		c->op->result = 0;	/* as it came: the call may be restarted with it */
		if (ret != -EUCLEAN)
			c->op->notice = 0;
	}
	reply(to, c->op);	/* committed: a racing munmap loses the reply */
	return ret;
}

/* Apart from the rest for its buffer, which the others need not clear. */
static noinline int run_on_bytes(struct call *c, struct shs_ioc_op __user *to)
{
	size_t len = c->op->len;
	u8 small[128];
	int ret;

	c->first = 2 * len <= sizeof(small) ? small : kvmalloc(2 * len, SHS_GFP);
	if (!c->first)
		return -ENOMEM;
	c->second = c->first + len;
	ret = buffers_in(c) ?: run_and_reply(c, to);
	if (c->first != small)
		kvfree(c->first);
	return ret;
}

/*
 * All doors: the ioctl of an object fd, or of an attachment's, and io_uring, where it
 * does not wait for a holder.  size is what the caller says the struct's size is.
 */
long shs_op(struct file *file, struct shs_attachment *att, void __user *argp, u32 size,
	    struct shs_door *door)
{
	struct shs_ioc_op op;
	struct call c = {
		.obj = file_inode(file)->i_private,
		.att = att,
		.op = &op,
		.door = door,
		.argp = argp,
		.may_wait = !door,
		.writable = file->f_mode & FMODE_WRITE,
	};
	int ret;

	ret = shs_struct_in(&op, sizeof(op), size, argp);
	if (ret)
		return ret;
	ret = check(&c) ?: check_mode(&c, file->f_mode);
	if (ret)
		return ret;
	if (door && door->att && op.op != SHS_OP_WAIT && !shs_is_await(op.op))
		return -EINVAL;
	return op.flags & SHS_OP_BYTES ? run_on_bytes(&c, argp) : run_and_reply(&c, argp);
}
