/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the tests of shstate share: thin wrappers of the system interface, which
 * return 0 or a negative errno, and processes that meet.
 *
 * Each test runs on a mount of its own in a mount namespace of its own, so
 * nothing that another test left behind can be seen, and nothing is left.
 */
#ifndef SHS_SELFTEST_H
#define SHS_SELFTEST_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/shstate.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#ifdef SHS_NO_LIBURING
#include "ring.h"
#else
#include <liburing.h>
#endif
#include "kselftest_harness.h"
#include "storm.h"

/* A kernel full of detectors under emulation is a hundred times slower. */
#undef TEST_TIMEOUT_DEFAULT
#define TEST_TIMEOUT_DEFAULT 600

#define SHS_DIR "/dev/shstate"
#define SHS_NOBODY 65534

/* What every fixture does first. */
#define SHS_MOUNT(options) do {							\
	int mounted = shs_mount(options);					\
										\
	if (mounted == -EPERM)							\
		SKIP(return, "mounting needs root");				\
	if (mounted == -ENODEV)							\
		SKIP(return, "the module shstate is not loaded");		\
	ASSERT_EQ(0, mounted);							\
} while (0)

/* Mounts a new instance over SHS_DIR, for this process and its children. */
static inline int shs_mount(const char *options)
{
	if (unshare(CLONE_NEWNS) || mount("", "/", NULL, MS_REC | MS_PRIVATE, NULL))
		return -errno;
	mkdir(SHS_DIR, 0755);
	return mount("shstate", SHS_DIR, "shstate", 0, options) ? -errno : 0;
}

static inline int shs_call(int fd, unsigned long command, void *argument)
{
	int ret = ioctl(fd, command, argument);

	return ret < 0 ? -errno : ret;
}

/*
 * The ioctls of which a test is full. Built with SHS_BY_RING, those that wait, and what
 * ends what they began, go by io_uring instead, and the test must see no difference.
 *
 * With SHS_BY_POLL what waits on an attachment is armed, polled for and collected.
 */
#ifdef SHS_BY_RING
static inline int shs_ring_call(int fd, unsigned long command, void *argument);
#define shs_ioctl shs_ring_call
#elif defined(SHS_BY_POLL)
static inline int shs_poll_call(int fd, unsigned long command, void *argument);
#define shs_ioctl shs_poll_call
#else
#define shs_ioctl shs_call
#endif

/*
 * Objects
 */

/* A file that is no object yet. */
static inline int shs_blank(void)
{
	int fd = open(SHS_DIR, O_TMPFILE | O_RDWR, 0600);

	return fd < 0 ? -errno : fd;
}

#define SHS_INIT(...) ((struct shs_ioc_init){ .size = sizeof(struct shs_ioc_init), __VA_ARGS__ })

static inline int shs_create_as(struct shs_ioc_init *init)
{
	int fd = shs_blank(), err;

	if (fd < 0)
		return fd;
	err = shs_ioctl(fd, SHS_IOC_INIT, init);
	if (err < 0) {
		close(fd);
		return err;
	}
	return fd;
}

/* An object without a name, all zero. */
static inline int shs_create(__u32 kind, __u32 type, __u32 count)
{
	return shs_create_as(&SHS_INIT(.kind = kind, .type = type, .count = count));
}

/* The same open file or another one, by way of what the kernel knows of it. */
static inline int shs_reopen(int fd, int flags)
{
	char path[40];
	int again;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	again = open(path, flags);
	return again < 0 ? -errno : again;
}

/* Gives the object a name in SHS_DIR. */
static inline int shs_link(int fd, const char *name)
{
	char from[40], to[300];

	snprintf(from, sizeof(from), "/proc/self/fd/%d", fd);
	snprintf(to, sizeof(to), SHS_DIR "/%s", name);
	return linkat(AT_FDCWD, from, AT_FDCWD, to, AT_SYMLINK_FOLLOW) ? -errno : 0;
}

static inline int shs_open(const char *name, int flags)
{
	char path[300];
	int fd;

	snprintf(path, sizeof(path), SHS_DIR "/%s", name);
	fd = open(path, flags, 0600);
	return fd < 0 ? -errno : fd;
}

static inline int shs_unlink(const char *name)
{
	char path[300];

	snprintf(path, sizeof(path), SHS_DIR "/%s", name);
	return unlink(path) ? -errno : 0;
}

