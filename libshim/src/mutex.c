// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
#include <errno.h>

#include "internal.h"

static int lock(struct shs_object *mutex, uint32_t flags, struct shs_deadline deadline)
{
	if (mutex->kind != SHS_KIND_MUTEX)
		return -EOPNOTSUPP;
	return shs_lock(mutex, SHS_MODE_EXCLUSIVE, flags, 0, deadline);
}

int shs_mutex_lock_slow(struct shs_object *mutex)
{
	return lock(mutex, 0, shs_deadline_never());
}

int shs_mutex_try_lock_slow(struct shs_object *mutex)
{
	return lock(mutex, SHS_LOCK_NOWAIT, shs_deadline_never());
}

int shs_mutex_lock_until(struct shs_object *mutex, struct shs_deadline deadline)
{
	return lock(mutex, 0, deadline);
}

int shs_mutex_unlock_slow(struct shs_object *mutex)
{
	if (mutex->kind != SHS_KIND_MUTEX)
		return -EOPNOTSUPP;
	return shs_unlock(mutex, SHS_MODE_EXCLUSIVE, 0, 0);
}

int shs_mutex_unlock_fair(struct shs_object *mutex)
{
	if (mutex->kind != SHS_KIND_MUTEX)
		return -EOPNOTSUPP;
	return shs_unlock(mutex, SHS_MODE_EXCLUSIVE, SHS_UNLOCK_FAIR, 0);
}

int shs_mutex_bump(struct shs_object *mutex)
{
	const void *hidden = shs_mutex_value(mutex);
	struct shs_ioc_info info;
	int ret = mutex->kind == SHS_KIND_MUTEX ? shs_object_info(mutex, &info) : -EOPNOTSUPP;

	if (ret < 0 || !info.waiters)
		return ret;
	ret = shs_mutex_unlock_fair(mutex);
	if (!ret)
		ret = shs_mutex_lock(mutex);
	if (shs_is_held(ret))
		shs_value_resume(to_handle(mutex), hidden);
	return ret;
}

int shs_mutex_is_owned_by_current_thread(const struct shs_object *mutex)
{
	return mutex->kind == SHS_KIND_MUTEX ? shs_thread_is_holder(to_handle(mutex)) : -EOPNOTSUPP;
}

void *shs_mutex_value(const struct shs_object *mutex)
{
	return shs_value_for(mutex, SHS_MODE_EXCLUSIVE);
}
