// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
#include <errno.h>

#include "internal.h"

static int lock(struct shs_object *mutex, uint32_t flags, struct shs_deadline deadline)
{
	if (mutex->kind != SHS_KIND_MUTEX)
		return -EOPNOTSUPP;
	return shs_lock(mutex, SHS_MODE_EXCLUSIVE, flags, 0, deadline);
}

int shs_mutex_lock(struct shs_object *mutex)
{
	return lock(mutex, 0, shs_deadline_never());
}

int shs_mutex_try_lock(struct shs_object *mutex)
{
	return lock(mutex, SHS_LOCK_NOWAIT, shs_deadline_never());
}

int shs_mutex_lock_until(struct shs_object *mutex, struct shs_deadline deadline)
{
	return lock(mutex, 0, deadline);
}

int shs_mutex_unlock(struct shs_object *mutex)
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

void *shs_mutex_value(const struct shs_object *mutex)
{
	return mutex->value;
}