static inline struct shs_ioc_info shs_info(int fd)
{
	struct shs_ioc_info info;

	memset(&info, 0xa5, sizeof(info));
	info.size = sizeof(info);
	if (shs_ioctl(fd, SHS_IOC_INFO, &info))
		memset(&info, 0xa5, sizeof(info));
	return info;
}

/* Says once, after a minute, what is waited for: the test's limit does not. */
static inline void shs_give_way(time_t *limit, const char *file, int line, const char *what)
{
	sched_yield();
	if (!*limit)
		*limit = time(NULL) + 60;
	if (*limit < 0 || time(NULL) < *limit)
		return;
	*limit = -1;
	printf("# %s:%d: waits for %s\n", file, line, what);
	fflush(stdout);
}

/*
 * Waits for a state that the kernel shows: SHS_AWAIT(fd, info.waiters == 2).
 * The limit is the test's.
 */
#define SHS_AWAIT(fd, condition) do {						\
	struct shs_ioc_info info = shs_info(fd);				\
	time_t give_up = 0;							\
										\
	while (!(condition)) {							\
		shs_give_way(&give_up, __FILE__, __LINE__, #condition);	\
		info = shs_info(fd);						\
	}									\
} while (0)

static inline int shs_death(int fd, struct shs_ioc_death *death)
{
	memset(death, 0xa5, sizeof(*death));
	death->size = sizeof(*death);
	death->pad = 0;
	return shs_ioctl(fd, SHS_IOC_DEATH, death);
}

/* The line of text, without its end; an empty string if there is none. */
static inline const char *shs_text(int fd)
{
	static char text[1 << 20];
	ssize_t got = pread(fd, text, sizeof(text) - 1, 0);

	text[got > 0 ? got : 0] = 0;
	if (got > 0 && text[got - 1] == '\n')
		text[got - 1] = 0;
	return text;
}

static inline int shs_write(int fd, const char *text)
{
	ssize_t put = pwrite(fd, text, strlen(text), 0);

	return put < 0 ? -errno : put == (ssize_t)strlen(text) ? 0 : -EIO;
}

static inline int shs_put_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_TRUNC), ret = 0;

	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		ret = -errno;
	if (fd >= 0)
		close(fd);
	return ret;
}

/* Vigna's xorshift64*: numbers that the next run has too. */
static inline __u64 shs_number(__u64 *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state * 0x2545f4914f6cdd1dULL >> 8;
}

/*
 * Single operations, by either door
 */
enum shs_door { SHS_IOCTL, SHS_URING };

