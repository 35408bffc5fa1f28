// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
/*
 * Threads: the kernel repairs what a process held when it ends, the library what a
 * thread held, for to the kernel a lock is the process's.
 *
 * Who holds is written down where the lock is, not in the thread, since another
 * thread may release it and its handle may be closed:
 *
 *   exclusive, upgradable	holder[mode] in the handle: thread id. Stored after the
 *				kernel granted, cleared before it is asked to release,
 *				so that only what is held is ever marked. depth counts
 *				a recursive mutex; it is the holder's own, for no other
 *				thread may unlock that. A once that is being run is held
 *				as exclusive.
 *   read			the lane. A thread that has a number has the lane of that
 *				number to itself, in every attachment, until it ends; its
 *				slot of the private region says so to the kernel. Threads
 *				that came too late for a number share the last lane.
 */
#include <errno.h>
#include <pthread.h>
#include <unistd.h>

#include "internal.h"

#define NUMBERS 64	/* of lanes there are not more */

static pthread_key_t end_key;
static _Atomic int has_end_key;
static _Atomic uint64_t taken;	/* a bit for each number that a living thread has */

static _Thread_local struct {
	int number;		/* from 1 on; 0: not asked for yet; -1: there was none */
	int watched;		/* end_key is set */
} self;

static int take_number(void)
{
	uint64_t old = atomic_load_explicit(&taken, memory_order_relaxed);
	int bit;

	do {
		if (!~old)
			return -1;
		bit = __builtin_ctzll(~old);
	} while (!atomic_compare_exchange_weak(&taken, &old, old | UINT64_C(1) << bit));
	return bit + 1;
}

/* The lane of this thread's own, or -1; lanes is how many the attachment has. */
static int own_lane(uint32_t lanes)
{
	return self.number > 0 && (uint32_t)self.number < lanes ? self.number - 1 : -1;
}

static struct shs_thread *slot_of(const struct handle *handle, uint32_t lane)
{
	struct shs_thread *slots;

	if (!handle->object.lanes || lane >= handle->layout.threads)
		return NULL;
	slots = (void *)((char *)handle->object.lanes + handle->layout.threads_offset);
	return slots + lane;
}

static void write_slot(const struct handle *handle, uint32_t lane)
{
	struct shs_thread *slot = slot_of(handle, lane);
	uint32_t tid = gettid();

	if (!slot || slot->tid == tid)
		return;
	__atomic_store_n(&slot->lane, lane, __ATOMIC_RELAXED);
	SHS_STEP("slot half written");
	__atomic_store_n(&slot->tid, tid, __ATOMIC_RELAXED);
	SHS_STEP("slot written");
}

/*
 * A thread keeps its number for life: the kernel knows a recursive reader by the
 * lane, so a thread must not have two.
 */
uint32_t shs_thread_lane(const struct handle *handle)
{
	uint32_t lanes = handle->object.lane_count;
	int lane;

	if (!lanes)
		return 0;
	if (!self.number)
		self.number = take_number();
	lane = own_lane(lanes);
	return lane < 0 ? lanes - 1 : (uint32_t)lane;
}

/* So that end() runs for this thread; not needed by one that never held. */
static void watch(void)
{
	if (self.watched || !atomic_load_explicit(&has_end_key, memory_order_acquire))
		return;
	self.watched = !pthread_setspecific(end_key, &end_key);
}

static int is_recursive(const struct handle *handle)
{
	return handle->flags & SHS_INIT_RECURSIVE;
}

/* Its mark is only ever made and cleared by this thread, so there is no race. */
static int is_marked(const struct handle *handle, uint32_t mode)
{
	return atomic_load_explicit(&handle->holder[mode], memory_order_acquire) == gettid();
}

int shs_thread_holds(struct handle *handle, uint32_t mode)
{
	int lane;

	watch();
	if (mode != SHS_MODE_READ) {
		if (is_recursive(handle) && is_marked(handle, mode)) {
			handle->depth++;
			return 0;
		}
		handle->depth = 1;
		atomic_store_explicit(&handle->holder[mode], gettid(), memory_order_release);
		return 1;
	}
	/* Not before the kernel took the lock: till then the regions may be a parent's. */
	lane = own_lane(handle->object.lane_count);
	if (lane >= 0)
		write_slot(handle, lane);
	return 1;
}

