// SPDX-License-Identifier: GPL-2.0-only
/* Whatever excludes one another: one pair of lock and unlock. */
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/sem.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bench.h"
#include "ours.h"
#include "peers.h"

/* What a peer's lock lies in; the value that it guards has a cache line of its own. */
struct locked {
	union {
		pthread_mutex_t mutex;
		sem_t semaphore;
		uint32_t word;
		int id;			/* System V */
	};
	int fd;
	uint64_t value __attribute__((aligned(64)));
};

/* --------------------------------------------------------------- shstate -- */

static const char *ours_new_mutex(void **state, long way, uint32_t flags)
{
	struct shs_spec spec = {
		.kind = SHS_KIND_MUTEX,
		.type = SHS_TYPE_U64,
		.flags = flags,
	};

	return ours_new(state, &spec, way);
}

static const char *ours_setup(void **state, long way)
{
	return ours_new_mutex(state, way, 0);
}

static const char *ours_commit_setup(void **state, long way)
{
	return ours_new_mutex(state, way, SHS_INIT_COMMIT);
}

/* Held already, so that it is locked again. */
static const char *ours_recursive_setup(void **state, long way)
{
	const char *why = ours_new_mutex(state, way, SHS_INIT_RECURSIVE);

	if (!why && shs_mutex_lock(((struct ours *)*state)->object))
		bench_die("cannot lock");
	return why;
}

BENCH_LOCK(ours, struct ours *, failed |= shs_mutex_lock(state->object),
	   failed |= shs_mutex_unlock(state->object), (uint64_t *)ours_value(state))
BENCH_RUN(ours_try_run, struct ours *, {
	failed |= shs_mutex_try_lock(state->object);
	failed |= shs_mutex_unlock(state->object);
})
BENCH_RUN(ours_commit_run, struct ours *, {
	failed |= shs_mutex_lock(state->object);
	*(uint64_t *)shs_mutex_value(state->object) += 1;
	failed |= shs_commit(state->object);
	failed |= shs_mutex_unlock(state->object);
})

static inline int ours_lock(struct ours *ours)
{
	struct shs_ioc_lock lock = { .size = sizeof(lock), .deadline = SHS_FOREVER };

	return ioctl(ours->attachment, SHS_IOC_LOCK, &lock);
}

static inline int ours_unlock(struct ours *ours)
{
	struct shs_ioc_lock lock = { .size = sizeof(lock) };

	return ioctl(ours->attachment, SHS_IOC_UNLOCK, &lock);
}

BENCH_LOCK(ours_ioctl, struct ours *, failed |= ours_lock(state), failed |= ours_unlock(state),
	   (uint64_t *)ours_value(state))

/* --------------------------------------------------------------- pthread -- */

#define PRIVATE	1
#define ROBUST	2
#define INHERIT	4

static const char *pthread_setup(void **state, long how)
{
	struct locked *locked = bench_shared(sizeof(*locked));
	pthread_mutexattr_t attributes;

	pthread_mutexattr_init(&attributes);
	if (!(how & PRIVATE))
		pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
	if (how & ROBUST)
		pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
	if (how & INHERIT)
		pthread_mutexattr_setprotocol(&attributes, PTHREAD_PRIO_INHERIT);
	if (pthread_mutex_init(&locked->mutex, &attributes))
		return "the C library has no such mutex";
	if (pthread_mutex_lock(&locked->mutex) || pthread_mutex_unlock(&locked->mutex))
		return "the kernel has no futexes with priority inheritance";
	*state = locked;
	return NULL;
}

BENCH_LOCK(pthread, struct locked *, failed |= pthread_mutex_lock(&state->mutex),
	   failed |= pthread_mutex_unlock(&state->mutex), &state->value)

static const char *semaphore_setup(void **state, long unused)
{
	struct locked *locked = bench_shared(sizeof(*locked));

	(void)unused;
	sem_init(&locked->semaphore, 1, 1);
	*state = locked;
	return NULL;
}

BENCH_LOCK(semaphore, struct locked *, failed |= sem_wait(&state->semaphore),
	   failed |= sem_post(&state->semaphore), &state->value)

/* ----------------------------------------------------------- bare memory -- */

static const char *word_setup(void **state, long unused)
{
	(void)unused;
	*state = bench_shared(sizeof(struct locked));
	return NULL;
}

static inline int swap_word(struct locked *locked, uint32_t from, uint32_t to, int order)
{
	return __atomic_compare_exchange_n(&locked->word, &from, to, 0, order, __ATOMIC_RELAXED);
}

BENCH_RUN(cas_run, struct locked *, {
	failed |= !swap_word(state, 0, 1, __ATOMIC_ACQUIRE);
	failed |= !swap_word(state, 1, 0, __ATOMIC_RELEASE);
})

