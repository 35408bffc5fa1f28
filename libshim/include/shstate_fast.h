/* SPDX-License-Identifier: LGPL-2.1-or-later OR MIT */
/*
 * The paths of libshstate that make no system call, for shstate.h. Each function here
 * does what it does in mapped memory, if it may and nobody contends, and else calls
 * the library's "_slow" function of the same meaning. For other languages the library
 * exports each under its own name.
 *
 * What user space may do alone is said in linux/shstate.h: of the word, of the lanes
 * and of the control region. The kernel repairs whatever a killed process leaves of
 * it, at any instruction.
 *
 * SHSTATE_NO_INLINE, defined before shstate.h, leaves them all to the library.
 */
#ifndef SHSTATE_FAST_H
#define SHSTATE_FAST_H

#include <errno.h>

/* What a handle's mode allows; 0 until it is attached, and in the child of a fork. */
#define SHS_FAST_LOCK	(1U << 0)	/* mutex: take and free the word */
#define SHS_FAST_READ	(1U << 1)	/* rwlock: read by a lane, end to write */
#define SHS_FAST_ADD	(1U << 2)	/* counter: add to a lane */
#define SHS_FAST_DONE	(1U << 3)	/* once: look at the state */
#define SHS_FAST_LOAD	(1U << 4)	/* cell: copy the published slot */
#define SHS_FAST_LOAD64	(1U << 5)	/* atomic of 64-bit numbers: load them */
#define SHS_FAST_ALL64	(1U << 6)	/* ... and operate on them */

/*
 * This thread, as the library knows it. In the child of a fork it is that of the parent
 * until a handle's mode allows to take a word there.
 */
struct shs_self {
	uint32_t tid;		/* 0: it does not know it yet */
	uint32_t lane;		/* of its own, in whatever has one for it ... */
	uint64_t bit;		/* ... of that number, or 0: it has none */
};

extern __thread struct shs_self shs_self __attribute__((tls_model("initial-exec")));

/* For the library's own tests, which kill at each. */
#ifndef SHS_STEP
#define SHS_STEP(name) ((void)0)
#define SHS_NO_STEPS
#endif

/*
 * Never emitted where it is included, so that an address or an unoptimised call is the
 * library's. There both are defined otherwise.
 */
#ifndef SHS_INLINE
#define SHS_INLINE extern inline __attribute__((gnu_inline))
#define SHS_HELPER extern inline __attribute__((gnu_inline, always_inline))
#endif

SHS_HELPER int shs_is_fast(const struct shs_object *object, uint32_t path)
{
	return !!(__atomic_load_n(__atomic_load_n(&object->mode, __ATOMIC_RELAXED),
				  __ATOMIC_ACQUIRE) & path);
}

/* After an atomic addition or subtraction, which on x86 is a full fence already. */
SHS_HELPER void shs_full_fence(void)
{
#if !defined(__x86_64__) && !defined(__i386__)
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
#endif
}

/* Once its lane is marked as in use; the library never marks the last, which is shared. */
SHS_HELPER int shs_has_lane(const struct shs_object *object)
{
	const struct shs_private *head = (const struct shs_private *)object->lanes;

	return !!(__atomic_load_n(&head->used, __ATOMIC_RELAXED) & shs_self.bit);
}

SHS_HELPER uint64_t *shs_lane_at(const struct shs_object *object, uint32_t lane)
{
	return (uint64_t *)(void *)((char *)object->lanes + SHS_LANES_OFFSET +
				    (size_t)lane * object->lane_stride);
}

/* ----------------------------------------------------------------- mutex -- */

int shs_mutex_lock_slow(struct shs_object *mutex);
int shs_mutex_try_lock_slow(struct shs_object *mutex);
int shs_mutex_unlock_slow(struct shs_object *mutex);

/*
 * 1: it is taken. The word is the first of the shared region. Of a thread that is not
 * known the library would not see that it ends.
 */
