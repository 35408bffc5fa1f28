// SPDX-License-Identifier: GPL-2.0-only
/*
 * Counter: total = base + all lanes.
 *
 * A lane is a run of count 64-bit words in an attachment's private region, added to
 * by one thread of that process, which marked it as in use before.  The base is in the
 * control page, written by the kernel under object->lock.  Death folds the lanes into
 * the base under the same lock that a sum holds, so no sum sees an add twice or not at
 * all.  Adds that come here are ordered with the sums.  A sum that runs beside adds to
 * lanes counts each of these or not: it lies between the total with all of the
 * subtractions and that with all of the additions, and if none subtracts, sums never
 * go back ("intermediate value linearizability", Rinberg and Keidar, DISC 2020).  If
 * all add the same amount it is linearizable.
 *
 * A lane does not know the total, so saturating and checked counters have none:
 * every add comes to the base.  Nor do serial ones, so that a sum beside adds of
 * both signs is exact as well.
 *
 * Of a live counter an attachment's lanes vanish with it.  What the kernel adds in its
 * name is kept apart from them (added), for a lane has a single writer.
 */
#include <linux/limits.h>
#include <linux/overflow.h>
#include "core.h"

static s64 *base_of(const struct shs_object *obj)
{
	return (void *)obj->control + SHS_VALUE_OFFSET;
}

/* Of an attachment that may only read nothing counts, whatever it wrote. */
static u64 lanes_of(const struct shs_attachment *att, u32 index)
{
	u64 sum = att->added ? att->added[index] : 0, left;

	if (!att->may_write)
		return sum;
	for (left = shs_lanes_in_use(att); left; left &= left - 1)
		sum += atomic64_read(shs_lane(att, __ffs64(left)) + index);
	return sum;
}

void shs_counter_sum(struct shs_object *obj, u32 index, u64 *sum)
{
	struct shs_attachment *att;
	unsigned long id;

	lockdep_assert_held(&obj->lock);
	*sum = base_of(obj)[index];
	shs_for_each_att(obj, id, att)
		if (att->state == SHS_ATT_LIVE)
			*sum += lanes_of(att, index);
}

static void add_to_base(struct shs_object *obj, u32 index, u64 arg)
{
	s64 *base = base_of(obj) + index;

	WRITE_ONCE(*base, (u64)*base + arg);
}

/*
 * 0; -ERANGE with nothing added (without lanes the base is the total); -ENXIO: a live
 * counter, and no living attachment in whose name to add.
 */
int shs_counter_add(struct shs_object *obj, struct shs_attachment *att, u32 index, s64 arg)
{
	s64 *base = base_of(obj) + index, sum;

	lockdep_assert_held(&obj->lock);
	if (obj->flags & SHS_INIT_LIVE) {
		if (!att || att->state != SHS_ATT_LIVE)
			return -ENXIO;
		att->added[index] += arg;
		return 0;
	}
	if (!(obj->flags & (SHS_INIT_SATURATE | SHS_INIT_CHECK))) {
		add_to_base(obj, index, arg);
		return 0;
	}
	if (check_add_overflow(*base, arg, &sum)) {
		if (obj->flags & SHS_INIT_CHECK)
			return -ERANGE;
		sum = arg < 0 ? S64_MIN : S64_MAX;
	}
	WRITE_ONCE(*base, sum);
	return 0;
}

/* Moves the base only: what lanes hold stays theirs and is subtracted. */
void shs_counter_reset(struct shs_object *obj, u32 index, u64 arg, u64 *old)
{
	shs_counter_sum(obj, index, old);
	add_to_base(obj, index, arg - *old);
}

static void counter_repair(struct shs_object *obj, struct shs_attachment *att,
			   struct shs_wakes *wakes)
{
	u32 i;

	lockdep_assert_held(&obj->lock);
	for (i = 0; i < obj->count && !(obj->flags & SHS_INIT_LIVE); i++)
		add_to_base(obj, i, lanes_of(att, i));
	shs_await_death(obj);
}

static int counter_try(struct shs_object *obj, struct shs_waiter *w, struct shs_wakes *wakes)
{
	return shs_await_try(obj, w);
}

/* Who was told of a total has taken nothing. */
static int counter_release(struct shs_object *obj, struct shs_waiter *w, bool notice,
			   struct shs_wakes *wakes)
{
	return 0;
}

const struct shs_kind_ops shs_counter_ops = {
	.try = counter_try,
	.release = counter_release,
	.repair = counter_repair,
};
