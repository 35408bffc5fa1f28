// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
/* What mutex and rwlock have in common. */
#include <errno.h>

#include "internal.h"

int shs_is_held(int status)
{
	return status == 0 || status == -EOWNERDEAD;
}

int shs_lock(struct shs_object *object, uint32_t mode, uint32_t flags, uint32_t lane,
	     struct shs_deadline deadline)
{
	struct shs_ioc_lock request = {
		.size = sizeof(request),
		.flags = flags,
		.mode = mode,
		.lane = lane,
		.deadline = deadline.ns,
		.clock = deadline.clock,
	};
	int ret;

	/* The clock of a deadline is wider than that of the request. */
	if (deadline.clock > SHS_CLOCK_BOOTTIME)
		return -EINVAL;
	ret = object->ops->owner_call(object, SHS_IOC_LOCK, &request);
	if (shs_is_held(ret))
		shs_thread_holds(to_handle(object), mode);
	return ret;
}

int shs_unlock(struct shs_object *object, uint32_t mode, uint32_t flags, uint32_t lane)
{
	struct shs_ioc_lock request = {
		.size = sizeof(request),
		.flags = flags,
		.mode = mode,
		.lane = lane,
	};

	/* Whatever comes of it: if it is not released it was not held. */
	shs_thread_releases(to_handle(object), mode);
	return object->ops->owner_call(object, SHS_IOC_UNLOCK, &request);
}
