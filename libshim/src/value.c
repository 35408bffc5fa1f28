// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
/* Values of mutex and rwlock, changed by the kernel under the lock. */
#include <errno.h>

#include "internal.h"

/* Returns the notices, which are positive. */
static int operation(struct shs_object *object, struct shs_ioc_op *op,
		     struct shs_deadline deadline)
{
	int ret;

	if (object->kind != SHS_KIND_MUTEX && object->kind != SHS_KIND_RWLOCK)
		return -EOPNOTSUPP;
	if (deadline.clock > SHS_CLOCK_BOOTTIME)
		return -EINVAL;
	op->deadline = deadline.ns;
	op->clock = deadline.clock;
	ret = shs_object_op(object, op);
	return ret < 0 ? ret : (int)op->notice;
}

static int bytes(struct shs_object *object, uint32_t opcode, uint32_t offset, const void *bytes,
		 uint32_t size, unsigned int flags, struct shs_deadline deadline)
{
	struct shs_ioc_op op = {
		.op = opcode,
		.flags = flags | SHS_OP_BYTES,
		.addr = (uintptr_t)bytes,
		.offset = offset,
		.len = size,
	};

	return operation(object, &op, deadline);
}

int shs_value_read(struct shs_object *object, uint32_t offset, void *value, uint32_t size,
		   unsigned int flags, struct shs_deadline deadline)
{
	return bytes(object, SHS_OP_READ, offset, value, size, flags, deadline);
}

int shs_value_write(struct shs_object *object, uint32_t offset, const void *value, uint32_t size,
		    unsigned int flags, struct shs_deadline deadline)
{
	return bytes(object, SHS_OP_WRITE, offset, value, size, flags, deadline);
}

int shs_value_peek(struct shs_object *object, uint32_t offset, void *value, uint32_t size)
{
	return bytes(object, SHS_OP_PEEK, offset, value, size, 0, shs_deadline_never());
}

int shs_value_add(struct shs_object *object, uint32_t index, int64_t value, int64_t *old,
		  unsigned int flags, struct shs_deadline deadline)
{
	struct shs_ioc_op op = {
		.op = SHS_OP_ADD,
		.flags = flags,
		.index = index,
		.arg = value,
	};
	int ret = operation(object, &op, deadline);

	if (ret >= 0 && old)
		*old = op.result;
	return ret;
}
