// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
/* Waits for a value, and telling the kernel of changes that somebody waits for. */
#include <errno.h>

#include "internal.h"

/* Who changed it by memory saw that it is awaited. What could fail here does not there. */
void shs_changed_slow(struct shs_object *object, uint32_t index)
{
	struct shs_ioc_op op = { .size = sizeof(op), .op = SHS_OP_CHANGED, .index = index };

	object->ops->call(object, SHS_IOC_OP, &op);
}

int shs_await_fill(struct shs_ioc_op *op, const struct shs_object *object, uint32_t kind,
		   uint32_t index, uint32_t condition, int64_t argument,
		   struct shs_deadline deadline)
{
	if (condition < SHS_OP_AWAIT_GE || condition > SHS_OP_AWAIT_ANY ||
	    deadline.clock > SHS_CLOCK_BOOTTIME)
		return -EINVAL;
	if (object->kind != kind)
		return -EOPNOTSUPP;
	*op = (struct shs_ioc_op){
		.size = sizeof(*op),
		.op = condition,
		.index = index,
		.arg = argument,
		.deadline = deadline.ns,
		.clock = deadline.clock,
	};
	return 0;
}

static int await(struct shs_object *object, uint32_t kind, uint32_t index, uint32_t condition,
		 int64_t argument, int64_t *value, struct shs_deadline deadline)
{
	struct shs_ioc_op op;
	int ret = shs_await_fill(&op, object, kind, index, condition, argument, deadline);

	if (!ret)
		ret = shs_object_op(object, &op);
	if (!ret && value)
		*value = op.result;
	return ret;
}

int shs_atomic_await(struct shs_object *atomic, uint32_t index, uint32_t condition,
		     int64_t argument, int64_t *value)
{
	return shs_atomic_await_until(atomic, index, condition, argument, value,
				      shs_deadline_never());
}

int shs_atomic_await_until(struct shs_object *atomic, uint32_t index, uint32_t condition,
			   int64_t argument, int64_t *value, struct shs_deadline deadline)
{
	return await(atomic, SHS_KIND_ATOMIC, index, condition, argument, value, deadline);
}

int shs_counter_await(struct shs_object *counter, uint32_t index, uint32_t condition,
		      int64_t argument, int64_t *value)
{
	return shs_counter_await_until(counter, index, condition, argument, value,
				       shs_deadline_never());
}

int shs_counter_await_until(struct shs_object *counter, uint32_t index, uint32_t condition,
			    int64_t argument, int64_t *value, struct shs_deadline deadline)
{
	return await(counter, SHS_KIND_COUNTER, index, condition, argument, value, deadline);
}
