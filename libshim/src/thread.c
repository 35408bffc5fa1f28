// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
/*
 * Threads: the kernel repairs what a process held when it ends, the library what a
 * thread held, for to the kernel a lock is the process's.
 *
 * Who holds is written down where the lock is, not in the thread, since another
 * thread may release it and its handle may be closed:
 *
 *   exclusive, upgradable	in the handle, the thread's id. Stored after it was had,
 *				cleared before it is released, so that only what is held
 *				is ever marked. depth counts a recursive mutex, which
 *				the kernel locks once; it is the holder's own, for no
 *				other thread may unlock that. A once that is being run is
 *				held as exclusive.
 *   read			the lane. A thread that has a number has the lane of that
 *				number to itself, in every attachment, until it ends; its
 *				slot of the private region says so to the kernel. Threads
 *				that came too late for a number share the last lane.
 */
#include <errno.h>
#include <pthread.h>
#include <unistd.h>

#include "internal.h"

static pthread_key_t end_key;
static int has_end_key;
static _Atomic uint64_t taken;	/* a bit for each number that a living thread has */

static uint32_t nowhere;
uint32_t *shs_here = &nowhere;	/* the epoch, a word that every fork wipes */
static uint32_t last_epoch;	/* which is copied */

__thread struct shs_self shs_self;
static __thread uint32_t epoch __attribute__((tls_model("initial-exec")));	/* of tid */
static __thread int asked;	/* for a number */

static void take_number(void)
{
	uint64_t old = atomic_load_explicit(&taken, memory_order_relaxed), bit;

	do {
		bit = ~old & (old + 1);		/* the lowest that is free, or none */
		if (!bit)
			return;
	} while (!atomic_compare_exchange_weak(&taken, &old, old | bit));
	shs_self.lane = __builtin_ctzll(bit);
	__atomic_signal_fence(__ATOMIC_RELEASE);	/* a handler that finds bit finds lane */
	shs_self.bit = bit;
}

/* The lane of this thread's own, or -1; lanes is how many the attachment has. */
static int own_lane(uint32_t lanes)
{
	return shs_self.bit && shs_self.lane + 1 < lanes ? (int)shs_self.lane : -1;
}

static struct shs_thread *slot_of(const struct handle *handle, uint32_t lane)
{
	struct shs_thread *slots;

	if (!handle->object.lanes || lane >= handle->layout.threads)
		return NULL;
	slots = (void *)((char *)handle->object.lanes + handle->layout.threads_offset);
	return slots + lane;
}

static int is_known(void)
{
	return shs_self.tid && epoch == *shs_here;
}

static uint32_t this_thread(void)
{
	return is_known() ? shs_self.tid : (uint32_t)gettid();
}

static void write_slot(const struct handle *handle, uint32_t lane)
{
	struct shs_thread *slot = slot_of(handle, lane);
	uint32_t tid = this_thread();

	if (!slot || slot->tid == tid)
		return;
	__atomic_store_n(&slot->lane, lane, __ATOMIC_RELAXED);
	SHS_STEP("slot half written");
	__atomic_store_n(&slot->tid, tid, __ATOMIC_RELAXED);
	SHS_STEP("slot written");
}

/*
 * Makes this thread known, once the process is attached to something: so that end()
 * runs for it, and the fast paths do. (The key is among the first of a process, which
 * are set without an allocation; so this is async-signal-safe.)
 */
void shs_thread_enter(void)
{
	if (is_known())
		return;
	shs_self.tid = 0;
	if (!*shs_here || !has_end_key || pthread_setspecific(end_key, &end_key))
		return;
	epoch = *shs_here;
	shs_self.tid = gettid();
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
	shs_thread_enter();
	if (!asked) {
		asked = 1;
		take_number();
	}
	lane = own_lane(lanes);
	return lane < 0 ? lanes - 1 : (uint32_t)lane;
}

static void mark_lane(struct shs_private *head)
{
	if (__atomic_load_n(&head->used, __ATOMIC_RELAXED) & shs_self.bit)
		return;
	SHS_STEP("lane: mark");
	__atomic_fetch_or(&head->used, shs_self.bit, __ATOMIC_SEQ_CST);
	SHS_STEP("lane: marked");
}

/* From then on the kernel looks at this thread's lane, and the fast paths use it. */
void shs_thread_mark_lane(const struct handle *handle)
{
	if (shs_attached_here(handle) && own_lane(handle->object.lane_count) >= 0)
		mark_lane(handle->object.lanes);
}

