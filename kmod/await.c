// SPDX-License-Identifier: GPL-2.0-only
/*
 * Waits for a value: until an element of an atomic, or of a counter the total, meets a
 * condition.  Whoever changed it has the conditions looked at, and who is settled then had
 * his met by the value that he is told, whatever it is by the time he runs.  Nobody else
 * is woken.
 *
 * What calls change is looked at with the lock that they change it under.  What processes
 * change by memory (cells, lanes) they tell of by SHS_OP_CHANGED, if control->awaited says
 * that somebody waits.  A lane is added to with one plain instruction, so nothing keeps the
 * processor from looking at awaited before others see the addition:
 *
 *   waiter (object->lock)           changer (user space)
 *                                   awaited? no
 *   condition met? no: queued
 *   awaited = 1
 *                                   lane += n (seen by now)
 *
 * So the side that sleeps anyway has a fence for both.  Once awaited is 1, all processors
 * pass a full fence (F: an RCU grace period, see awaitop.c), and all conditions are looked
 * at once more.  Of a changer F comes either
 *
 *   before it looks at awaited:     it sees 1, and calls
 *   or after that:                  so after the change, too, which that last look sees
 *
 * A changer that is delayed between the two for however long is so covered as well; the one
 * that is killed there tells nobody, so the death of an attachment has the conditions
 * looked at (it comes after all stores of the dead, see core.c).  Of several changers the
 * last to call sees what the others changed, by the lock.  So a condition that is met, and
 * stays so, is seen by somebody; one that was met only between two changes by memory,
 * perhaps not.
 *
 * When the last of them left awaited is 0 again, and the next who comes needs an F that
 * begins after he set it.  One that is under way then is not enough:
 *
 *   fencing  again
 *      0       0     F is not needed, or over       first one comes: F begins, 1 0
 *      1       0     F is under way                 it is over: 0 0; first one comes: 1 1
 *      1       1     and one more is needed         it is over: F begins, 1 0
 */
#include "core.h"

static u64 value_of(struct shs_object *obj, u32 index)
{
	u64 sum;

	if (obj->kind == SHS_KIND_ATOMIC)
		return shs_number_load(obj->type, shs_value(obj) +
						  (size_t)index * shs_type_size(obj->type));
	shs_counter_sum(obj, index, &sum);
	return sum;
}

static bool not_less(u32 type, u64 a, u64 b)
{
	return shs_type_is_signed(type) ? (s64)a >= (s64)b : a >= b;
}

static bool is_met(const struct shs_object *obj, const struct shs_waiter *w, u64 now)
{
	switch (w->until) {
	case SHS_OP_AWAIT_GE:
		return not_less(obj->type, now, w->expected);
	case SHS_OP_AWAIT_LE:
		return not_less(obj->type, w->expected, now);
	case SHS_OP_AWAIT_EQ:
		return now == w->expected;
	case SHS_OP_AWAIT_NE:
		return now != w->expected;
	case SHS_OP_AWAIT_ANY:
		return now & w->expected;
	}
	return false;
}

/* Whether obj's values can be in the relation op to arg, which may be out of their range. */
int shs_await_check(const struct shs_object *obj, u32 op, u64 arg)
{
	if (!shs_is_await(op))
		return -EINVAL;
	if (obj->type == SHS_TYPE_BOOL && (op == SHS_OP_AWAIT_GE || op == SHS_OP_AWAIT_LE))
		return -EOPNOTSUPP;
	return op == SHS_OP_AWAIT_ANY && !arg ? -EINVAL : 0;	/* of no bits none is set, ever */
}

/* The kinds' try, of who waits for a value. */
int shs_await_try(struct shs_object *obj, struct shs_waiter *w)
{
	u64 now = value_of(obj, w->index);

	lockdep_assert_held(&obj->lock);
	if (!is_met(obj, w, now))
		return -EBUSY;
	w->value = now;
	return 0;
}

/*
 * A wait of any kind ends with why: what it ends with.  Who waits for a value, and whose time
 * is up before F, has the change that F would have shown him looked for now.
 */
int shs_await_end(struct shs_object *obj, struct shs_waiter *w, int why)
{
	return why == -ETIMEDOUT && w->until && !shs_await_try(obj, w) ? 0 : why;
}

/*
 * Elements first to first + n - 1 have perhaps changed: settles those whose condition they
 * meet, and returns how many.  Of a counter n is 1, for a sum looks at many lanes.
 */
u32 shs_await_tell(struct shs_object *obj, u32 first, u32 n, struct shs_wakes *wakes)
{
	struct shs_waiter *w, *next;
	u32 of = 0, told = 0;
	bool known = false;
	u64 now = 0;

	lockdep_assert_held(&obj->lock);
	if (!obj->await.waiters)
		return 0;
	list_for_each_entry_safe(w, next, &obj->queue, node) {
		if (!w->until || w->index - first >= n)
			continue;
		if (!known || w->index != of)
			now = value_of(obj, w->index);
		of = w->index;
		known = true;
		if (!is_met(obj, w, now) || !shs_claim(obj, w, wakes))
			continue;
		w->value = now;
		shs_settle(obj, w, 0, wakes);
		told++;
	}
	return told;
}

/* ---- awaited, see above ---- */

static void begin_fence(struct shs_object *obj)
{
	obj->await.fencing = true;
	shs_await_fence(obj);
}

void shs_await_enter(struct shs_object *obj)
{
	lockdep_assert_held(&obj->lock);
	if (obj->await.waiters++)
		return;
	WRITE_ONCE(obj->control->awaited, 1);
	if (obj->await.fencing)
		obj->await.again = true;
	else
		begin_fence(obj);
}

void shs_await_leave(struct shs_object *obj)
{
	lockdep_assert_held(&obj->lock);
	if (!--obj->await.waiters)
		WRITE_ONCE(obj->control->awaited, 0);
}

/* All processors passed a full fence; the caller has all conditions looked at after this. */
void shs_await_fenced(struct shs_object *obj)
{
	lockdep_assert_held(&obj->lock);
	obj->await.fencing = false;
	if (obj->await.again && obj->await.waiters)
		begin_fence(obj);
	obj->await.again = false;
}

/* An attachment died: what it changed last it has perhaps not told. */
void shs_await_death(struct shs_object *obj)
{
	lockdep_assert_held(&obj->lock);
	if (obj->await.waiters)
		shs_await_soon(obj);
}
