// SPDX-License-Identifier: GPL-2.0-only
/*
 * Two slots and a sequence: the cell, and the value of a mutex or rwlock with
 * SHS_INIT_COMMIT.  slot[sequence & 1] is the value.
 *
 * A writer holds the lock, fills the hidden slot and publishes it by the store of the
 * sequence.  Death in between leaves the old value, whole.  A reader without the lock
 * copies the published slot and accepts the copy if the sequence did not change
 * meanwhile.  The sequence comes from a shared page: only its lowest bit is used.
 */
#include "core.h"

static void *slot(const struct shs_object *obj, u64 sequence)
{
	return shs_value(obj) + (sequence & 1) * obj->geo.slot_stride;
}

static u64 sequence(const struct shs_object *obj)
{
	/* C, pairs with shs_slot_publish() and its like in user space */
	return obj->geo.slot_stride ? smp_load_acquire(&obj->shared->sequence) : 0;
}

/* The value; also of objects that have it in place. */
void *shs_slot_published(const struct shs_object *obj)
{
	return slot(obj, sequence(obj));
}

/* Where a writer prepares the next one; in place, the value itself. */
void *shs_slot_hidden(const struct shs_object *obj)
{
	return slot(obj, sequence(obj) + 1);
}

/* The hidden slot becomes the value.  The caller holds the lock and the guard. */
void shs_slot_publish(struct shs_object *obj)
{
	if (obj->geo.slot_stride)
		smp_store_release(&obj->shared->sequence, sequence(obj) + 1);	/* C */
}

/* Whether what was read since is of one value; else it may be torn or not committed. */
static bool is_still(const struct shs_object *obj, u64 before)
{
	smp_rmb();	/* D: the reads before the second look at the sequence */
	return sequence(obj) == before;
}

/* Copies a part without the lock; false if another value was published meanwhile. */
bool shs_value_snapshot(const struct shs_object *obj, u32 offset, u32 len, void *copy)
{
	u64 before = sequence(obj);

	memcpy(copy, slot(obj, before) + offset, len);
	return is_still(obj, before);
}

/* The same of one number, which in place is never torn. */
bool shs_number_snapshot(const struct shs_object *obj, u32 index, u64 *number)
{
	u64 before = sequence(obj);

	*number = shs_number_load(obj->type, slot(obj, before) +
					     (size_t)index * shs_type_size(obj->type));
	return is_still(obj, before);
}
