// SPDX-License-Identifier: GPL-2.0-only
// Boost.Interprocess: mutex and upgradable mutex.
#include <boost/interprocess/sync/interprocess_mutex.hpp>
#include <boost/interprocess/sync/interprocess_upgradable_mutex.hpp>
#include <new>

#include "bench.h"
#include "peers.h"

using namespace boost::interprocess;

struct locked {
	interprocess_mutex mutex;
	interprocess_upgradable_mutex lock;
	alignas(64) volatile uint64_t value;
};

static const char *setup(void **state, long)
{
	*state = new (bench_shared(sizeof(locked))) locked();
	return nullptr;
}

// Boost throws on failure, which ends the program.
#define PEER(name, lock, unlock, look)					\
	extern "C" const char *boost_##name##_setup(void **state, long argument) \
	{								\
		return setup(state, argument);				\
	}								\
	extern "C" void boost_##name##_run(void *argument, unsigned long count) \
	{								\
		locked *state = static_cast<locked *>(argument);	\
									\
		for (unsigned long i = 0; i < count; i++) {		\
			lock;						\
			unlock;						\
			__asm__ volatile("" ::: "memory");		\
		}							\
	}								\
	extern "C" void boost_##name##_change(void *argument, unsigned long count) \
	{								\
		locked *state = static_cast<locked *>(argument);	\
									\
		for (unsigned long i = 0; i < count; i++) {		\
			lock;						\
			look;						\
			unlock;						\
			__asm__ volatile("" ::: "memory");		\
		}							\
	}								\
	extern "C" void boost_##name##_begin(void *argument)		\
	{								\
		locked *state = static_cast<locked *>(argument);	\
									\
		lock;							\
		look;							\
	}								\
	extern "C" void boost_##name##_end(void *argument)		\
	{								\
		locked *state = static_cast<locked *>(argument);	\
									\
		unlock;							\
	}

#define CHANGE	(state->value = state->value + 1)

PEER(mutex, state->mutex.lock(), state->mutex.unlock(), CHANGE)
PEER(sharable, state->lock.lock_sharable(), state->lock.unlock_sharable(), (void)state->value)
PEER(exclusive, state->lock.lock(), state->lock.unlock(), CHANGE)
PEER(upgradable, state->lock.lock_upgradable(), state->lock.unlock_upgradable(),
     (void)state->value)
