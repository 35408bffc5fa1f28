// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
#include <shstate_uring.h>

#include "internal.h"

void shs_prep_op(struct io_uring_sqe *sqe, const struct shs_object *object,
		 struct shs_ioc_op *op)
{
	shs_prep_op_fd(sqe, shs_object_fd(object), op);
}
