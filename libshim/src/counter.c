// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
#include <errno.h>

#include "internal.h"

static int operation(struct shs_object *counter, uint32_t opcode, uint32_t index, int64_t value,
		     int64_t *result)
{
	struct shs_ioc_op op = { .op = opcode, .index = index, .arg = value };
	int ret;

	if (counter->kind != SHS_KIND_COUNTER)
		return -EOPNOTSUPP;
	ret = shs_object_op(counter, &op);
	if (!ret && result)
		*result = op.result;
	return ret;
}

/* What shall die with this process is to be known as its own. */
static int add_live(struct shs_object *counter, uint32_t index, int64_t value)
{
	struct shs_ioc_op op = {
		.size = sizeof(op),
		.op = SHS_OP_ADD,
		.index = index,
		.arg = value,
	};

	return counter->ops->owner_call(counter, SHS_IOC_OP, &op);
}

/* By this thread's lane, if it can have one. */
static int add_to_lane(struct shs_object *counter, uint32_t index, int64_t value)
{
	if (!shs_attach_if_used(counter))
		return 0;
	shs_thread_lane(to_handle(counter));
	shs_thread_mark_lane(to_handle(counter));
	if (!shs_is_fast(counter, SHS_FAST_ADD) || !shs_has_lane(counter) ||
	    index >= counter->count)
		return 0;
	shs_add_to_own((int64_t *)shs_lane_at(counter, shs_self.lane) + index, value);
	shs_tell_of_change(counter, index);
	return 1;
}

#define NO_LANES	(SHS_INIT_SATURATE | SHS_INIT_CHECK | SHS_INIT_SERIAL)

int shs_counter_add_slow(struct shs_object *counter, uint32_t index, int64_t value)
{
	uint32_t flags = to_handle(counter)->flags;

	if (counter->kind == SHS_KIND_COUNTER && !(flags & NO_LANES) &&
	    add_to_lane(counter, index, value))
		return 0;
	if (flags & SHS_INIT_LIVE)
		return add_live(counter, index, value);
	return operation(counter, SHS_OP_ADD, index, value, NULL);
}

int shs_counter_read(struct shs_object *counter, uint32_t index, int64_t *value)
{
	return operation(counter, SHS_OP_LOAD, index, 0, value);
}

int shs_counter_reset(struct shs_object *counter, uint32_t index, int64_t value, int64_t *old)
{
	return operation(counter, SHS_OP_RESET, index, value, old);
}