/* Drepper's mutex: 0 free, 1 held, 2 held and perhaps waited for. */
static inline void futex_lock(struct locked *locked)
{
	if (swap_word(locked, 0, 1, __ATOMIC_ACQUIRE))
		return;
	while (__atomic_exchange_n(&locked->word, 2, __ATOMIC_ACQUIRE))
		syscall(SYS_futex, &locked->word, FUTEX_WAIT, 2, NULL, NULL, 0);
}

static inline void futex_unlock(struct locked *locked)
{
	if (__atomic_exchange_n(&locked->word, 0, __ATOMIC_RELEASE) == 2)
		syscall(SYS_futex, &locked->word, FUTEX_WAKE, 1, NULL, NULL, 0);
}

BENCH_LOCK(futex, struct locked *, futex_lock(state), futex_unlock(state), &state->value)

/* ----------------------------------------------------- what always calls -- */

static const char *semop_setup(void **state, long undo)
{
	struct locked *locked = bench_shared(sizeof(*locked));

	locked->id = semget(IPC_PRIVATE, 1, 0600);
	if (locked->id < 0)
		return "the kernel has no System V semaphores";
	semctl(locked->id, 0, SETVAL, 1);
	locked->fd = undo ? SEM_UNDO : 0;
	*state = locked;
	return NULL;
}

static void semop_teardown(void *argument)
{
	struct locked *locked = argument;

	semctl(locked->id, 0, IPC_RMID);
}

static inline int semop_add(struct locked *locked, int value)
{
	struct sembuf add = { .sem_op = value, .sem_flg = locked->fd };

	return semop(locked->id, &add, 1);
}

BENCH_LOCK(semop, struct locked *, failed |= semop_add(state, -1), failed |= semop_add(state, 1),
	   &state->value)

static const char *eventfd_setup(void **state, long unused)
{
	struct locked *locked = bench_shared(sizeof(*locked));

	(void)unused;
	locked->fd = eventfd(1, EFD_SEMAPHORE);
	*state = locked;
	return locked->fd < 0 ? "the kernel has no eventfd" : NULL;
}

static inline int eventfd_wait(struct locked *locked)
{
	uint64_t value;

	return read(locked->fd, &value, sizeof(value)) != sizeof(value);
}

static inline int eventfd_post(struct locked *locked)
{
	uint64_t value = 1;

	return write(locked->fd, &value, sizeof(value)) != sizeof(value);
}

BENCH_LOCK(eventfd, struct locked *, failed |= eventfd_wait(state),
	   failed |= eventfd_post(state), &state->value)

static void close_fd(void *argument)
{
	struct locked *locked = argument;

	close(locked->fd);
}

static int open_file(void)
{
	char name[] = "/tmp/bench.XXXXXX";
	int fd = mkostemp(name, O_CLOEXEC);

	if (fd < 0)
		bench_die("/tmp: %s", strerror(errno));
	unlink(name);
	return fd;
}

static const char *file_setup(void **state, long unused)
{
	struct locked *locked = bench_shared(sizeof(*locked));

	(void)unused;
	locked->fd = open_file();
	*state = locked;
	return NULL;
}

/* A lock of these belongs to an open file, so that each process needs its own. */
static void file_join(void *argument)
{
	struct locked *locked = argument;
	char path[40];
	int fd;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", locked->fd);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0 || dup2(fd, locked->fd) < 0)
		bench_die("%s: %s", path, strerror(errno));
	close(fd);
}

static inline int ofd_lock(struct locked *locked, int type)
{
	struct flock lock = { .l_type = type, .l_whence = SEEK_SET, .l_len = 1 };

	return fcntl(locked->fd, F_OFD_SETLKW, &lock);
}

BENCH_LOCK(flock, struct locked *, failed |= flock(state->fd, LOCK_EX),
	   failed |= flock(state->fd, LOCK_UN), &state->value)
BENCH_LOCK(ofd, struct locked *, failed |= ofd_lock(state, F_WRLCK),
	   failed |= ofd_lock(state, F_UNLCK), &state->value)

/* --------------------------------------------------------------- ntsync -- */

#if __has_include(<linux/ntsync.h>)
#include <linux/ntsync.h>
#else
struct ntsync_mutex_args { uint32_t owner, count; };
struct ntsync_wait_args {
	uint64_t timeout, objs;
	uint32_t count, index, flags, owner, alert, pad;
};
#define NTSYNC_IOC_WAIT_ANY	_IOWR('N', 0x82, struct ntsync_wait_args)
#define NTSYNC_IOC_CREATE_MUTEX	_IOW('N', 0x84, struct ntsync_mutex_args)
#define NTSYNC_IOC_MUTEX_UNLOCK	_IOWR('N', 0x85, struct ntsync_mutex_args)
#endif

