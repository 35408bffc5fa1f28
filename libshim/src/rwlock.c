// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
#include <errno.h>

#include "internal.h"

/*
 * Threads are numbered as they come, so that neighbours in number count themselves
 * in different lanes, that is in different cache lines.
 */
static uint32_t thread_number(void)
{
	static _Atomic uint32_t last;
	static _Thread_local uint32_t number;

	if (!number)
		number = atomic_fetch_add_explicit(&last, 1, memory_order_relaxed) + 1;
	return number;
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
	*lane = rwlock->lane_count ? thread_number() % rwlock->lane_count : 0;
	return shs_lock(rwlock, SHS_MODE_READ, flags, *lane, deadline);
}

int shs_rwlock_read(struct shs_object *rwlock, uint32_t *lane)
{
	return read_lock(rwlock, lane, 0, shs_deadline_never());
}

int shs_rwlock_try_read(struct shs_object *rwlock, uint32_t *lane)
{
	return read_lock(rwlock, lane, SHS_LOCK_NOWAIT, shs_deadline_never());
}

int shs_rwlock_read_until(struct shs_object *rwlock, uint32_t *lane,
			  struct shs_deadline deadline)
{
	return read_lock(rwlock, lane, 0, deadline);
}

int shs_rwlock_read_unlock(struct shs_object *rwlock, uint32_t lane)
{
	if (rwlock->kind != SHS_KIND_RWLOCK)
		return -EOPNOTSUPP;
	return shs_unlock(rwlock, SHS_MODE_READ, lane);
}

static int write_lock(struct shs_object *rwlock, uint32_t flags, struct shs_deadline deadline)
{
	if (rwlock->kind != SHS_KIND_RWLOCK)
		return -EOPNOTSUPP;
	return shs_lock(rwlock, SHS_MODE_EXCLUSIVE, flags, 0, deadline);
}

int shs_rwlock_write(struct shs_object *rwlock)
{
	return write_lock(rwlock, 0, shs_deadline_never());
}

int shs_rwlock_try_write(struct shs_object *rwlock)
{
	return write_lock(rwlock, SHS_LOCK_NOWAIT, shs_deadline_never());
}

int shs_rwlock_write_until(struct shs_object *rwlock, struct shs_deadline deadline)
{
	return write_lock(rwlock, 0, deadline);
}

int shs_rwlock_write_unlock(struct shs_object *rwlock)
{
	if (rwlock->kind != SHS_KIND_RWLOCK)
		return -EOPNOTSUPP;
	return shs_unlock(rwlock, SHS_MODE_EXCLUSIVE, 0);
}

void *shs_rwlock_value(const struct shs_object *rwlock)
{
	return rwlock->value;
}
