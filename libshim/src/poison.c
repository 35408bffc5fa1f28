// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
/* What a death leaves behind in a mutex or rwlock, and how it ends. */
#include <errno.h>

#include "internal.h"

static int is_poisoned(const struct shs_object *object, uint32_t kind)
{
	struct shs_ioc_info info;
	int ret;

	if (object->kind != kind)
		return -EOPNOTSUPP;
	ret = shs_object_info(object, &info);
	return ret < 0 ? ret : !!(info.state & (SHS_STATE_OWNER_DIED | SHS_STATE_LOST));
}

static int consistent(struct shs_object *object, uint32_t kind)
{
	struct shs_ioc_recover request = { .size = sizeof(request) };

	if (object->kind != kind)
		return -EOPNOTSUPP;
	return object->ops->owner_call(object, SHS_IOC_RECOVER, &request);
}

/* To be told is enough where it is told once. */
static int clear(struct shs_object *object, uint32_t kind, struct shs_deadline deadline)
{
	int ret;

	if (object->kind != kind)
		return -EOPNOTSUPP;
	ret = shs_lock(object, SHS_MODE_EXCLUSIVE, 0, 0, deadline);
	if (!shs_is_held(ret))
		return ret;
	SHS_STEP("clear: locked");
	if (ret == -EOWNERDEAD && to_handle(object)->flags & SHS_INIT_STRICT)
		consistent(object, kind);
	SHS_STEP("clear: good again");
	return shs_unlock(object, SHS_MODE_EXCLUSIVE, 0, 0);
}

static int abandon(struct shs_object *object, uint32_t kind)
{
	if (object->kind != kind)
		return -EOPNOTSUPP;
	return shs_unlock(object, SHS_MODE_EXCLUSIVE, SHS_UNLOCK_ABANDON, 0);
}

int shs_mutex_is_poisoned(const struct shs_object *mutex)
{
	return is_poisoned(mutex, SHS_KIND_MUTEX);
}

int shs_rwlock_is_poisoned(const struct shs_object *rwlock)
{
	return is_poisoned(rwlock, SHS_KIND_RWLOCK);
}

int shs_mutex_consistent(struct shs_object *mutex)
{
	return consistent(mutex, SHS_KIND_MUTEX);
}

int shs_rwlock_consistent(struct shs_object *rwlock)
{
	return consistent(rwlock, SHS_KIND_RWLOCK);
}

int shs_mutex_clear_poison(struct shs_object *mutex)
{
	return clear(mutex, SHS_KIND_MUTEX, shs_deadline_never());
}

int shs_mutex_clear_poison_until(struct shs_object *mutex, struct shs_deadline deadline)
{
	return clear(mutex, SHS_KIND_MUTEX, deadline);
}

int shs_rwlock_clear_poison(struct shs_object *rwlock)
{
	return clear(rwlock, SHS_KIND_RWLOCK, shs_deadline_never());
}

int shs_rwlock_clear_poison_until(struct shs_object *rwlock, struct shs_deadline deadline)
{
	return clear(rwlock, SHS_KIND_RWLOCK, deadline);
}

int shs_mutex_abandon(struct shs_object *mutex)
{
	return abandon(mutex, SHS_KIND_MUTEX);
}

int shs_rwlock_abandon(struct shs_object *rwlock)
{
	return abandon(rwlock, SHS_KIND_RWLOCK);
}