static const char *ntsync_setup(void **state, long unused)
{
	struct ntsync_mutex_args mutex = {};
	struct locked *locked = bench_shared(sizeof(*locked));
	int device = open("/dev/ntsync", O_RDWR | O_CLOEXEC);

	(void)unused;
	if (device < 0)
		return "there is no /dev/ntsync";
	locked->fd = device;
	locked->id = ioctl(device, NTSYNC_IOC_CREATE_MUTEX, &mutex);
	*state = locked;
	return locked->id < 0 ? "/dev/ntsync makes no mutex" : NULL;
}

static inline int ntsync_lock(struct locked *locked)
{
	struct ntsync_wait_args wait = {
		.timeout = UINT64_MAX,
		.objs = (uintptr_t)&locked->id,
		.count = 1,
		.owner = getpid(),
	};

	return ioctl(locked->fd, NTSYNC_IOC_WAIT_ANY, &wait);
}

static inline int ntsync_unlock(struct locked *locked)
{
	struct ntsync_mutex_args mutex = { .owner = getpid() };

	return ioctl(locked->id, NTSYNC_IOC_MUTEX_UNLOCK, &mutex);
}

BENCH_LOCK(ntsync, struct locked *, failed |= ntsync_lock(state), failed |= ntsync_unlock(state),
	   &state->value)

/* ----------------------------------------------------------------- table -- */

/* Of the two without a guarded value there is no contended run. */
#define OURS(setup_, way, flags_)						\
	.setup = setup_, .argument = way, .flags = flags_, .join = ours_join,	\
	.teardown = ours_close

const struct bench_case mutex_peers[] = {
	{ .peer = "shstate", OURS(ours_setup, OURS_FAST, 0), BENCH_OF(ours) },
	{ .peer = "shstate try", OURS(ours_setup, OURS_FAST, 0), .run = ours_try_run },
	{ .peer = "shstate commit", OURS(ours_commit_setup, OURS_FAST, 0),
	  .run = ours_commit_run },
	{ .peer = "shstate recursive again", OURS(ours_recursive_setup, OURS_FAST, 0),
	  .run = ours_run },
	{ .peer = "shstate by call", OURS(ours_setup, OURS_CALL, BENCH_CALLS), BENCH_OF(ours) },
	{ .peer = "shstate by ioctl", OURS(ours_setup, OURS_FAST, BENCH_CALLS),
	  BENCH_OF(ours_ioctl) },
	{ .peer = "pthread shared", .setup = pthread_setup, BENCH_OF(pthread) },
	{ .peer = "pthread robust", .setup = pthread_setup, .argument = ROBUST, BENCH_OF(pthread) },
	{ .peer = "pthread robust+PI", .setup = pthread_setup, .argument = ROBUST | INHERIT,
	  BENCH_OF(pthread) },
	{ .peer = "pthread private", .setup = pthread_setup, .argument = PRIVATE,
	  .flags = BENCH_THREADS, BENCH_OF(pthread) },
	{ .peer = "sem_t", .setup = semaphore_setup, BENCH_OF(semaphore) },
	{ .peer = "futex", .setup = word_setup, BENCH_OF(futex) },
	{ .peer = "CAS pair", .setup = word_setup, .run = cas_run },
	{ .peer = "semop", .setup = semop_setup, .teardown = semop_teardown, .flags = BENCH_CALLS,
	  BENCH_OF(semop) },
	{ .peer = "semop UNDO", .setup = semop_setup, .argument = 1, .teardown = semop_teardown,
	  .flags = BENCH_CALLS, BENCH_OF(semop) },
	{ .peer = "eventfd", .setup = eventfd_setup, .teardown = close_fd, .flags = BENCH_CALLS,
	  BENCH_OF(eventfd) },
	{ .peer = "flock", .setup = file_setup, .join = file_join, .teardown = close_fd,
	  .flags = BENCH_CALLS, BENCH_OF(flock) },
	{ .peer = "OFD lock", .setup = file_setup, .join = file_join, .teardown = close_fd,
	  .flags = BENCH_CALLS, BENCH_OF(ofd) },
	{ .peer = "ntsync", .setup = ntsync_setup, .teardown = close_fd, .flags = BENCH_CALLS,
	  BENCH_OF(ntsync) },
	{ .peer = "Boost.Interprocess", BENCH_BOOST(mutex) },
	{ .peer = "parking_lot", .flags = BENCH_THREADS, BENCH_RUST(mutex, parking_lot) },
	{ .peer = "parking_lot reentrant", .flags = BENCH_THREADS, BENCH_RUST_RUN(reentrant) },
	{ .peer = "Rust std", .flags = BENCH_THREADS, BENCH_RUST(mutex, std) },
};
const size_t mutex_peers_count = BENCH_COUNT(mutex_peers);

void bench_mutex(void)
{
	bench_alone("mutex", "pair", 0, mutex_peers, mutex_peers_count);
}
