// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
/* What mutex and rwlock have in common. */
#include <errno.h>
#include <unistd.h>

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
	if (shs_is_held(status)) {
		shs_thread_holds(handle, mode);
		if (mode == SHS_MODE_EXCLUSIVE)
			shs_value_begin(handle);
	}
	SHS_STEP("locked");
	return status;
}

/* So long an owner who runs on another CPU may take for a few lines of code. */
#define SPINS		100

static int can_spin(void)
{
	static int cpus;	/* all find the same */

	if (!cpus)
		cpus = sysconf(_SC_NPROCESSORS_ONLN);
	return cpus > 1;
}

static void relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ volatile("isb");
#endif
}

/* The word of a mutex: 1, it is taken, after a while perhaps. Not past one who sleeps. */
static int take_word(struct shs_object *object, int may_spin)
{
	const uint32_t *word;
	uint32_t now;
	int i;

	if (!shs_is_fast(object, SHS_FAST_WORD))
		return 0;
	shs_thread_enter();
	if (!shs_self.tid)
		return 0;
	if (shs_take_word(object))
		return 1;
	word = object->shared;		/* there since the mode says so */
	for (i = 0; may_spin && i < SPINS && can_spin(); i++) {
		relax();
		now = __atomic_load_n(word, __ATOMIC_RELAXED);
		if (now & ~SHS_WORD_OWNER)
			return 0;
		if (!now && shs_take_word(object))
			return 1;
	}
	return 0;
}

static int lock_by_call(struct shs_object *object, uint32_t mode, uint32_t flags, uint32_t lane,
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

	return shs_granted(object, mode,
			   object->ops->owner_call(object, SHS_IOC_LOCK, &request));
}

int shs_lock(struct shs_object *object, uint32_t mode, uint32_t flags, uint32_t lane,
	     struct shs_deadline deadline)
{
	int ret;

	/* The clock of a deadline is wider than that of the request. */
	if (deadline.clock > SHS_CLOCK_BOOTTIME)
		return -EINVAL;
	if (mode == SHS_MODE_EXCLUSIVE) {
		if (take_word(object, !(flags & SHS_LOCK_NOWAIT))) {
			shs_value_begin(to_handle(object));
			return 0;
		}
		ret = shs_thread_holds_more(to_handle(object));
		if (ret)
			return ret < 0 ? ret : 0;
	}
	return lock_by_call(object, mode, flags, lane, deadline);
}

int shs_unlock(struct shs_object *object, uint32_t mode, uint32_t flags, uint32_t lane)
{
	struct shs_ioc_lock request = {
		.size = sizeof(request),
		.flags = flags,
		.mode = mode,
		.lane = lane,
	};

	if (mode == SHS_MODE_EXCLUSIVE && !(flags & SHS_UNLOCK_ABANDON)) {
		if (!flags && shs_is_fast(object, SHS_FAST_WORD) && shs_free_word(object))
			return 0;
		if (shs_thread_holds_less(to_handle(object)))
			return 0;
	}
	/* Whatever comes of it: if it is not released it was not held. */
	SHS_STEP("unlock");
	if (!(flags & SHS_UNLOCK_RETURNED))
		shs_thread_releases(to_handle(object), mode);
	SHS_STEP("unlock: noted");
	return object->ops->owner_call(object, SHS_IOC_UNLOCK, &request);
}
