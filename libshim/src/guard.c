// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
/* Locks that end with a scope. */
#include <errno.h>

#include "internal.h"

/* Who may write has value. */
static void set_mode(struct shs_guard *guard, uint32_t mode)
{
	guard->mode = mode;
	guard->value = NULL;
	if (mode == SHS_MODE_EXCLUSIVE)
		guard->value = shs_value_for(guard->object, mode);
	guard->view = shs_value_for(guard->object, SHS_MODE_READ);
}

static void set_empty(struct shs_guard *guard)
{
	guard->object = NULL;
	guard->value = NULL;
	guard->view = NULL;
}

static struct shs_guard guard(struct shs_object *object, uint32_t mode, int status)
{
	struct shs_guard guard = { .status = status };

	if (shs_is_held(status)) {
		guard.object = object;
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

int shs_guard_with_upgraded_until(struct shs_guard *guard,
				  void (*function)(struct shs_guard *guard, void *argument),
				  void *argument, struct shs_deadline deadline)
{
	int ret = shs_guard_upgrade_until(guard, deadline), back;

	if (!shs_is_held(ret))
		return ret;
	function(guard, argument);
	if (!guard->object || guard->mode != SHS_MODE_EXCLUSIVE)
		return ret;
	back = shs_guard_downgrade_to_upgradable(guard);
	return back < 0 ? back : ret;
}

int shs_guard_with_upgraded(struct shs_guard *guard,
			    void (*function)(struct shs_guard *guard, void *argument),
			    void *argument)
{
	return shs_guard_with_upgraded_until(guard, function, argument, shs_deadline_never());
}

int shs_guard_release(struct shs_guard *guard)
{
	struct shs_object *object = guard->object;

	if (!object)
		return 0;
	set_empty(guard);
	SHS_STEP("guard lets go");
	if (guard->mode == SHS_MODE_READ)
		return shs_rwlock_read_unlock(object, guard->lane);
	return shs_unlock(object, guard->mode, 0, guard->lane);
}

int shs_guard_abandon(struct shs_guard *guard)
{
	struct shs_object *object = guard->object;

	if (!object || guard->mode != SHS_MODE_EXCLUSIVE)
		return -EPERM;
	set_empty(guard);
	return shs_unlock(object, SHS_MODE_EXCLUSIVE, SHS_UNLOCK_ABANDON, 0);
}

int shs_guard_commit(struct shs_guard *guard)
{
	if (!guard->object || guard->mode != SHS_MODE_EXCLUSIVE)
		return -EPERM;
	return shs_commit(guard->object);
}

/* Gives way and comes back, with the value where it was. */
static int give_way(struct shs_guard *guard)
{
	uint32_t flags = guard->object->kind == SHS_KIND_MUTEX ? SHS_UNLOCK_FAIR : 0;
	struct shs_object *object = guard->object;
	const void *hidden = guard->value;
	int ret = shs_unlock(object, guard->mode, flags, guard->lane);

	if (ret < 0)
		return ret;
	if (guard->mode == SHS_MODE_READ)
		ret = shs_rwlock_read(object, &guard->lane);
	else
		ret = shs_lock(object, guard->mode, 0, 0, shs_deadline_never());
	guard->status = ret;
	if (!shs_is_held(ret)) {
		set_empty(guard);
		return ret;
	}
	if (guard->mode == SHS_MODE_EXCLUSIVE)
		shs_value_resume(to_handle(object), hidden);
	set_mode(guard, guard->mode);
	return ret;
}

int shs_guard_bump(struct shs_guard *guard)
{
	struct shs_ioc_info info;
	int ret;

	if (!guard->object)
		return -EPERM;
	ret = shs_object_info(guard->object, &info);
	return ret < 0 || !info.waiters ? ret : give_way(guard);
}

void shs_guard_drop(struct shs_guard *guard)
{
	shs_guard_release(guard);
}