SHS_HELPER int shs_take_word(struct shs_object *object)
{
	uint32_t none = 0, tid = shs_self.tid;

	if (!tid)
		return 0;
	SHS_STEP("word: take");
	if (!__atomic_compare_exchange_n((uint32_t *)object->shared, &none, object->id, 0,
					 __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
		return 0;
	SHS_STEP("word: taken");
	__atomic_store_n(&object->holder, tid, __ATOMIC_RELAXED);
	SHS_STEP("word: noted");
	return 1;
}

/* 1: it is free. Whatever comes of it: if it is not, it was not held or is contended. */
SHS_HELPER int shs_free_word(struct shs_object *object)
{
	uint32_t id = object->id;

	SHS_STEP("word: free");
	__atomic_store_n(&object->holder, 0, __ATOMIC_RELAXED);
	SHS_STEP("word: no more noted");
	return __atomic_compare_exchange_n((uint32_t *)object->shared, &id, 0, 0,
					   __ATOMIC_RELEASE, __ATOMIC_RELAXED);
}

SHS_INLINE int shs_mutex_lock(struct shs_object *mutex)
{
	if (shs_is_fast(mutex, SHS_FAST_LOCK) && shs_take_word(mutex))
		return 0;
	return shs_mutex_lock_slow(mutex);
}

SHS_INLINE int shs_mutex_try_lock(struct shs_object *mutex)
{
	if (shs_is_fast(mutex, SHS_FAST_LOCK) && shs_take_word(mutex))
		return 0;
	return shs_mutex_try_lock_slow(mutex);
}

SHS_INLINE int shs_mutex_unlock(struct shs_object *mutex)
{
	if (shs_is_fast(mutex, SHS_FAST_LOCK) && shs_free_word(mutex))
		return 0;
	return shs_mutex_unlock_slow(mutex);
}

/* ---------------------------------------------------------------- rwlock -- */

int shs_rwlock_read_slow(struct shs_object *rwlock, uint32_t *lane);
int shs_rwlock_try_read_slow(struct shs_object *rwlock, uint32_t *lane);
int shs_rwlock_read_unlock_slow(struct shs_object *rwlock, uint32_t lane);
int shs_rwlock_read_returned(struct shs_object *rwlock, uint32_t lane);

SHS_HELPER const struct shs_control *shs_control_of(const struct shs_object *object)
{
	return (const struct shs_control *)object->control;
}

SHS_HELPER int shs_lanes_are_open(const struct shs_object *rwlock)
{
	return __atomic_load_n(&shs_control_of(rwlock)->bias, __ATOMIC_ACQUIRE);
}

/*
 * 1: reads, by its lane. Who is not let in has been in the lane for a moment, in which
 * a writer may have begun to wait for it: he is served by the call that follows.
 */
SHS_HELPER int shs_enter_lane(struct shs_object *rwlock, uint32_t *lane)
{
	uint64_t *count;

	if (!shs_has_lane(rwlock) || !shs_lanes_are_open(rwlock))
		return 0;
	count = shs_lane_at(rwlock, shs_self.lane);
	SHS_STEP("lane: enter");
	__atomic_fetch_add(count, 1, __ATOMIC_SEQ_CST);
	shs_full_fence();
	SHS_STEP("lane: counted");
	if (shs_lanes_are_open(rwlock)) {
		*lane = shs_self.lane;
		return 1;
	}
	__atomic_fetch_sub(count, 1, __ATOMIC_RELEASE);
	SHS_STEP("lane: not let in");
	return 0;
}

SHS_INLINE int shs_rwlock_read(struct shs_object *rwlock, uint32_t *lane)
{
	if (shs_is_fast(rwlock, SHS_FAST_READ) && shs_enter_lane(rwlock, lane))
		return 0;
	return shs_rwlock_read_slow(rwlock, lane);
}

SHS_INLINE int shs_rwlock_try_read(struct shs_object *rwlock, uint32_t *lane)
{
	if (shs_is_fast(rwlock, SHS_FAST_READ) && shs_enter_lane(rwlock, lane))
		return 0;
	return shs_rwlock_try_read_slow(rwlock, lane);
}

SHS_INLINE int shs_rwlock_read_unlock(struct shs_object *rwlock, uint32_t lane)
{
	uint64_t *count;

	if (!shs_is_fast(rwlock, SHS_FAST_READ) || lane >= rwlock->lane_count ||
	    !shs_lanes_are_open(rwlock))
		return shs_rwlock_read_unlock_slow(rwlock, lane);
	count = shs_lane_at(rwlock, lane);
	if (!__atomic_load_n(count, __ATOMIC_RELAXED))
		return shs_rwlock_read_unlock_slow(rwlock, lane);
	SHS_STEP("lane: leave");
	__atomic_fetch_sub(count, 1, __ATOMIC_SEQ_CST);
	shs_full_fence();
	SHS_STEP("lane: left");
	if (__atomic_load_n(&shs_control_of(rwlock)->wpending, __ATOMIC_RELAXED))
		return shs_rwlock_read_returned(rwlock, lane);
	return 0;
}

int shs_rwlock_write_unlock_slow(struct shs_object *rwlock);
int shs_rwlock_downgrade_slow(struct shs_object *rwlock, uint32_t *lane);

SHS_HELPER uint32_t *shs_writes_of(const struct shs_object *rwlock)
{
	return &((struct shs_private *)rwlock->lanes)->writes;
}

/* 1: it has ended. If not, it was not held for writing, or that takes a call. */
SHS_HELPER int shs_end_writing(struct shs_object *rwlock)
{
	uint32_t writes = SHS_WRITES;

	SHS_STEP("write: end");
	__atomic_store_n(&rwlock->holder, 0, __ATOMIC_RELAXED);
	SHS_STEP("write: no more noted");
	return __atomic_compare_exchange_n(shs_writes_of(rwlock), &writes, 0, 0,
					   __ATOMIC_RELEASE, __ATOMIC_RELAXED);
}

SHS_INLINE int shs_rwlock_write_unlock(struct shs_object *rwlock)
{
	if (shs_is_fast(rwlock, SHS_FAST_READ) && shs_end_writing(rwlock))
		return 0;
	return shs_rwlock_write_unlock_slow(rwlock);
}

/* A reader before he ends to write: nobody gets in between. */
SHS_INLINE int shs_rwlock_downgrade(struct shs_object *rwlock, uint32_t *lane)
{
	uint32_t holder;
	uint64_t *count;

	if (!shs_is_fast(rwlock, SHS_FAST_READ) || !shs_has_lane(rwlock) ||
	    __atomic_load_n(shs_writes_of(rwlock), __ATOMIC_RELAXED) != SHS_WRITES)
		return shs_rwlock_downgrade_slow(rwlock, lane);
	holder = __atomic_load_n(&rwlock->holder, __ATOMIC_RELAXED);
	count = shs_lane_at(rwlock, shs_self.lane);
	SHS_STEP("downgrade: enter");
	__atomic_fetch_add(count, 1, __ATOMIC_RELAXED);
	SHS_STEP("downgrade: counted");
	if (shs_end_writing(rwlock)) {
		*lane = shs_self.lane;
		return 0;
	}
	__atomic_store_n(&rwlock->holder, holder, __ATOMIC_RELAXED);
	__atomic_fetch_sub(count, 1, __ATOMIC_RELAXED);
	SHS_STEP("downgrade: not counted");
	return shs_rwlock_downgrade_slow(rwlock, lane);
}

/* --------------------------------------------- values that are waited for -- */

void shs_changed_slow(struct shs_object *object, uint32_t index);

/*
 * After each change by memory, in the order of the program alone: the kernel makes up for
 * what a processor looks at too early, see linux/shstate.h.
 */
SHS_HELPER void shs_tell_of_change(struct shs_object *object, uint32_t index)
{
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	SHS_STEP("changed");
	if (__builtin_expect(__atomic_load_n(&shs_control_of(object)->awaited,
					     __ATOMIC_RELAXED), 0))
		shs_changed_slow(object, index);
}

/* --------------------------------------------------------------- counter -- */

int shs_counter_add_slow(struct shs_object *counter, uint32_t index, int64_t value);

/*
 * The lane is this thread's alone, but a signal handler of it may come in between: one
 * instruction, or one atomic operation.
 */
SHS_HELPER void shs_add_to_own(int64_t *element, int64_t value)
{
#ifdef __x86_64__
	__asm__ volatile("addq %1, %0" : "+m" (*element) : "er" (value) : "cc");
#else
	__atomic_fetch_add(element, value, __ATOMIC_RELAXED);
#endif
}

SHS_INLINE int shs_counter_add(struct shs_object *counter, uint32_t index, int64_t value)
{
	if (shs_is_fast(counter, SHS_FAST_ADD) && shs_has_lane(counter) &&
	    index < counter->count) {
		shs_add_to_own((int64_t *)shs_lane_at(counter, shs_self.lane) + index,
			       value);
		shs_tell_of_change(counter, index);
		return 0;
	}
	return shs_counter_add_slow(counter, index, value);
}

/* ---------------------------------------------------------------- atomic -- */

/* Narrower ones, bad orders and indices, and what no instruction does are left to these. */
int shs_atomic_load_slow(struct shs_object *atomic, uint32_t index, int order, int64_t *value);
int shs_atomic_store_slow(struct shs_object *atomic, uint32_t index, int64_t value, int order);
int shs_atomic_swap_slow(struct shs_object *atomic, uint32_t index, int64_t value, int order,
			 int64_t *old);
int shs_atomic_compare_exchange_slow(struct shs_object *atomic, uint32_t index,
				     int64_t *expected, int64_t desired, int success,
				     int failure);
int shs_atomic_fetch_add_slow(struct shs_object *atomic, uint32_t index, int64_t value,
			      int order, int64_t *old);
int shs_atomic_fetch_sub_slow(struct shs_object *atomic, uint32_t index, int64_t value,
			      int order, int64_t *old);
int shs_atomic_fetch_and_slow(struct shs_object *atomic, uint32_t index, int64_t value,
			      int order, int64_t *old);
int shs_atomic_fetch_or_slow(struct shs_object *atomic, uint32_t index, int64_t value,
			     int order, int64_t *old);
int shs_atomic_fetch_xor_slow(struct shs_object *atomic, uint32_t index, int64_t value,
			      int order, int64_t *old);

SHS_HELPER int shs_may_operate(const struct shs_object *atomic, uint32_t index, int order)
{
	return shs_is_fast(atomic, SHS_FAST_ALL64) && index < atomic->count &&
	       (unsigned int)order <= SHS_ACQ_REL;
}

SHS_HELPER int64_t *shs_element_at(const struct shs_object *atomic, uint32_t index)
{
	return (int64_t *)(void *)((char *)atomic->shared + SHS_VALUE_OFFSET) + index;
}

SHS_INLINE int shs_atomic_load(struct shs_object *atomic, uint32_t index, int order,
			       int64_t *value)
{
	if (!shs_is_fast(atomic, SHS_FAST_LOAD64) || index >= atomic->count ||
	    (unsigned int)order > SHS_ACQUIRE)
		return shs_atomic_load_slow(atomic, index, order, value);
	*value = __atomic_load_n(shs_element_at(atomic, index), __ATOMIC_SEQ_CST);
	return 0;
}

SHS_INLINE int shs_atomic_store(struct shs_object *atomic, uint32_t index, int64_t value,
				int order)
{
	if (!shs_may_operate(atomic, index, order) || order == SHS_ACQUIRE ||
	    order == SHS_ACQ_REL)
		return shs_atomic_store_slow(atomic, index, value, order);
	if (order == SHS_SEQ_CST)
		__atomic_store_n(shs_element_at(atomic, index), value, __ATOMIC_SEQ_CST);
	else
		__atomic_store_n(shs_element_at(atomic, index), value, __ATOMIC_RELEASE);
	shs_tell_of_change(atomic, index);
	return 0;
}

SHS_INLINE int shs_atomic_compare_exchange(struct shs_object *atomic, uint32_t index,
					   int64_t *expected, int64_t desired, int success,
					   int failure)
{
	if (!shs_may_operate(atomic, index, success) || (unsigned int)failure > SHS_ACQUIRE)
		return shs_atomic_compare_exchange_slow(atomic, index, expected, desired,
							success, failure);
	if (!__atomic_compare_exchange_n(shs_element_at(atomic, index), expected, desired, 0,
					 __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
		return -EREMCHG;
	shs_tell_of_change(atomic, index);
	return 0;
}

/* In the strongest order, which does for all. */
#define SHS_FETCH(name, operation)							\
SHS_INLINE int shs_atomic_##name(struct shs_object *atomic, uint32_t index, int64_t value, \
				 int order, int64_t *old)				\
{											\
	int64_t was;									\
											\
	if (!shs_may_operate(atomic, index, order))					\
		return shs_atomic_##name##_slow(atomic, index, value, order, old);	\
	was = operation(shs_element_at(atomic, index), value, __ATOMIC_SEQ_CST);	\
	shs_tell_of_change(atomic, index);						\
	if (old)									\
		*old = was;								\
	return 0;									\
}

SHS_FETCH(swap, __atomic_exchange_n)
SHS_FETCH(fetch_add, __atomic_fetch_add)
SHS_FETCH(fetch_sub, __atomic_fetch_sub)
SHS_FETCH(fetch_and, __atomic_fetch_and)
SHS_FETCH(fetch_or, __atomic_fetch_or)
SHS_FETCH(fetch_xor, __atomic_fetch_xor)

#undef SHS_FETCH

/* ------------------------------------------------------------------ once -- */

/* 1: done, and what the initialiser wrote is seen; 0: ask shs_once_state(). */
SHS_INLINE int shs_once_is_done(const struct shs_object *once)
{
	return shs_is_fast(once, SHS_FAST_DONE) &&
	       __atomic_load_n(&shs_control_of(once)->once, __ATOMIC_ACQUIRE) == SHS_ONCE_DONE;
}

/* ------------------------------------------------------------------ cell -- */

int shs_cell_load_slow(struct shs_object *cell, void *value, size_t size);

#define SHS_LOAD_TRIES	64

/* What others write meanwhile is copied too, and then not taken for the value. */
SHS_INLINE int shs_cell_load(struct shs_object *cell, void *value, size_t size)
{
	const struct shs_shared *shared;
	uint64_t sequence;
	int i;

	if (!shs_is_fast(cell, SHS_FAST_LOAD) || size != cell->size)
		return shs_cell_load_slow(cell, value, size);
	shared = (const struct shs_shared *)cell->shared;
	for (i = 0; i < SHS_LOAD_TRIES; i++) {
		sequence = __atomic_load_n(&shared->sequence, __ATOMIC_ACQUIRE);
		__builtin_memcpy(value, (const char *)shared + SHS_VALUE_OFFSET +
				 (sequence & 1) * cell->slot_stride, size);
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		if (__atomic_load_n(&shared->sequence, __ATOMIC_RELAXED) == sequence)
			return 0;
	}
	return shs_cell_load_slow(cell, value, size);
}

#undef SHS_INLINE
#undef SHS_HELPER
#ifdef SHS_NO_STEPS
#undef SHS_NO_STEPS
#undef SHS_STEP
#endif

#endif /* SHSTATE_FAST_H */
