// SPDX-License-Identifier: GPL-2.0-only
/*
 * How long after kill -9 of a holder does who waits have the lock. A big holder has
 * 4 GiB of pages that the kernel must free.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/sem.h>
#include <sys/sysinfo.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"
#include "ours.h"

#define GIB	(UINT64_C(1) << 30)

struct held {
	union {
		pthread_mutex_t mutex;
		int fd;
	};
	struct ours *object;
	char path[32];
	volatile int holds, waits;
	uint64_t arrived;
};

/* lock returns 0 also if it is told of a death; it is not unlocked but by an exit. */
struct recover_case {
	const char *peer;
	const char *(*setup)(struct held *held);
	int (*lock)(struct held *held);
};

/* --------------------------------------------------------------- shstate -- */

static const char *new_ours(struct held *held, uint32_t kind)
{
	struct shs_spec spec = { .kind = kind };

	return ours_new((void **)&held->object, &spec, OURS_FAST);
}

static const char *mutex_setup(struct held *held)
{
	return new_ours(held, SHS_KIND_MUTEX);
}

static const char *rwlock_setup(struct held *held)
{
	return new_ours(held, SHS_KIND_RWLOCK);
}

static const char *once_setup(struct held *held)
{
	return new_ours(held, SHS_KIND_ONCE);
}

static int told(int result)
{
	return result == -EOWNERDEAD ? 0 : result;
}

static int mutex_lock(struct held *held)
{
	return told(shs_mutex_lock(held->object->object));
}

static int rwlock_lock(struct held *held)
{
	return told(shs_rwlock_write(held->object->object));
}

static int once_run(struct held *held)
{
	int ret = shs_once_begin(held->object->object, 0, shs_deadline_never());

	return ret == 1 ? 0 : told(ret);
}

/* ---------------------------------------------------------------- others -- */

static const char *pthread_setup(struct held *held)
{
	pthread_mutexattr_t attributes;

	pthread_mutexattr_init(&attributes);
	pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
	pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
	pthread_mutex_init(&held->mutex, &attributes);
	return NULL;
}

static int pthread_lock(struct held *held)
{
	int ret = pthread_mutex_lock(&held->mutex);

	return ret == EOWNERDEAD ? pthread_mutex_consistent(&held->mutex) : ret;
}

static const char *semop_setup(struct held *held)
{
	held->fd = semget(IPC_PRIVATE, 1, 0600);
	if (held->fd < 0)
		return "the kernel has no System V semaphores";
	return semctl(held->fd, 0, SETVAL, 1) ? "semctl fails" : NULL;
}

static int semop_lock(struct held *held)
{
	return semop(held->fd, &(struct sembuf){ .sem_op = -1, .sem_flg = SEM_UNDO }, 1);
}

static const char *file_setup(struct held *held)
{
	strcpy(held->path, "/tmp/bench.XXXXXX");
	held->fd = mkstemp(held->path);
	return held->fd < 0 ? "there is no /tmp" : NULL;
}

static int flock_lock(struct held *held)
{
	return flock(open(held->path, O_RDWR), LOCK_EX);
}

static int ofd_lock(struct held *held)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 1 };

	return fcntl(open(held->path, O_RDWR), F_OFD_SETLKW, &lock);
}

static const struct recover_case cases[] = {
	{ "shstate mutex", mutex_setup, mutex_lock },
	{ "shstate rwlock writer", rwlock_setup, rwlock_lock },
	{ "shstate once", once_setup, once_run },
	{ "pthread robust", pthread_setup, pthread_lock },
	{ "semop UNDO", semop_setup, semop_lock },
	{ "flock", file_setup, flock_lock },
	{ "OFD lock", file_setup, ofd_lock },
};

/* --------------------------------------------------------------- the run -- */

static void nap_ms(long ms)
{
	nanosleep(&(struct timespec){ .tv_nsec = ms * 1000000 }, NULL);
}

static void take(const struct recover_case *peer, struct held *held)
{
	if (held->object)
		ours_join(held->object);
	if (peer->lock(held))
		bench_die("%s: cannot lock: %s", peer->peer, strerror(errno));
}

/* Small pages: as many as there can be to free. */
static void fill(uint64_t size)
{
	char *memory;

	if (!size)
		return;
	prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0);
	memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (memory == MAP_FAILED)
		bench_die("no memory");
}

static void holder(const struct recover_case *peer, struct held *held, uint64_t size)
{
	fill(size);
	take(peer, held);
	held->holds = 1;
	for (;;)
		pause();
}

/* It attaches before, so that what is timed is the waiting. */
static void waiter(const struct recover_case *peer, struct held *held)
{
	if (held->object)
		ours_join(held->object);
	held->waits = 1;
	if (peer->lock(held))
		bench_die("%s: cannot lock: %s", peer->peer, strerror(errno));
	held->arrived = bench_ticks();
	_exit(0);
}

static double once(const struct recover_case *peer, struct held *held, uint64_t size)
{
	pid_t dies, waits;
	uint64_t sent;
	int status;

	held->holds = held->waits = 0;
	dies = bench_fork();
	if (!dies)
		holder(peer, held, size);
	while (!held->holds)
		nap_ms(1);
	waits = bench_fork();
	if (!waits)
		waiter(peer, held);
	while (!held->waits)
		nap_ms(1);
	nap_ms(5);
	sent = bench_ticks();
	kill(dies, SIGKILL);
	waitpid(waits, &status, 0);
	if (status)
		bench_die("who waited failed");
	waitpid(dies, NULL, 0);
	return (double)(held->arrived - sent) / bench_ticks_per_ns / 1000;
}

static void measure(const struct recover_case *peer, uint64_t size, unsigned int times)
{
	struct bench_what what = {
		.family = "recover",
		.workload = size ? "holder of 4 GiB" : "small holder",
		.metric = "latency", .unit = "us",
	};
	struct held *held = bench_shared(sizeof(*held));
	const char *why = bench_options.uml ? "a death is a matter of the kernel alone" :
			  peer->setup(held);
	struct bench_samples samples = {};
	struct sysinfo info;

	sysinfo(&info);
	if (!why && size && (uint64_t)info.freeram * info.mem_unit < size + GIB / 2)
		why = "this machine has less than 4.5 GiB of memory free";
	if (!bench_is_wanted(peer->peer))
		return;
	if (why) {
		bench_skip(&what, peer->peer, why);
		return;
	}
	for (unsigned int i = 0; i < times; i++)
		bench_sample(&samples, once(peer, held, size));
	bench_result(&what, peer->peer, &samples);
	if (held->path[0])
		unlink(held->path);
}

void bench_recover(void)
{
	unsigned int times = bench_options.rounds < 100 ? bench_options.rounds : 100;

	if (bench_options.instructions)
		return;		/* one processor */
	for (size_t i = 0; i < BENCH_COUNT(cases); i++)
		measure(&cases[i], 0, times);
}

/* To fill it takes an emulated machine half a minute each time. */
void bench_big(void)
{
	if (bench_options.instructions)
		return;
	for (size_t i = 0; i < BENCH_COUNT(cases); i++)
		if (!strcmp(cases[i].peer, "shstate mutex") || i > 2)
			measure(&cases[i], 4 * GIB, 1);
}
