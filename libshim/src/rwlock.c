// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
#include <errno.h>

#include "internal.h"

static int lock(struct shs_object *rwlock, uint32_t mode, uint32_t flags,
		struct shs_deadline deadline)
{
	if (rwlock->kind != SHS_KIND_RWLOCK)
		return -EOPNOTSUPP;
	return shs_lock(rwlock, mode, flags, 0, deadline);
}

static int unlock(struct shs_object *rwlock, uint32_t mode, uint32_t lane)
{
	if (rwlock->kind != SHS_KIND_RWLOCK)
		return -EOPNOTSUPP;
	return shs_unlock(rwlock, mode, 0, lane);
}

static int read_lock(struct shs_object *rwlock, uint32_t *lane, uint32_t flags,
		     struct shs_deadline deadline)
{
	int ret;

	if (rwlock->kind != SHS_KIND_RWLOCK)
		return -EOPNOTSUPP;
	/* How many lanes there are is known once attached. */
	ret = shs_object_attach(rwlock);
	if (ret < 0)
		return ret;
	*lane = shs_thread_lane(to_handle(rwlock));
	SHS_STEP("lane chosen");
	if (deadline.clock <= SHS_CLOCK_BOOTTIME && shs_is_fast(rwlock, SHS_FAST_READ) &&
	    shs_enter_lane(rwlock, lane))
		return 0;
	shs_thread_name_lane(to_handle(rwlock), *lane);
	return shs_lock(rwlock, SHS_MODE_READ, flags, *lane, deadline);
}

int shs_rwlock_read_slow(struct shs_object *rwlock, uint32_t *lane)
{
	return read_lock(rwlock, lane, 0, shs_deadline_never());
}

int shs_rwlock_try_read_slow(struct shs_object *rwlock, uint32_t *lane)
{
	return read_lock(rwlock, lane, SHS_LOCK_NOWAIT, shs_deadline_never());
}

int shs_rwlock_read_until(struct shs_object *rwlock, uint32_t *lane,
			  struct shs_deadline deadline)
{
	return read_lock(rwlock, lane, 0, deadline);
}

int shs_rwlock_read_recursive(struct shs_object *rwlock, uint32_t *lane)
{
	return read_lock(rwlock, lane, SHS_LOCK_RECURSIVE, shs_deadline_never());
}

int shs_rwlock_try_read_recursive(struct shs_object *rwlock, uint32_t *lane)
{
	return read_lock(rwlock, lane, SHS_LOCK_RECURSIVE | SHS_LOCK_NOWAIT,
			 shs_deadline_never());
}

int shs_rwlock_read_recursive_until(struct shs_object *rwlock, uint32_t *lane,
				    struct shs_deadline deadline)
{
	return read_lock(rwlock, lane, SHS_LOCK_RECURSIVE, deadline);
}

int shs_rwlock_read_unlock_slow(struct shs_object *rwlock, uint32_t lane)
{
	return unlock(rwlock, SHS_MODE_READ, lane);
}

/* What the reader gave back may be all that the head of the queue waits for. */
int shs_rwlock_read_returned(struct shs_object *rwlock, uint32_t lane)
{
	return shs_unlock(rwlock, SHS_MODE_READ, SHS_UNLOCK_RETURNED, lane);
}

int shs_rwlock_write(struct shs_object *rwlock)
{
	return lock(rwlock, SHS_MODE_EXCLUSIVE, 0, shs_deadline_never());
}

int shs_rwlock_try_write(struct shs_object *rwlock)
{
	return lock(rwlock, SHS_MODE_EXCLUSIVE, SHS_LOCK_NOWAIT, shs_deadline_never());
}

int shs_rwlock_write_until(struct shs_object *rwlock, struct shs_deadline deadline)
{
	return lock(rwlock, SHS_MODE_EXCLUSIVE, 0, deadline);
}

int shs_rwlock_write_unlock_slow(struct shs_object *rwlock)
{
	return unlock(rwlock, SHS_MODE_EXCLUSIVE, 0);
}

int shs_rwlock_upgradable(struct shs_object *rwlock)
{
	return lock(rwlock, SHS_MODE_UPGRADABLE, 0, shs_deadline_never());
}