pid_t shs_thread_abandons(struct handle *handle, uint32_t mode)
{
	if (mode == SHS_MODE_READ)
		return 0;
	if (is_recursive(handle) && !is_marked(handle, mode))
		return 0;	/* the kernel will refuse */
	return atomic_exchange_explicit(&handle->holder[mode], 0, memory_order_acq_rel);
}

pid_t shs_thread_releases(struct handle *handle, uint32_t mode)
{
	if (is_recursive(handle) && is_marked(handle, mode) && handle->depth > 1) {
		handle->depth--;
		return gettid();
	}
	return shs_thread_abandons(handle, mode);
}

/* Where the mark stands although this thread was about to take it off, depth went down. */
void shs_thread_holds_still(struct handle *handle, uint32_t mode, pid_t holder)
{
	pid_t none = 0;

	if (!holder)
		return;
	if (!atomic_compare_exchange_strong(&handle->holder[mode], &none, holder) &&
	    is_recursive(handle) && none == holder)
		handle->depth++;
}

/* Nobody is told of an initialiser that was given up: the next one runs it. */
static void give_up(struct handle *handle)
{
	struct shs_ioc_once request = { .size = sizeof(request), .cmd = SHS_ONCE_ABANDON };

	shs_restart_ioctl(handle->attachment, SHS_IOC_ONCE, &request);
}

static int release(struct handle *handle, uint32_t mode, uint32_t lane)
{
	struct shs_ioc_lock request = {
		.size = sizeof(request),
		.flags = mode == SHS_MODE_EXCLUSIVE ? SHS_UNLOCK_ABANDON : 0,
		.mode = mode,
		.lane = lane,
	};

	return shs_restart_ioctl(handle->attachment, SHS_IOC_UNLOCK, &request);
}

static void release_exclusive(struct handle *handle, uint32_t mode)
{
	pid_t tid = gettid();

	SHS_STEP("end: exclusive");
	if (!atomic_compare_exchange_strong(&handle->holder[mode], &tid, 0))
		return;
	if (handle->object.kind == SHS_KIND_ONCE)
		give_up(handle);
	else
		release(handle, mode, 0);
}

/* Its own lane counts this thread's read locks and nobody else's. */
static void release_reads(struct handle *handle)
{
	int lane = own_lane(handle->object.lane_count);
	struct shs_thread *slot;
	uint64_t *count;

	slot = lane < 0 ? NULL : slot_of(handle, lane);
	if (!slot || slot->tid != (uint32_t)gettid())
		return;
	count = (void *)((char *)handle->object.lanes +
			 (size_t)lane * handle->object.lane_stride);
	while (__atomic_load_n(count, __ATOMIC_RELAXED)) {
		if (release(handle, SHS_MODE_READ, lane) < 0)
			break;
	}
	SHS_STEP("end: reads");
	__atomic_store_n(&slot->tid, 0, __ATOMIC_RELAXED);
	SHS_STEP("end: slot given back");
}

static void release_all(struct handle *handle)
{
	release_exclusive(handle, SHS_MODE_EXCLUSIVE);
	release_exclusive(handle, SHS_MODE_UPGRADABLE);
	if (handle->object.kind == SHS_KIND_RWLOCK)
		release_reads(handle);
}

/* Destructors of other keys may lock again: then this comes again too. */
static void end(void *unused)
{
	(void)unused;
	self.watched = 0;
	SHS_STEP("end");
	shs_each_attached(release_all);
	SHS_STEP("end: all released");
	if (self.number > 0)
		atomic_fetch_and(&taken, ~(UINT64_C(1) << (self.number - 1)));
	self.number = 0;
	SHS_STEP("ended");
}

void shs_thread_start(void)
{
	if (!pthread_key_create(&end_key, end))
		atomic_store_explicit(&has_end_key, 1, memory_order_release);
}

/* Of all threads the child has the one that forked. */
void shs_thread_forked(void)
{
	atomic_store(&taken, self.number > 0 ? UINT64_C(1) << (self.number - 1) : 0);
}
