// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
/*
 * Values that are committed (SHS_INIT_COMMIT): of two slots one is the value and the
 * other is hidden. Who holds the write lock changes a copy there; the store of the
 * sequence makes it the value, or never, if the holder dies before.
 *
 *	sequence	slot 0		slot 1
 *	n, even		value		hidden: copied when the lock is granted, changed
 *	n + 1		value before	value: committed
 *	n + 2		value: a copy	hidden: the same, to be changed again
 *
 * The second step after a commit is there so that a pointer to the hidden slot stays
 * one: to go on by an old pointer would change the value itself.
 */
#include <errno.h>
#include <string.h>

#include "internal.h"

static int has_slots(const struct handle *handle)
{
	return handle->flags & SHS_INIT_COMMIT;
}

static uint64_t *sequence_of(const struct handle *handle)
{
	return (uint64_t *)((char *)handle->object.shared +
			    offsetof(struct shs_shared, sequence));
}

static void *slot(const struct handle *handle, uint64_t sequence)
{
	return (char *)handle->object.shared + handle->layout.value_offset +
	       (sequence & 1) * handle->layout.slot_stride;
}

static void *published(const struct handle *handle)
{
	return slot(handle, __atomic_load_n(sequence_of(handle), __ATOMIC_ACQUIRE));
}

static void *hidden(const struct handle *handle)
{
	return slot(handle, __atomic_load_n(sequence_of(handle), __ATOMIC_ACQUIRE) + 1);
}

/*
 * Only the holder of the write lock changes the sequence. He may go on in the slot that was
 * shown until now, and who still copies that is to see the new sequence before it changes.
 */
static void publish(const struct handle *handle)
{
	uint64_t *sequence = sequence_of(handle);

	__atomic_store_n(sequence, *sequence + 1, __ATOMIC_RELEASE);
	__atomic_thread_fence(__ATOMIC_RELEASE);
}

void *shs_value_for(const struct shs_object *object, uint32_t mode)
{
	struct handle *handle = to_handle(object);

	if (!shs_attached_here(handle))
		return NULL;
	if (!has_slots(handle))
		return object->shared ? (char *)object->shared + handle->layout.value_offset : NULL;
	return mode == SHS_MODE_EXCLUSIVE ? hidden(handle) : published(handle);
}

void shs_value_begin(const struct handle *handle)
{
	if (has_slots(handle))
		memcpy(hidden(handle), published(handle), handle->layout.value_size);
}

void shs_value_resume(const struct handle *handle, const void *before)
{
	shs_value_begin(handle);
	SHS_STEP("resume: copied");
	if (has_slots(handle) && hidden(handle) != before)
		publish(handle);	/* of two that are equal */
	SHS_STEP("resumed");
}

int shs_commit(struct shs_object *object)
{
	struct handle *handle = to_handle(object);

	if (!has_slots(handle))
		return -EOPNOTSUPP;
	if (!shs_attached_here(handle) || !__atomic_load_n(&object->holder, __ATOMIC_RELAXED))
		return -EPERM;
	SHS_STEP("commit");
	publish(handle);
	SHS_STEP("committed");
	shs_value_begin(handle);
	SHS_STEP("commit: copied");
	publish(handle);
	SHS_STEP("commit: as it was");
	return 0;
}
