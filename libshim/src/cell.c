// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "internal.h"

/* value is op's addr, other its addr2, see linux/shstate.h. */
static int operation(struct shs_object *cell, uint32_t opcode, const void *value, void *other,
		     size_t size, struct shs_deadline deadline)
{
	struct shs_ioc_op op = {
		.op = opcode,
		.flags = SHS_OP_BYTES,
		.addr = (uintptr_t)value,
		.addr2 = (uintptr_t)other,
		.len = size,
		.deadline = deadline.ns,
		.clock = deadline.clock,
	};

	if (cell->kind != SHS_KIND_CELL)
		return -EOPNOTSUPP;
	if (size > SHS_CELL_MAX || deadline.clock > SHS_CLOCK_BOOTTIME)
		return -EINVAL;
	return shs_object_op(cell, &op);
}

int shs_cell_load_until(struct shs_object *cell, void *value, size_t size,
			struct shs_deadline deadline)
{
	return operation(cell, SHS_OP_LOAD, value, NULL, size, deadline);
}

int shs_cell_store_until(struct shs_object *cell, const void *value, size_t size,
			 struct shs_deadline deadline)
{
	return operation(cell, SHS_OP_STORE, value, NULL, size, deadline);
}

int shs_cell_swap_until(struct shs_object *cell, const void *value, void *old, size_t size,
			struct shs_deadline deadline)
{
	return operation(cell, SHS_OP_SWAP, value, old, size, deadline);
}

int shs_cell_take_until(struct shs_object *cell, void *value, size_t size,
			struct shs_deadline deadline)
{
	return operation(cell, SHS_OP_TAKE, value, NULL, size, deadline);
}

/* The kernel writes the old value over what was expected, which is the same if equal. */
int shs_cell_compare_exchange_until(struct shs_object *cell, void *expected,
				    const void *desired, size_t size,
				    struct shs_deadline deadline)
{
	return operation(cell, SHS_OP_CMPXCHG, desired, expected, size, deadline);
}

int shs_cell_load_slow(struct shs_object *cell, void *value, size_t size)
{
	if (cell->kind == SHS_KIND_CELL && shs_attach_if_used(cell))
		shs_thread_enter();
	return shs_cell_load_until(cell, value, size, shs_deadline_never());
}

/*
 * Who holds the word fills the slot that nobody reads, and the sequence makes it the
 * value. (The fence: a reader who saw something of it sees the sequence before.)
 */
static void publish(const struct shs_object *cell, const void *value)
{
	struct shs_shared *shared = cell->shared;
	uint64_t next = shared->sequence + 1;

	__atomic_thread_fence(__ATOMIC_RELEASE);
	memcpy((char *)shared + SHS_VALUE_OFFSET + (next & 1) * cell->slot_stride, value,
	       cell->size);
	SHS_STEP("cell: written");
	__atomic_store_n(&shared->sequence, next, __ATOMIC_RELEASE);
	SHS_STEP("cell: published");
}

int shs_cell_store(struct shs_object *cell, const void *value, size_t size)
{
	if (shs_is_fast(cell, SHS_FAST_WORD) && size == cell->size && shs_take_word(cell)) {
		publish(cell, value);
		if (!shs_free_word(cell))
			shs_unlock(cell, SHS_MODE_EXCLUSIVE, 0, 0);
		return 0;
	}
	if (cell->kind == SHS_KIND_CELL && shs_attach_if_used(cell))
		shs_thread_enter();
	return shs_cell_store_until(cell, value, size, shs_deadline_never());
}

int shs_cell_swap(struct shs_object *cell, const void *value, void *old, size_t size)
{
	return shs_cell_swap_until(cell, value, old, size, shs_deadline_never());
}

int shs_cell_take(struct shs_object *cell, void *value, size_t size)
{
	return shs_cell_take_until(cell, value, size, shs_deadline_never());
}

int shs_cell_compare_exchange(struct shs_object *cell, void *expected, const void *desired,
			      size_t size)
{
	return shs_cell_compare_exchange_until(cell, expected, desired, size,
					       shs_deadline_never());
}

/* The value found in the way is what the next turn begins with. */
int shs_cell_fetch_update(struct shs_object *cell, size_t size,
			  int (*change)(void *value, void *argument), void *argument, void *old)
{
	_Alignas(max_align_t) char value[SHS_CELL_MAX], desired[SHS_CELL_MAX];
	int ret = shs_cell_load(cell, value, size);

	if (ret < 0)
		return ret;
	do {
		memcpy(desired, value, size);
		ret = change(desired, argument);
		if (ret)
			return ret;
		ret = shs_cell_compare_exchange(cell, value, desired, size);
	} while (ret == -EREMCHG);
	if (!ret && old)
		memcpy(old, value, size);
	return ret;
}

int shs_cell_into_inner(struct shs_object *cell, void *value, size_t size)
{
	int ret = shs_cell_take(cell, value, size);

	if (!ret)
		shs_object_close(cell);
	return ret;
}
