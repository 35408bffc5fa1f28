// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
/* Locks that end with a scope. */
#include "internal.h"

static struct shs_guard guard(struct shs_object *object, int status)
{
	struct shs_guard guard = { .status = status };

	if (shs_is_held(status)) {
		guard.object = object;
		guard.view = object->value;
	}
	return guard;
}

static struct shs_guard exclusive(struct shs_object *object, int status)
{
	struct shs_guard result = guard(object, status);

	if (result.object)
		result.value = object->value;
	return result;
}

struct shs_guard shs_mutex_hold(struct shs_object *mutex)
{
	return shs_mutex_hold_until(mutex, shs_deadline_never());
}

struct shs_guard shs_mutex_hold_until(struct shs_object *mutex, struct shs_deadline deadline)
{
	return exclusive(mutex, shs_mutex_lock_until(mutex, deadline));
}

struct shs_guard shs_rwlock_hold_write(struct shs_object *rwlock)
{
	return shs_rwlock_hold_write_until(rwlock, shs_deadline_never());
}

struct shs_guard shs_rwlock_hold_write_until(struct shs_object *rwlock,
					     struct shs_deadline deadline)
{
	return exclusive(rwlock, shs_rwlock_write_until(rwlock, deadline));
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
	struct shs_guard result = guard(rwlock, status);

	result.lane = lane;
	return result;
}

int shs_guard_release(struct shs_guard *guard)
{
	struct shs_object *object = guard->object;
	uint32_t mode = guard->value ? SHS_MODE_EXCLUSIVE : SHS_MODE_READ;

	if (!object)
		return 0;
	guard->object = NULL;
	guard->value = NULL;
	guard->view = NULL;
	return shs_unlock(object, mode, guard->lane);
}

void shs_guard_drop(struct shs_guard *guard)
{
	shs_guard_release(guard);
}