int shs_rwlock_try_upgradable(struct shs_object *rwlock)
{
	return lock(rwlock, SHS_MODE_UPGRADABLE, SHS_LOCK_NOWAIT, shs_deadline_never());
}

int shs_rwlock_upgradable_until(struct shs_object *rwlock, struct shs_deadline deadline)
{
	return lock(rwlock, SHS_MODE_UPGRADABLE, 0, deadline);
}

int shs_rwlock_upgradable_unlock(struct shs_object *rwlock)
{
	return unlock(rwlock, SHS_MODE_UPGRADABLE, 0);
}

/* The thread that writes now is the one that could upgrade. */
static int upgrade(struct shs_object *rwlock, uint32_t flags, struct shs_deadline deadline)
{
	struct shs_ioc_convert request = {
		.size = sizeof(request),
		.flags = flags,
		.from = SHS_MODE_UPGRADABLE,
		.to = SHS_MODE_EXCLUSIVE,
		.deadline = deadline.ns,
		.clock = deadline.clock,
	};
	int ret;

	if (rwlock->kind != SHS_KIND_RWLOCK)
		return -EOPNOTSUPP;
	if (deadline.clock > SHS_CLOCK_BOOTTIME)
		return -EINVAL;
	SHS_STEP("upgrade");
	ret = shs_granted(rwlock, SHS_MODE_EXCLUSIVE,
			  rwlock->ops->owner_call(rwlock, SHS_IOC_CONVERT, &request));
	if (shs_is_held(ret))
		shs_thread_releases(to_handle(rwlock), SHS_MODE_UPGRADABLE);
	return ret;
}

int shs_rwlock_upgrade(struct shs_object *rwlock)
{
	return upgrade(rwlock, 0, shs_deadline_never());
}

int shs_rwlock_try_upgrade(struct shs_object *rwlock)
{
	return upgrade(rwlock, SHS_LOCK_NOWAIT, shs_deadline_never());
}

int shs_rwlock_upgrade_until(struct shs_object *rwlock, struct shs_deadline deadline)
{
	return upgrade(rwlock, 0, deadline);
}

/* Others may hold what from was as soon as the kernel has done it: forgotten before. */
int shs_convert(struct shs_object *rwlock, uint32_t from, uint32_t to, uint32_t *lane)
{
	struct shs_ioc_convert request = { .size = sizeof(request), .from = from, .to = to };
	pid_t holder;
	int ret;

	if (rwlock->kind != SHS_KIND_RWLOCK)
		return -EOPNOTSUPP;
	ret = shs_object_attach(rwlock);
	if (ret < 0)
		return ret;
	if (to == SHS_MODE_READ)
		request.lane = shs_thread_lane(to_handle(rwlock));
	SHS_STEP("downgrade");
	holder = shs_thread_releases(to_handle(rwlock), from);
	SHS_STEP("downgrade: noted");
	ret = rwlock->ops->owner_call(rwlock, SHS_IOC_CONVERT, &request);
	if (ret < 0) {
		if (ret != -ENXIO)
			shs_thread_holds_still(to_handle(rwlock), from, holder);
		return ret;
	}
	SHS_STEP("downgraded: not yet noted");
	shs_thread_holds(to_handle(rwlock), to);
	if (lane)
		*lane = request.lane;
	return 0;
}

int shs_rwlock_downgrade_slow(struct shs_object *rwlock, uint32_t *lane)
{
	return shs_convert(rwlock, SHS_MODE_EXCLUSIVE, SHS_MODE_READ, lane);
}

int shs_rwlock_downgrade_to_upgradable(struct shs_object *rwlock)
{
	return shs_convert(rwlock, SHS_MODE_EXCLUSIVE, SHS_MODE_UPGRADABLE, NULL);
}

int shs_rwlock_downgrade_upgradable(struct shs_object *rwlock, uint32_t *lane)
{
	return shs_convert(rwlock, SHS_MODE_UPGRADABLE, SHS_MODE_READ, lane);
}

void *shs_rwlock_value(const struct shs_object *rwlock)
{
	int writes = __atomic_load_n(&rwlock->holder, __ATOMIC_RELAXED) != 0;

	/* While one of this handle writes nobody of it reads. */
	return shs_value_for(rwlock, writes ? SHS_MODE_EXCLUSIVE : SHS_MODE_READ);
}
