// SPDX-License-Identifier: GPL-2.0-only
/*
 * How long after a wake-up does who sleeps run: from the moment before the one calls
 * until the other has returned. Each sample is one wake-up of a process that sleeps.
 */
#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/sem.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"
#include "ours.h"

struct meeting {
	union {
		pthread_mutex_t mutex;
		sem_t semaphore;
		uint32_t word;
		int fd;
	};
	pthread_cond_t condition;
	struct ours *object, *other;
	int flag;
};

struct wake_case {
	const char *peer;
	const char *(*setup)(struct meeting *meeting);
	void (*arm)(struct meeting *meeting);	/* by who will wake, before the other waits */
	void (*wait)(struct meeting *meeting);
	void (*wake)(struct meeting *meeting);
	void (*after)(struct meeting *meeting);	/* by who was woken */
};

static void must(int result)
{
	if (result)
		bench_die("a wake-up: %d", result);
}

/* --------------------------------------------------------------- shstate -- */

static const char *new_ours(struct ours **ours, uint32_t kind, uint32_t type)
{
	struct shs_spec spec = { .kind = kind, .type = type };

	return ours_new((void **)ours, &spec, OURS_FAST);
}

static const char *mutex_setup(struct meeting *meeting)
{
	return new_ours(&meeting->object, SHS_KIND_MUTEX, SHS_TYPE_NONE);
}

static void mutex_lock(struct meeting *meeting)
{
	must(shs_mutex_lock(meeting->object->object));
}

static void mutex_unlock(struct meeting *meeting)
{
	must(shs_mutex_unlock(meeting->object->object));
}

static const char *condvar_setup(struct meeting *meeting)
{
	const char *why = new_ours(&meeting->object, SHS_KIND_MUTEX, SHS_TYPE_NONE);

	return why ?: new_ours(&meeting->other, SHS_KIND_CONDVAR, SHS_TYPE_NONE);
}

static void condvar_wait(struct meeting *meeting)
{
	mutex_lock(meeting);
	while (!meeting->flag)
		must(shs_condvar_wait(meeting->other->object, meeting->object->object));
	meeting->flag = 0;
	mutex_unlock(meeting);
}

static void condvar_wake(struct meeting *meeting)
{
	mutex_lock(meeting);
	meeting->flag = 1;
	mutex_unlock(meeting);
	must(shs_condvar_notify_one(meeting->other->object) != 1);
}

static const char *atomic_setup(struct meeting *meeting)
{
	return new_ours(&meeting->object, SHS_KIND_ATOMIC, SHS_TYPE_U32);
}

static void atomic_arm(struct meeting *meeting)
{
	must(shs_atomic_store(meeting->object->object, 0, 0, SHS_SEQ_CST));
}

static void atomic_wait(struct meeting *meeting)
{
	must(shs_atomic_wait(meeting->object->object, 0, 0, SHS_SEQ_CST));
}

static void atomic_wake(struct meeting *meeting)
{
	must(shs_atomic_store(meeting->object->object, 0, 1, SHS_SEQ_CST));
	must(shs_atomic_notify_one(meeting->object->object, 0) != 1);
}

/* ---------------------------------------------------------------- others -- */

static const char *pthread_setup(struct meeting *meeting)
{
	pthread_mutexattr_t mutex;
	pthread_condattr_t condition;

	pthread_mutexattr_init(&mutex);
	pthread_mutexattr_setpshared(&mutex, PTHREAD_PROCESS_SHARED);
	pthread_mutexattr_setrobust(&mutex, PTHREAD_MUTEX_ROBUST);
	pthread_mutex_init(&meeting->mutex, &mutex);
	pthread_condattr_init(&condition);
	pthread_condattr_setpshared(&condition, PTHREAD_PROCESS_SHARED);
	pthread_cond_init(&meeting->condition, &condition);
	return NULL;
}

static void pthread_lock(struct meeting *meeting)
{
	must(pthread_mutex_lock(&meeting->mutex));
}

static void pthread_unlock(struct meeting *meeting)
{
	must(pthread_mutex_unlock(&meeting->mutex));
}

static void pthread_wait(struct meeting *meeting)
{
	pthread_lock(meeting);
	while (!meeting->flag)
		must(pthread_cond_wait(&meeting->condition, &meeting->mutex));
	meeting->flag = 0;
	pthread_unlock(meeting);
}

static void pthread_wake(struct meeting *meeting)
{
	pthread_lock(meeting);
	meeting->flag = 1;
	pthread_unlock(meeting);
	must(pthread_cond_signal(&meeting->condition));
}

static const char *semaphore_setup(struct meeting *meeting)
{
	sem_init(&meeting->semaphore, 1, 0);
	return NULL;
}

static void semaphore_wait(struct meeting *meeting)
{
	must(sem_wait(&meeting->semaphore));
}

static void semaphore_wake(struct meeting *meeting)
{
	must(sem_post(&meeting->semaphore));
}

static const char *futex_setup(struct meeting *meeting)
{
	meeting->word = 0;
	return NULL;
}

static void futex_arm(struct meeting *meeting)
{
	__atomic_store_n(&meeting->word, 0, __ATOMIC_SEQ_CST);
}

static void futex_wait(struct meeting *meeting)
{
	while (!__atomic_load_n(&meeting->word, __ATOMIC_SEQ_CST))
		syscall(SYS_futex, &meeting->word, FUTEX_WAIT, 0, NULL, NULL, 0);
}