/* So that the kernel knows a reader that would wait for itself. */
void shs_thread_name_lane(const struct handle *handle, uint32_t lane)
{
	int own = own_lane(handle->object.lane_count);

	if (own < 0 || (int)lane != own || !shs_attached_here(handle))
		return;
	write_slot(handle, lane);
	mark_lane(handle->object.lanes);
}

static uint32_t *mark(struct handle *handle, uint32_t mode)
{
	return mode == SHS_MODE_EXCLUSIVE ? &handle->object.holder : &handle->upgrader;
}

static int is_recursive(const struct handle *handle)
{
	return handle->flags & SHS_INIT_RECURSIVE;
}

/*
 * Its mark is only ever made and cleared by this thread, so there is no race. That of a
 * parent, whose number in another namespace may be the same, is not looked at.
 */
int shs_thread_is_holder(struct handle *handle)
{
	return shs_attached_here(handle) &&
	       __atomic_load_n(&handle->object.holder, __ATOMIC_ACQUIRE) == this_thread();
}

void shs_thread_holds(struct handle *handle, uint32_t mode)
{
	shs_thread_enter();
	if (mode == SHS_MODE_READ) {
		/* before the kernel took the lock the regions may be a parent's */
		shs_thread_name_lane(handle, own_lane(handle->object.lane_count));
		return;
	}
	handle->depth = 1;
	__atomic_store_n(mark(handle, mode), this_thread(), __ATOMIC_RELEASE);
}

/* One who holds it already, by SHS_INIT_RECURSIVE, holds it once more. */
int shs_thread_holds_more(struct handle *handle)
{
	if (!is_recursive(handle) || !shs_thread_is_holder(handle))
		return 0;
	if (handle->depth >= INT32_MAX)
		return -EOVERFLOW;
	handle->depth++;
	return 1;
}

/* One release would not free it. */
int shs_thread_is_nested(struct handle *handle)
{
	return is_recursive(handle) && shs_thread_is_holder(handle) && handle->depth > 1;
}

int shs_thread_holds_less(struct handle *handle)
{
	if (!shs_thread_is_nested(handle))
		return 0;
	handle->depth--;
	return 1;
}

pid_t shs_thread_releases(struct handle *handle, uint32_t mode)
{
	if (mode == SHS_MODE_READ)
		return 0;
	if (is_recursive(handle) && !shs_thread_is_holder(handle))
		return 0;	/* the kernel will refuse */
	return __atomic_exchange_n(mark(handle, mode), 0, __ATOMIC_ACQ_REL);
}

/* The mark stands although this thread was about to take it off. */
void shs_thread_holds_still(struct handle *handle, uint32_t mode, pid_t holder)
{
	uint32_t none = 0;

	if (holder)
		__atomic_compare_exchange_n(mark(handle, mode), &none, holder, 0,
					    __ATOMIC_RELEASE, __ATOMIC_RELAXED);
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
	uint32_t tid = gettid();

	SHS_STEP("end: exclusive");
	if (!__atomic_compare_exchange_n(mark(handle, mode), &tid, 0, 0, __ATOMIC_ACQ_REL,
					 __ATOMIC_RELAXED))
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
	if (!slot)
		return;
	count = shs_lane_at(&handle->object, lane);
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
	uint64_t bit;

	(void)unused;
	SHS_STEP("end");
	shs_each_attached(release_all);
	SHS_STEP("end: all released");
	bit = shs_self.bit;
	shs_self.bit = 0;
	atomic_fetch_and(&taken, ~bit);
	shs_self.tid = 0;
	__atomic_signal_fence(__ATOMIC_RELEASE);	/* a handler asks for no number before */
	asked = 0;
	SHS_STEP("ended");
}

int shs_thread_has_epochs(void)
{
	return shs_here != &nowhere;
}

/* No thread is known any more. */
void shs_thread_new_epoch(void)
{
	*shs_here = ++last_epoch;
}

void shs_thread_start(void)
{
	uint32_t *word;

	has_end_key = !pthread_key_create(&end_key, end);
	word = shs_word_new();
	if (!word)
		return;
	shs_here = word;
	shs_thread_new_epoch();
}

/* Of all threads the child has the one that forked, and it is known as before. */
void shs_thread_forked(void)
{
	int was_known = shs_self.tid && epoch == last_epoch;

	atomic_store(&taken, shs_self.bit);
	shs_self.tid = 0;
	if (!shs_thread_has_epochs())
		return;
	shs_thread_new_epoch();
	if (!was_known)
		return;
	epoch = last_epoch;
	shs_self.tid = gettid();
}
