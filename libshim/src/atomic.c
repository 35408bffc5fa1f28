// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
#include <errno.h>
#include <limits.h>

#include "internal.h"

/* Everything here may be asked of an atomic alone: a cell knows some of it too. */
static int operation(struct shs_object *atomic, struct shs_ioc_op *op)
{
	if (atomic->kind != SHS_KIND_ATOMIC)
		return -EOPNOTSUPP;
	return shs_object_op(atomic, op);
}

static int fetch(struct shs_object *atomic, uint32_t opcode, uint32_t index, int64_t value,
		 int order, int64_t *old)
{
	struct shs_ioc_op op = {
		.op = opcode,
		.index = index,
		.arg = value,
		.order = order,
	};
	int ret;

	/* An order is wider than its field. */
	if (order < SHS_SEQ_CST || order > SHS_ACQ_REL)
		return -EINVAL;
	ret = operation(atomic, &op);
	if (!ret && old)
		*old = op.result;
	return ret;
}

int shs_atomic_load(struct shs_object *atomic, uint32_t index, int order, int64_t *value)
{
	return fetch(atomic, SHS_OP_LOAD, index, 0, order, value);
}

int shs_atomic_store(struct shs_object *atomic, uint32_t index, int64_t value, int order)
{
	return fetch(atomic, SHS_OP_STORE, index, value, order, NULL);
}

int shs_atomic_swap(struct shs_object *atomic, uint32_t index, int64_t value, int order,
		    int64_t *old)
{
	return fetch(atomic, SHS_OP_SWAP, index, value, order, old);
}

int shs_atomic_compare_exchange(struct shs_object *atomic, uint32_t index, int64_t *expected,
				int64_t desired, int success, int failure)
{
	struct shs_ioc_op op = {
		.op = SHS_OP_CMPXCHG,
		.index = index,
		.arg = desired,
		.expected = *expected,
		.order = success,
		.order_failure = failure,
	};
	int ret;

	if (success < SHS_SEQ_CST || success > SHS_ACQ_REL ||
	    failure < SHS_SEQ_CST || failure > SHS_ACQ_REL)
		return -EINVAL;
	ret = operation(atomic, &op);
	if (ret == -EREMCHG)
		*expected = op.result;
	return ret;
}

int shs_atomic_fetch_add(struct shs_object *atomic, uint32_t index, int64_t value, int order,
			 int64_t *old)
{
	return fetch(atomic, SHS_OP_FETCH_ADD, index, value, order, old);
}

int shs_atomic_fetch_sub(struct shs_object *atomic, uint32_t index, int64_t value, int order,
			 int64_t *old)
{
	return fetch(atomic, SHS_OP_FETCH_SUB, index, value, order, old);
}

int shs_atomic_fetch_and(struct shs_object *atomic, uint32_t index, int64_t value, int order,
			 int64_t *old)
{
	return fetch(atomic, SHS_OP_FETCH_AND, index, value, order, old);
}

int shs_atomic_fetch_nand(struct shs_object *atomic, uint32_t index, int64_t value, int order,
			  int64_t *old)
{
	return fetch(atomic, SHS_OP_FETCH_NAND, index, value, order, old);
}

int shs_atomic_fetch_or(struct shs_object *atomic, uint32_t index, int64_t value, int order,
			int64_t *old)
{
	return fetch(atomic, SHS_OP_FETCH_OR, index, value, order, old);
}

int shs_atomic_fetch_xor(struct shs_object *atomic, uint32_t index, int64_t value, int order,
			 int64_t *old)
{
	return fetch(atomic, SHS_OP_FETCH_XOR, index, value, order, old);
}

int shs_atomic_fetch_max(struct shs_object *atomic, uint32_t index, int64_t value, int order,
			 int64_t *old)
{
	return fetch(atomic, SHS_OP_FETCH_MAX, index, value, order, old);
}

int shs_atomic_fetch_min(struct shs_object *atomic, uint32_t index, int64_t value, int order,
			 int64_t *old)
{
	return fetch(atomic, SHS_OP_FETCH_MIN, index, value, order, old);
}

int shs_atomic_fetch_not(struct shs_object *atomic, uint32_t index, int order, int64_t *old)
{
	return fetch(atomic, SHS_OP_FETCH_NOT, index, 0, order, old);
}

int shs_atomic_fetch_update(struct shs_object *atomic, uint32_t index, int order,
			    int64_t (*change)(int64_t value, void *argument), void *argument,
			    int64_t *old)
{
	int64_t value;
	int ret = shs_atomic_load(atomic, index, SHS_RELAXED, &value);

	if (ret < 0)
		return ret;
	do {
		ret = shs_atomic_compare_exchange(atomic, index, &value, change(value, argument),
						  order, SHS_RELAXED);
	} while (ret == -EREMCHG);
	if (!ret && old)
		*old = value;
	return ret;
}

int shs_atomic_try_update(struct shs_object *atomic, uint32_t index, int order,
			  int (*change)(int64_t *value, void *argument), void *argument,
			  int64_t *old)
{
	int64_t value, desired;
	int ret = shs_atomic_load(atomic, index, SHS_RELAXED, &value);

	if (ret < 0)
		return ret;
	do {
		desired = value;
		ret = change(&desired, argument);
		if (ret)
			return ret;
		ret = shs_atomic_compare_exchange(atomic, index, &value, desired, order,
						  SHS_RELAXED);
	} while (ret == -EREMCHG);
	if (!ret && old)
		*old = value;
	return ret;
}

int shs_atomic_wait(struct shs_object *atomic, uint32_t index, int64_t expected, int order)
{
	return shs_atomic_wait_until(atomic, index, expected, order, shs_deadline_never());
}

int shs_atomic_wait_until(struct shs_object *atomic, uint32_t index, int64_t expected, int order,
			  struct shs_deadline deadline)
{
	struct shs_ioc_op op = {
		.op = SHS_OP_WAIT,
		.index = index,
		.expected = expected,
		.order = order,
		.deadline = deadline.ns,
		.clock = deadline.clock,
	};

	if (order < SHS_SEQ_CST || order > SHS_ACQ_REL || deadline.clock > SHS_CLOCK_BOOTTIME)
		return -EINVAL;
	return operation(atomic, &op);
}

static int notify(struct shs_object *atomic, uint32_t index, uint64_t most)
{
	struct shs_ioc_op op = { .op = SHS_OP_NOTIFY, .index = index, .arg = most };
	int ret = operation(atomic, &op);

	if (ret < 0)
		return ret;
	return op.result < INT_MAX ? (int)op.result : INT_MAX;
}

int shs_atomic_notify_one(struct shs_object *atomic, uint32_t index)
{
	return notify(atomic, index, 1);
}

int shs_atomic_notify_all(struct shs_object *atomic, uint32_t index)
{
	return notify(atomic, index, ~(uint64_t)0);
}
