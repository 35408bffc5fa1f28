// SPDX-License-Identifier: GPL-2.0-only
/*
 * Cell: two slots and a sequence; slot[sequence & 1] is the value.
 *
 * A writer holds the word (mutex.c), fills the hidden slot and publishes it by the
 * store of the sequence.  Death in between leaves the old value, whole, and so no
 * poison.  A reader without the word copies the current slot and accepts the copy
 * if the sequence did not change meanwhile.  The sequence comes from a shared page:
 * only its lowest bit is used.
 */
#include "core.h"

static void *slot(const struct shs_object *obj, u64 sequence)
{
	return shs_value(obj) + (sequence & 1) * obj->geo.slot_stride;
}

void *shs_cell_current(const struct shs_object *obj)
{
	/* C, pairs with shs_cell_publish() */
	return slot(obj, smp_load_acquire(&obj->shared->sequence));
}

/* The caller holds the word and the guard. */
void shs_cell_publish(struct shs_object *obj, const void *value)
{
	u64 next = READ_ONCE(obj->shared->sequence) + 1;

	memcpy(slot(obj, next), value, obj->geo.value_size);
	smp_store_release(&obj->shared->sequence, next);	/* C */
}
