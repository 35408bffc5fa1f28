// SPDX-License-Identifier: GPL-2.0-only
/*
 * Atomic cells: operations by compare-and-swap of the cell's own width, for a
 * mapped cell is changed by user space at the same time.  object->lock only holds
 * the cells in place (the first attach moves them into pages).
 *
 * All are fully ordered, which satisfies every order that is allowed; those that
 * Rust and C11 forbid are refused before (op.c).
 *
 * Waiting: the value is compared and the waiter queued under object->lock, which a
 * notify takes, so a store followed by a notify is seen by the one or by the other:
 *
 *   waiter (object->lock)           notifier
 *                                   store
 *   element is expected? no: done   notify (object->lock): nobody
 *   or yes: queued
 *                                   store
 *                                   notify (object->lock): settles it
 *
 * A notified waiter compares again and waits on if nothing changed; one that is
 * killed instead gives the notify to the next.
 *
 * User space need not call to notify nobody, which control->waiting tells it:
 *
 *   waiter (object->lock)           notifier (user space)
 *   waiting = 1                     store
 *   smp_mb()         /\ C /\        fence
 *   element is expected?            read waiting
 *
 * so either the waiter sees the store or the notifier sees the waiter, and calls.
 */
#include "core.h"

static void *cell_at(const struct shs_object *obj, u32 index)
{
	return shs_value(obj) + (size_t)index * shs_type_size(obj->type);
}

static bool swap_if(u32 type, void *p, u64 old, u64 new)
{
	switch (shs_type_size(type)) {
	case 1:
		return cmpxchg((u8 *)p, (u8)old, (u8)new) == (u8)old;
	case 2:
		return cmpxchg((u16 *)p, (u16)old, (u16)new) == (u16)old;
	case 4:
		return cmpxchg((u32 *)p, (u32)old, (u32)new) == (u32)old;
	}
	return cmpxchg64((u64 *)p, old, new) == old;
}

static bool less(u32 type, u64 a, u64 b)
{
	return shs_type_is_signed(type) ? (s64)a < (s64)b : a < b;
}

/* The value after op on old. */
static u64 apply(const struct shs_ioc_op *op, u32 type, u64 old)
{
	u64 arg = op->arg;

	switch ((enum shs_opcode)op->op) {
	case SHS_OP_STORE:
	case SHS_OP_SWAP:
	case SHS_OP_CMPXCHG:
		break;
	case SHS_OP_FETCH_ADD:
		arg = old + arg;
		break;
	case SHS_OP_FETCH_SUB:
		arg = old - arg;
		break;
	case SHS_OP_FETCH_AND:
		arg = old & arg;
		break;
	case SHS_OP_FETCH_NAND:
		arg = ~(old & arg);
		break;
	case SHS_OP_FETCH_OR:
		arg = old | arg;
		break;
	case SHS_OP_FETCH_XOR:
		arg = old ^ arg;
		break;
	case SHS_OP_FETCH_MAX:
		arg = less(type, old, arg) ? arg : old;
		break;
	case SHS_OP_FETCH_MIN:
		arg = less(type, arg, old) ? arg : old;
		break;
	case SHS_OP_FETCH_NOT:
		arg = ~old;
		break;
	default:
		arg = old;
	}
	return shs_number_wrap(type, arg);
}

/* Bit patterns that are no bool come only from a hostile writer; they read as bit 0. */
static u64 raw_load(u32 type, const void *p)
{
	return type == SHS_TYPE_BOOL ? READ_ONCE(*(const u8 *)p) : shs_number_load(type, p);
}

/*
 * 0, -EREMCHG for a failed CMPXCHG, or -EAGAIN after SHS_CAS_TRIES lost races; the
 * caller drops the lock and tries again.
 */
int shs_atomic_op(struct shs_object *obj, struct shs_ioc_op *op)
{
	void *cell = cell_at(obj, op->index);
	u64 raw, old;
	int i, ret = 0;

	lockdep_assert_held(&obj->lock);
	smp_mb();	/* B: an order of this operation with what the caller did before */
	for (i = 0; i < SHS_CAS_TRIES; i++) {
		raw = raw_load(obj->type, cell);
		old = shs_number_wrap(obj->type, raw);
		op->result = old;
		if (op->op == SHS_OP_LOAD)
			break;
		if (op->op == SHS_OP_CMPXCHG && old != op->expected) {
			ret = -EREMCHG;
			break;
		}
		if (swap_if(obj->type, cell, raw, apply(op, obj->type, old)))
			break;
	}
	if (i == SHS_CAS_TRIES)
		return -EAGAIN;
	if (op->op == SHS_OP_STORE)
		op->result = 0;
	smp_mb();	/* B, with what it does after */
	return ret;
}

/*
 * Wakes the count longest waiting of those for whom the element changed, and on the
 * way those who may only read, for they must not take a notify from who may write.
 * Returns how many of the former.
 */
u32 shs_atomic_notify(struct shs_object *obj, u32 index, u64 count, struct shs_wakes *wakes)
{
	u64 now = shs_number_load(obj->type, cell_at(obj, index));
	struct shs_waiter *w, *next;
	u32 n = 0;

	lockdep_assert_held(&obj->lock);
	list_for_each_entry_safe(w, next, &obj->queue, node) {
		if (w->until || w->index != index || w->expected == now ||
		    (w->counts && n == count))
			continue;
		if (!shs_claim(obj, w, wakes))
			continue;
		n += w->counts;
		shs_settle(obj, w, 0, wakes);
	}
	return n;
}

static int atomic_try(struct shs_object *obj, struct shs_waiter *w, struct shs_wakes *wakes)
{
	lockdep_assert_held(&obj->lock);
	if (w->until)
		return shs_await_try(obj, w);
	WRITE_ONCE(obj->control->waiting, obj->waiters + 1);
	smp_mb();	/* C */
	return shs_number_load(obj->type, cell_at(obj, w->index)) == w->expected ? -EBUSY : 0;
}

/* Who was about to wait did perhaps not. */
static void atomic_pass(struct shs_object *obj, struct shs_wakes *wakes)
{
	lockdep_assert_held(&obj->lock);
	WRITE_ONCE(obj->control->waiting, obj->waiters);
}

/* A notify that its waiter did not live to use. */
static int atomic_release(struct shs_object *obj, struct shs_waiter *w, bool notice,
			  struct shs_wakes *wakes)
{
	if (w->counts && !w->until)
		shs_atomic_notify(obj, w->index, 1, wakes);
	return 0;
}

static void atomic_repair(struct shs_object *obj, struct shs_attachment *att,
			  struct shs_wakes *wakes)
{
	shs_await_death(obj);
}

const struct shs_kind_ops shs_atomic_ops = {
	.try = atomic_try,
	.release = atomic_release,
	.repair = atomic_repair,
	.pass = atomic_pass,
};