#define SHS_OP(code, ...) \
	((struct shs_ioc_op){ .size = sizeof(struct shs_ioc_op), .op = SHS_OP_##code, \
			      ##__VA_ARGS__ })

static inline int shs_op(int fd, struct shs_ioc_op *op)
{
	return shs_ioctl(fd, SHS_IOC_OP, op);
}

/* Any command; each struct begins with its size. */
static inline void shs_prep_command(struct io_uring_sqe *sqe, int fd, unsigned long command,
				    void *argument)
{
	struct shs_sqe payload = { .addr = (unsigned long)argument, .size = *(__u32 *)argument };

	memset(sqe, 0, sizeof(*sqe));
	sqe->opcode = IORING_OP_URING_CMD;
	sqe->fd = fd;
	sqe->cmd_op = command;
	memcpy((char *)sqe + offsetof(struct io_uring_sqe, cmd), &payload, sizeof(payload));
}

static inline void shs_prep(struct io_uring_sqe *sqe, int fd, struct shs_ioc_op *op)
{
	shs_prep_command(sqe, fd, SHS_IOC_OP, op);
}

/* This process's ring. A child must not use its parent's. */
static inline struct io_uring *shs_ring(void)
{
	static struct io_uring ring;
	static pid_t owner;

	if (owner == getpid())
		return &ring;
	if (io_uring_queue_init(8, &ring, 0))
		return NULL;
	owner = getpid();
	return &ring;
}

/* As io_uring_wait_cqe(), which a signal ends whatever its handler's flags. */
static inline int shs_uring_wait(struct io_uring *ring, struct io_uring_cqe **cqe)
{
	int ret;

	do
		ret = io_uring_wait_cqe(ring, cqe);
	while (ret == -EINTR);
	return ret;
}

#ifdef SHS_BY_RING
/* Of each thread of each process its own. */
static inline struct io_uring *shs_own_ring(void)
{
	static __thread struct io_uring ring;
	static __thread pid_t owner;

	if (owner == gettid())
		return &ring;
	if (io_uring_queue_init(4, &ring, 0))
		abort();
	owner = gettid();
	return &ring;
}

/* What the notice tells is what the ioctl returns. */
static inline int shs_take_notice(unsigned long command, void *argument)
{
	__u32 *notice, told;

	switch (command) {
	case SHS_IOC_LOCK:
		notice = &((struct shs_ioc_lock *)argument)->notice;
		break;
	case SHS_IOC_CONVERT:
		notice = &((struct shs_ioc_convert *)argument)->notice;
		break;
	case SHS_IOC_WAIT:
		notice = &((struct shs_ioc_wait *)argument)->notice;
		break;
	case SHS_IOC_ONCE:
		notice = &((struct shs_ioc_once *)argument)->notice;
		break;
	case SHS_IOC_MANY:
		notice = &((struct shs_ioc_many *)argument)->notice;
		break;
	default:
		return 0;
	}
	told = *notice;
	*notice = 0;
	return told ? -EOWNERDEAD : 0;
}

static inline bool shs_op_waits(const struct shs_ioc_op *op)
{
	return op->op >= SHS_OP_WAIT && op->op <= SHS_OP_AWAIT_ANY;
}

static inline int shs_ring_call(int fd, unsigned long command, void *argument)
{
	bool waits = command == SHS_IOC_OP && shs_op_waits(argument);
	struct io_uring_cqe *cqe;
	struct io_uring_sqe *sqe;
	struct io_uring *ring;
	int ret, notice;

	if (!waits && command != SHS_IOC_LOCK && command != SHS_IOC_UNLOCK &&
	    command != SHS_IOC_CONVERT && command != SHS_IOC_WAIT && command != SHS_IOC_ONCE &&
	    command != SHS_IOC_RECOVER && command != SHS_IOC_MANY)
		return shs_call(fd, command, argument);
	ring = shs_own_ring();
	sqe = io_uring_get_sqe(ring);
	if (!sqe)
		abort();
	shs_prep_command(sqe, fd, command, argument);
	if (io_uring_submit(ring) != 1 || shs_uring_wait(ring, &cqe))
		abort();
	ret = cqe->res;
	io_uring_cqe_seen(ring, cqe);
	notice = shs_take_notice(command, argument);
	return notice && (!ret || ret == -ETIMEDOUT) ? notice : ret;
}
#endif

/*
 * Waits that are armed
 */
static inline int shs_arm(int fd, unsigned long command, void *argument)
{
	struct shs_ioc_arm arm = { .size = sizeof(arm), .command = command,
				   .addr = (unsigned long)argument };

	return shs_call(fd, SHS_IOC_ARM, &arm);
}

static inline int shs_collect_as(int fd, struct shs_ioc_collect *collect)
{
	*collect = (struct shs_ioc_collect){ .size = sizeof(*collect) };
	return shs_call(fd, SHS_IOC_COLLECT, collect);
}

static inline int shs_collect(int fd)
{
	struct shs_ioc_collect collect;

	return shs_collect_as(fd, &collect);
}

/* What poll tells of it now, or (-1) once it tells something that is asked for. */
static inline int shs_polled(int fd, int timeout)
{
	struct pollfd one = { .fd = fd, .events = POLLIN | POLLRDNORM };
	int ret;

	do
		ret = poll(&one, 1, timeout);
	while (ret < 0 && errno == EINTR);
	return ret < 0 ? -errno : one.revents;
}

#ifdef SHS_BY_POLL
/* Whether the call may wait, so that it can be armed. */
static inline bool shs_call_waits(unsigned long command, const void *argument)
{
	const struct shs_ioc_convert *convert = argument;
	const struct shs_ioc_barrier *barrier = argument;
	const struct shs_ioc_lock *lock = argument;
	const struct shs_ioc_many *many = argument;
	const struct shs_ioc_once *once = argument;
	const struct shs_ioc_wait *wait = argument;
	const struct shs_ioc_op *op = argument;

	switch (argument ? command : 0) {
	case SHS_IOC_LOCK:
		return !(lock->flags & SHS_LOCK_NOWAIT);
	case SHS_IOC_CONVERT:
		return convert->to == SHS_MODE_EXCLUSIVE && !(convert->flags & SHS_LOCK_NOWAIT);
	case SHS_IOC_WAIT:
		return !wait->started;
	case SHS_IOC_ONCE:
		return (once->cmd == SHS_ONCE_BEGIN || once->cmd == SHS_ONCE_WAIT) &&
		       !(once->flags & SHS_ONCE_NOWAIT);
	case SHS_IOC_BARRIER:
		return barrier->cmd == SHS_BARRIER_WAIT;
	case SHS_IOC_MANY:
		return !(many->flags & SHS_MANY_NOWAIT);
	case SHS_IOC_OP:
		return op->op == SHS_OP_WAIT && !(op->flags & SHS_OP_NOWAIT);
	}
	return false;
}

/* Where another thread has a wait armed, or it is no attachment, by the call. */
static inline int shs_poll_call(int fd, unsigned long command, void *argument)
{
	struct shs_ioc_collect collect;
	int ret;

	if (!shs_call_waits(command, argument))
		return shs_call(fd, command, argument);
	ret = shs_arm(fd, command, argument);
	if (ret == -EBUSY || ret == -ENOTTY)
		return shs_call(fd, command, argument);
	if (ret)
		return ret;
	while (!(shs_polled(fd, -1) & POLLIN))
		;
	ret = shs_collect_as(fd, &collect);
	if (command == SHS_IOC_ONCE)
		((struct shs_ioc_once *)argument)->state = collect.state;
	if (command == SHS_IOC_BARRIER) {
		((struct shs_ioc_barrier *)argument)->state = collect.state;
		((struct shs_ioc_barrier *)argument)->generation = collect.result;
	}
	return ret;
}
#endif

static inline int shs_uring_op(int fd, struct shs_ioc_op *op)
{
	struct io_uring *ring = shs_ring();
	struct io_uring_sqe *sqe = ring ? io_uring_get_sqe(ring) : NULL;
	struct io_uring_cqe *cqe;
	int ret;

	if (!sqe)
		return -ENOSYS;
	shs_prep(sqe, fd, op);
	ret = io_uring_submit(ring);
	if (ret != 1)
		return ret < 0 ? ret : -EIO;
	ret = shs_uring_wait(ring, &cqe);
	if (ret)
		return ret;
	ret = cqe->res;
	io_uring_cqe_seen(ring, cqe);
	return ret;
}

static inline int shs_by(enum shs_door door, int fd, struct shs_ioc_op *op)
{
	return door == SHS_URING ? shs_uring_op(fd, op) : shs_op(fd, op);
}

/* The kernels that are tested have io_uring; a hardened one may have it off. */
#define SHS_NEED_DOOR(door) do {						\
	if ((door) == SHS_URING && !shs_ring())					\
		SKIP(return, "io_uring is off on this kernel");			\
} while (0)

/* A number's present value, by an operation that never waits. */
#define SHS_FAILED 0xdeadbadbadbad000ULL
static inline __u64 shs_get(int fd, enum shs_opcode code, __u32 index)
{
	struct shs_ioc_op op = { .size = sizeof(op), .op = code, .index = index };

	return shs_op(fd, &op) ? SHS_FAILED : op.result;
}

static inline __u64 shs_load(int fd, __u32 index)
{
	return shs_get(fd, SHS_OP_LOAD, index);
}

static inline __u64 shs_peek(int fd, __u32 index)
{
	return shs_get(fd, SHS_OP_PEEK, index);
}

#define SHS_BATCH(operations, ...)						\
	((struct shs_ioc_batch){ .size = sizeof(struct shs_ioc_batch),		\
				 .count = sizeof(operations) / sizeof((operations)[0]), \
				 .ops = (unsigned long)(operations), ##__VA_ARGS__ })

static inline int shs_batch(int fd, struct shs_ioc_batch *batch)
{
	return shs_ioctl(fd, SHS_IOC_BATCH, batch);
}

/*
 * Attachments
 */
struct shs_att {
	int fd;
	struct shs_ioc_attach is;
	const struct shs_control *control;
	struct shs_shared *shared;
	char *private;
};

/* Attaches and maps nothing. */
static inline int shs_attach_only(struct shs_att *att, int object)
{
	memset(att, 0, sizeof(*att));
	memset(&att->is, 0xa5, sizeof(att->is));
	att->is.size = sizeof(att->is);
	att->is.flags = 0;
	att->fd = shs_ioctl(object, SHS_IOC_ATTACH, &att->is);
	return att->fd < 0 ? att->fd : 0;
}

static inline void *shs_map(const struct shs_att *att, off_t region, size_t size, int protection)
{
	return mmap(NULL, size, protection, MAP_SHARED, att->fd, region);
}

/* Maps every region that there is; the shared one writable if that is allowed. */
static inline int shs_map_all(struct shs_att *att)
{
	void *map = shs_map(att, SHS_MMAP_CONTROL, att->is.control_size, PROT_READ);

	if (map == MAP_FAILED)
		return -errno;
	att->control = map;
	if (att->is.shared_size) {
		map = shs_map(att, SHS_MMAP_SHARED, att->is.shared_size, PROT_READ | PROT_WRITE);
		if (map == MAP_FAILED && errno == EACCES)
			map = shs_map(att, SHS_MMAP_SHARED, att->is.shared_size, PROT_READ);
		if (map == MAP_FAILED)
			return -errno;
		att->shared = map;
	}
	map = shs_map(att, SHS_MMAP_PRIVATE, att->is.private_size, PROT_READ | PROT_WRITE);
	if (map == MAP_FAILED)
		return -errno;
	att->private = map;
	if (((struct shs_private *)map)->used)
		return -EIO;	/* no lane is in use yet */
	/* Tests write to lanes as they like. */
	((struct shs_private *)map)->used = ~0ULL;
	return 0;
}

static inline int shs_attach(struct shs_att *att, int object)
{
	int err = shs_attach_only(att, object);

	return err ? err : shs_map_all(att);
}

/* Unmaps all and closes, and ends the test if that fails. */
static inline void shs_detach(struct shs_att *att)
{
	if (munmap(att->private, att->is.private_size) ||
	    munmap((void *)att->control, att->is.control_size) ||
	    (att->shared && munmap(att->shared, att->is.shared_size)) || close(att->fd))
		abort();
}

/* The value in the mapped shared region, and a lane in the private one. */
static inline void *shs_value(const struct shs_att *att)
{
	return (char *)att->shared + att->is.value_offset;
}

static inline void *shs_lane(const struct shs_att *att, __u32 lane)
{
	return att->private + SHS_LANES_OFFSET + lane * att->is.lane_stride;
}

#define SHS_LOCK(...) ((struct shs_ioc_lock){ .size = sizeof(struct shs_ioc_lock), ##__VA_ARGS__ })

static inline int shs_lock_as(const struct shs_att *att, struct shs_ioc_lock *lock)
{
	return shs_ioctl(att->fd, SHS_IOC_LOCK, lock);
}

static inline int shs_unlock_as(const struct shs_att *att, struct shs_ioc_lock *lock)
{
	return shs_ioctl(att->fd, SHS_IOC_UNLOCK, lock);
}

static inline int shs_lock(const struct shs_att *att)
{
	return shs_lock_as(att, &SHS_LOCK(.deadline = SHS_FOREVER));
}

static inline int shs_trylock(const struct shs_att *att)
{
	return shs_lock_as(att, &SHS_LOCK(.flags = SHS_LOCK_NOWAIT));
}

static inline int shs_unlock(const struct shs_att *att)
{
	return shs_unlock_as(att, &SHS_LOCK());
}

static inline int shs_rdlock(const struct shs_att *att, __u32 lane)
{
	return shs_lock_as(att, &SHS_LOCK(.mode = SHS_MODE_READ, .lane = lane,
					  .deadline = SHS_FOREVER));
}

static inline int shs_tryrdlock(const struct shs_att *att, __u32 lane)
{
	return shs_lock_as(att, &SHS_LOCK(.mode = SHS_MODE_READ, .lane = lane,
					  .flags = SHS_LOCK_NOWAIT));
}

static inline int shs_rdunlock(const struct shs_att *att, __u32 lane)
{
	return shs_unlock_as(att, &SHS_LOCK(.mode = SHS_MODE_READ, .lane = lane));
}

#define SHS_CONVERT(...) \
	((struct shs_ioc_convert){ .size = sizeof(struct shs_ioc_convert), ##__VA_ARGS__ })

static inline int shs_convert(const struct shs_att *att, struct shs_ioc_convert *convert)
{
	return shs_ioctl(att->fd, SHS_IOC_CONVERT, convert);
}

/* By the holder: the value of which -EOWNERDEAD told is good again. */
static inline int shs_recover(const struct shs_att *att)
{
	struct shs_ioc_recover recover = { .size = sizeof(recover) };

	return shs_ioctl(att->fd, SHS_IOC_RECOVER, &recover);
}

#define SHS_ONCE(...) ((struct shs_ioc_once){ .size = sizeof(struct shs_ioc_once), ##__VA_ARGS__ })

static inline int shs_once(const struct shs_att *att, struct shs_ioc_once *once)
{
	return shs_ioctl(att->fd, SHS_IOC_ONCE, once);
}

#define SHS_BARRIER(...) \
	((struct shs_ioc_barrier){ .size = sizeof(struct shs_ioc_barrier), ##__VA_ARGS__ })

static inline int shs_barrier(const struct shs_att *att, struct shs_ioc_barrier *barrier)
{
	return shs_ioctl(att->fd, SHS_IOC_BARRIER, barrier);
}

#define SHS_WAIT(...) ((struct shs_ioc_wait){ .size = sizeof(struct shs_ioc_wait), ##__VA_ARGS__ })

static inline int shs_wait(const struct shs_att *att, struct shs_ioc_wait *wait)
{
	return shs_ioctl(att->fd, SHS_IOC_WAIT, wait);
}

/* How many threads hold or wait, and in list up to capacity of them; or an error. */
static inline int shs_threads(int fd, struct shs_thread_info *list, __u32 capacity)
{
	struct shs_ioc_threads threads = { .size = sizeof(threads), .capacity = capacity,
					   .addr = (unsigned long)list };
	int ret;

	memset(list, 0xa5, capacity * sizeof(*list));
	ret = shs_ioctl(fd, SHS_IOC_THREADS, &threads);
	return ret ?: threads.count;
}

/* How long the cycle is for which the attachment was last refused; or an error. */
static inline int shs_cycle(int fd, struct shs_thread_info *list, __u32 capacity)
{
	struct shs_ioc_cycle cycle = { .size = sizeof(cycle), .capacity = capacity,
				       .addr = (unsigned long)list };
	int ret;

	memset(list, 0xa5, capacity * sizeof(*list));
	ret = shs_ioctl(fd, SHS_IOC_CYCLE, &cycle);
	return ret ?: cycle.count;
}

/* By which the kernel names an object to those who have no descriptor of it. */
static inline __u64 shs_inode(int fd)
{
	struct stat is;

	return fstat(fd, &is) ? 0 : is.st_ino;
}

/*
 * Time
 */
static inline __u64 shs_now(enum shs_clock clock)
{
	static const clockid_t id[] = {
		[SHS_CLOCK_MONOTONIC] = CLOCK_MONOTONIC,
		[SHS_CLOCK_REALTIME] = CLOCK_REALTIME,
		[SHS_CLOCK_BOOTTIME] = CLOCK_BOOTTIME,
	};
	struct timespec now;

	clock_gettime(id[clock], &now);
	return now.tv_sec * 1000000000ULL + now.tv_nsec;
}

#define SHS_MS 1000000ULL

/*
 * Processes
 */

/* As fork(), but the child does not outlive its parent, however that ends. */
static inline pid_t shs_fork(void)
{
	pid_t parent = getpid(), child = fork();

	if (child)
		return child;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent && getppid())	/* 0: of another pid namespace */
		_exit(1);
	return 0;
}

/* For a child: gives up root for good. */
static inline void shs_become_nobody(void)
{
	if (setresgid(SHS_NOBODY, SHS_NOBODY, SHS_NOBODY) ||
	    setresuid(SHS_NOBODY, SHS_NOBODY, SHS_NOBODY))
		_exit(1);
	prctl(PR_SET_PDEATHSIG, SIGKILL); /* which the change has cleared */
	prctl(PR_SET_DUMPABLE, 1);	  /* else /proc/self is root's */
}

/* The exit status of a child, or the signal that ended it as a negative number. */
static inline int shs_reap(pid_t child)
{
	int status, ret;

	do
		ret = waitpid(child, &status, 0);
	while (ret < 0 && errno == EINTR);
	if (ret != child)
		return 999;
	return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

/* Has ended, and is still to be reaped. */
static inline bool shs_is_gone(pid_t child)
{
	siginfo_t info = { .si_pid = 0 };

	waitid(P_PID, child, &info, WEXITED | WNOHANG | WNOWAIT);
	return info.si_pid == child;
}

/*
 * Until a thread that was seen to queue also sleeps: who waits at a condvar queues first,
 * then gives the mutex away, and goes to sleep then. Only sleepers are moved by a notify.
 */
static inline void shs_await_sleep(pid_t thread)
{
	char path[40], text[400], state = 0;

	snprintf(path, sizeof(path), "/proc/%d/stat", thread);
	while (state != 'S') {
		FILE *stat = fopen(path, "r");

		if (!stat || !fgets(text, sizeof(text), stat) || !strrchr(text, ')'))
			abort();
		fclose(stat);
		state = strrchr(text, ')')[2];
	}
}

/* For a child with nothing more to do: a signal that it handles is no reason to go on. */
static inline __attribute__((noreturn)) void shs_until_killed(void)
{
	for (;;)
		pause();
}

static inline int shs_kill(pid_t child)
{
	kill(child, SIGKILL);
	return shs_reap(child);
}

/*
 * From here to shs_let_go() a sleeping child may be woken but does not run: so it
 * can be met between the two. 0 or a negative errno.
 */
static inline int shs_hold_off(pid_t child)
{
	struct sched_param first = { .sched_priority = 1 };
	int cpu = sched_getcpu();
	cpu_set_t here;

	CPU_ZERO(&here);
	CPU_SET(cpu < 0 ? 0 : cpu, &here);
	if (sched_setaffinity(0, sizeof(here), &here) ||
	    sched_setaffinity(child, sizeof(here), &here) ||
	    sched_setscheduler(0, SCHED_FIFO, &first))
		return -errno;
	return 0;
}

static inline void shs_let_go(void)
{
	struct sched_param none = { .sched_priority = 0 };

	sched_setscheduler(0, SCHED_OTHER, &none);
}

/* One process tells another that it got somewhere. */
struct shs_pipe {
	int end[2];
};

static inline struct shs_pipe shs_pipe(void)
{
	struct shs_pipe new;

	if (pipe(new.end))
		abort();
	return new;
}

static inline void shs_say(struct shs_pipe *pipe)
{
	if (write(pipe->end[1], "!", 1) != 1)
		abort();
}

static inline void shs_hear(struct shs_pipe *pipe)
{
	char c;

	while (read(pipe->end[0], &c, 1) != 1)
		if (errno != EINTR)
			abort();
}

/* Children that pass wait until the parent opens, then start together. */
static inline void shs_gate_pass(struct shs_pipe *gate)
{
	char c;

	close(gate->end[1]);
	while (read(gate->end[0], &c, 1) < 0 && errno == EINTR)
		;
}

static inline void shs_gate_open(struct shs_pipe *gate)
{
	close(gate->end[1]);
}

/* Memory that children share with their parent, zeroed. */
static inline void *shs_common(size_t size)
{
	void *map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (map == MAP_FAILED)
		abort();
	return map;
}

/*
 * How often a stress repeats: SHS_SCALE is a percentage. The project's runner
 * knows instead by which factor its kernel is slow.
 */
static inline unsigned long shs_scale(unsigned long count)
{
	const char *scale = getenv("SHS_SCALE"), *slow = getenv("SHSTATE_SLOW");
	unsigned long percent = 100;

	if (scale)
		percent = strtoul(scale, NULL, 10);
	else if (slow && atoi(slow) > 1)
		percent = 100 / (atoi(slow) * 2);
	count = count * percent / 100;
	return count ? count : 1;
}

/* How many seconds of it "make soak" asks for; 0 in the suite. */
static inline unsigned long shs_soak(void)
{
	const char *seconds = getenv("SHS_SOAK");

	return seconds ? strtoul(seconds, NULL, 10) : 0;
}

#endif /* SHS_SELFTEST_H */
