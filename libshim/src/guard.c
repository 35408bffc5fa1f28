// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
/* Locks that end with a scope. */
#include <errno.h>

#include "internal.h"

/* Who may write has value. */
static void set_mode(struct shs_guard *guard, uint32_t mode)
{
	guard->mode = mode;
	guard->value = mode == SHS_MODE_EXCLUSIVE ? guard->object->value : NULL;
}

static struct shs_guard guard(struct shs_object *object, uint32_t mode, int status)
{
	struct shs_guard guard = { .status = status };

	if (shs_is_held(status)) {
		guard.object = object;
		guard.view = object->value;
		set_mode(&guard, mode);
	}
	return guard;
}

struct shs_guard shs_mutex_hold(struct shs_object *mutex)
{
	return shs_mutex_hold_until(mutex, shs_deadline_never());
}

struct shs_guard shs_mutex_hold_until(struct shs_object *mutex, struct shs_deadline deadline)
{
	return guard(mutex, SHS_MODE_EXCLUSIVE, shs_mutex_lock_until(mutex, deadline));
}

struct shs_guard shs_rwlock_hold_write(struct shs_object *rwlock)
{
	return shs_rwlock_hold_write_until(rwlock, shs_deadline_never());
}

struct shs_guard shs_rwlock_hold_write_until(struct shs_object *rwlock,
					     struct shs_deadline deadline)
{
	return guard(rwlock, SHS_MODE_EXCLUSIVE, shs_rwlock_write_until(rwlock, deadline));
}

struct shs_guard shs_rwlock_hold_upgradable(struct shs_object *rwlock)
{
	return shs_rwlock_hold_upgradable_until(rwlock, shs_deadline_never());
}

struct shs_guard shs_rwlock_hold_upgradable_until(struct shs_object *rwlock,
						  struct shs_deadline deadline)
{
	return guard(rwlock, SHS_MODE_UPGRADABLE, shs_rwlock_upgradable_until(rwlock, deadline));
}

struct shs_guard shs_rwlock_hold_read(struct shs_object *rwlock)
{
	return shs_rwlock_hold_read_until(rwlock, shs_deadline_never());
}

struct shs_guard shs_rwlock_hold_read_until(struct shs_object *rwlock,
					    struct shs_deadline deadline)
{
	uint32_t lane = 0;
	int status = shs_rwlock_read_until(rwlock, &lane, deadline);
	struct shs_guard result = guard(rwlock, SHS_MODE_READ, status);

	result.lane = lane;
	return result;
}

int shs_guard_upgrade_until(struct shs_guard *guard, struct shs_deadline deadline)
{
	int ret;

	if (!guard->object || guard->mode != SHS_MODE_UPGRADABLE)
		return -EPERM;
	ret = shs_rwlock_upgrade_until(guard->object, deadline);
	if (shs_is_held(ret))
		set_mode(guard, SHS_MODE_EXCLUSIVE);
	return ret;
}

int shs_guard_upgrade(struct shs_guard *guard)
{
	return shs_guard_upgrade_until(guard, shs_deadline_never());
}

static int weaken(struct shs_guard *guard, uint32_t to)
{
	int ret;

	if (!guard->object || guard->mode == to || guard->mode == SHS_MODE_READ)
		return -EPERM;
	ret = shs_convert(guard->object, guard->mode, to, &guard->lane);
	if (!ret)
		set_mode(guard, to);
	return ret;
}

int shs_guard_downgrade(struct shs_guard *guard)
{
	return weaken(guard, SHS_MODE_READ);
}

int shs_guard_downgrade_to_upgradable(struct shs_guard *guard)
{
	return weaken(guard, SHS_MODE_UPGRADABLE);
}

int shs_guard_release(struct shs_guard *guard)
{
	struct shs_object *object = guard->object;

	if (!object)
		return 0;
	guard->object = NULL;
	guard->value = NULL;
	guard->view = NULL;
	return shs_unlock(object, guard->mode, 0, guard->lane);
}

void shs_guard_drop(struct shs_guard *guard)
{
	shs_guard_release(guard);
}