static void futex_wake(struct meeting *meeting)
{
	__atomic_store_n(&meeting->word, 1, __ATOMIC_SEQ_CST);
	syscall(SYS_futex, &meeting->word, FUTEX_WAKE, 1, NULL, NULL, 0);
}

static const char *eventfd_setup(struct meeting *meeting)
{
	meeting->fd = eventfd(0, 0);
	return meeting->fd < 0 ? "the kernel has no eventfd" : NULL;
}

static void eventfd_wait(struct meeting *meeting)
{
	uint64_t value;

	must(read(meeting->fd, &value, sizeof(value)) != sizeof(value));
}

static void eventfd_wake(struct meeting *meeting)
{
	uint64_t value = 1;

	must(write(meeting->fd, &value, sizeof(value)) != sizeof(value));
}

static const char *semop_setup(struct meeting *meeting)
{
	meeting->fd = semget(IPC_PRIVATE, 1, 0600);
	return meeting->fd < 0 ? "the kernel has no System V semaphores" : NULL;
}

static void semop_wait(struct meeting *meeting)
{
	must(semop(meeting->fd, &(struct sembuf){ .sem_op = -1 }, 1));
}

static void semop_wake(struct meeting *meeting)
{
	must(semop(meeting->fd, &(struct sembuf){ .sem_op = 1 }, 1));
}

static const struct wake_case cases[] = {
	{ "shstate mutex", mutex_setup, mutex_lock, mutex_lock, mutex_unlock, mutex_unlock },
	{ "shstate condvar", condvar_setup, NULL, condvar_wait, condvar_wake, NULL },
	{ "shstate atomic", atomic_setup, atomic_arm, atomic_wait, atomic_wake, NULL },
	{ "pthread robust", pthread_setup, pthread_lock, pthread_lock, pthread_unlock,
	  pthread_unlock },
	{ "pthread_cond", pthread_setup, NULL, pthread_wait, pthread_wake, NULL },
	{ "sem_t", semaphore_setup, NULL, semaphore_wait, semaphore_wake, NULL },
	{ "futex", futex_setup, futex_arm, futex_wait, futex_wake, NULL },
	{ "eventfd", eventfd_setup, NULL, eventfd_wait, eventfd_wake, NULL },
	{ "semop", semop_setup, NULL, semop_wait, semop_wake, NULL },
};

/* --------------------------------------------------------------- the run -- */

struct pace {
	unsigned int armed, waits, woken;	/* the number of the wake-up */
	uint64_t sent, arrived;
};

static void nap(long ns)
{
	nanosleep(&(struct timespec){ .tv_nsec = ns }, NULL);
}

static void await(const unsigned int *number, unsigned int value)
{
	while (__atomic_load_n(number, __ATOMIC_ACQUIRE) != value)
		nap(20000);
}

static void join(struct meeting *meeting)
{
	if (meeting->object)
		ours_join(meeting->object);
	if (meeting->other)
		ours_join(meeting->other);
}

static void sleeper(const struct wake_case *peer, struct meeting *meeting, struct pace *pace,
		    unsigned int times)
{
	join(meeting);
	for (unsigned int i = 1; i <= times; i++) {
		await(&pace->armed, i);
		__atomic_store_n(&pace->waits, i, __ATOMIC_RELEASE);
		peer->wait(meeting);
		pace->arrived = bench_ticks();
		if (peer->after)
			peer->after(meeting);
		__atomic_store_n(&pace->woken, i, __ATOMIC_RELEASE);
	}
	_exit(0);
}

static void waker(const struct wake_case *peer, struct meeting *meeting, struct pace *pace,
		  unsigned int times, struct bench_samples *samples)
{
	for (unsigned int i = 1; i <= times; i++) {
		if (peer->arm)
			peer->arm(meeting);
		__atomic_store_n(&pace->armed, i, __ATOMIC_RELEASE);
		await(&pace->waits, i);
		nap(1000000);	/* by then it sleeps; if it does not, it is one fast sample */
		pace->sent = bench_ticks();
		peer->wake(meeting);
		await(&pace->woken, i);
		bench_sample(samples,
			     (double)(pace->arrived - pace->sent) / bench_ticks_per_ns / 1000);
	}
}

static void measure(const struct wake_case *peer, unsigned int times)
{
	struct bench_what what = {
		.family = "wake", .workload = "one sleeper", .metric = "latency", .unit = "us",
	};
	struct meeting *meeting = bench_shared(sizeof(*meeting));
	struct pace *pace = bench_shared(sizeof(*pace));
	const char *why = bench_options.uml ? "a wake-up is a system call" : peer->setup(meeting);
	struct bench_samples samples = {};
	int status;

	if (why) {
		bench_skip(&what, peer->peer, why);
		return;
	}
	if (!bench_fork())
		sleeper(peer, meeting, pace, times);
	waker(peer, meeting, pace, times, &samples);
	if (wait(&status) < 0 || status)
		bench_die("who was to be woken failed");
	bench_result(&what, peer->peer, &samples);
}

void bench_wake(void)
{
	if (bench_options.instructions)
		return;		/* one processor */
	for (size_t i = 0; i < BENCH_COUNT(cases); i++)
		if (bench_is_wanted(cases[i].peer))
			measure(&cases[i], bench_options.rounds < 300 ? bench_options.rounds : 300);
}
