// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
/* What mutex and rwlock have in common. */
#include <errno.h>

#include "internal.h"

int shs_is_held(int status)
{
	return status == 0 || status == -EOWNERDEAD;
}

/* Of a lock or conversion: writes down that it is held, if it is. */
int shs_granted(struct shs_object *object, uint32_t mode, int status)
{
	struct handle *handle = to_handle(object);

	SHS_STEP("lock: not yet noted");
	if (shs_is_held(status) && shs_thread_holds(handle, mode) && mode == SHS_MODE_EXCLUSIVE)
		shs_value_begin(handle);
	SHS_STEP("locked");
	return status;
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

	/* The clock of a deadline is wider than that of the request. */
	if (deadline.clock > SHS_CLOCK_BOOTTIME)
		return -EINVAL;
	return shs_granted(object, mode,
			   object->ops->owner_call(object, SHS_IOC_LOCK, &request));
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
	SHS_STEP("unlock");
	if (flags & SHS_UNLOCK_ABANDON)
		shs_thread_abandons(to_handle(object), mode);
	else
		shs_thread_releases(to_handle(object), mode);
	SHS_STEP("unlock: noted");
	return object->ops->owner_call(object, SHS_IOC_UNLOCK, &request);
}
