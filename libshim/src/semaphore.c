// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
#include <errno.h>

#include "internal.h"

/* The permits are the process's: no thread is noted, and none gives them back at its end. */
static int call(struct shs_object *semaphore, unsigned int request, uint32_t permits,
		uint32_t flags, struct shs_deadline deadline)
{
	struct shs_ioc_lock lock = {
		.size = sizeof(lock),
		.flags = flags,
		.deadline = deadline.ns,
		.clock = deadline.clock,
		.permits = permits,
	};

	if (semaphore->kind != SHS_KIND_SEMAPHORE)
		return -EOPNOTSUPP;
	if (!permits || deadline.clock > SHS_CLOCK_BOOTTIME)
		return -EINVAL;
	return semaphore->ops->owner_call(semaphore, request, &lock);
}

static int acquire(struct shs_object *semaphore, uint32_t permits, uint32_t flags,
		   struct shs_deadline deadline)
{
	return call(semaphore, SHS_IOC_LOCK, permits, flags, deadline);
}

static int release(struct shs_object *semaphore, uint32_t permits, uint32_t flags)
{
	return call(semaphore, SHS_IOC_UNLOCK, permits, flags, (struct shs_deadline){ 0 });
}

int shs_semaphore_acquire(struct shs_object *semaphore, uint32_t permits)
{
	return acquire(semaphore, permits, 0, shs_deadline_never());
}

int shs_semaphore_try_acquire(struct shs_object *semaphore, uint32_t permits)
{
	return acquire(semaphore, permits, SHS_LOCK_NOWAIT, shs_deadline_never());
}

int shs_semaphore_acquire_until(struct shs_object *semaphore, uint32_t permits,
				struct shs_deadline deadline)
{
	return acquire(semaphore, permits, 0, deadline);
}

int shs_semaphore_release(struct shs_object *semaphore, uint32_t permits)
{
	return release(semaphore, permits, 0);
}

int shs_semaphore_acquire_no_undo(struct shs_object *semaphore, uint32_t permits)
{
	return acquire(semaphore, permits, SHS_LOCK_NO_UNDO, shs_deadline_never());
}

int shs_semaphore_try_acquire_no_undo(struct shs_object *semaphore, uint32_t permits)
{
	return acquire(semaphore, permits, SHS_LOCK_NO_UNDO | SHS_LOCK_NOWAIT,
		       shs_deadline_never());
}

int shs_semaphore_acquire_no_undo_until(struct shs_object *semaphore, uint32_t permits,
					struct shs_deadline deadline)
{
	return acquire(semaphore, permits, SHS_LOCK_NO_UNDO, deadline);
}

int shs_semaphore_release_no_undo(struct shs_object *semaphore, uint32_t permits)
{
	return release(semaphore, permits, SHS_UNLOCK_NO_UNDO);
}

/* Also the bound fits an int. */
int shs_semaphore_available(struct shs_object *semaphore)
{
	struct shs_ioc_op op = { .op = SHS_OP_LOAD };
	int ret;

	if (semaphore->kind != SHS_KIND_SEMAPHORE)
		return -EOPNOTSUPP;
	ret = shs_object_op(semaphore, &op);
	return ret < 0 ? ret : (int)op.result;
}
