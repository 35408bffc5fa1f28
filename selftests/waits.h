/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Every call that waits, of every kind of object, behind one interface.
 *
 * A scene is an object whose maker can stand in the way. An actor, in the same or
 * another process, enters, waits, and leaves:
 *
 *   maker                              actor
 *   shs_scene_make(), _obstruct()
 *                                      shs_actor_come(), _enter(), _wait()
 *   shs_scene_clear()
 *                                      0: _leave(); else _give_up()
 */
#ifndef SHS_SELFTEST_WAITS_H
#define SHS_SELFTEST_WAITS_H

#include "shs.h"

enum shs_way {
	SHS_WAY_LOCK,
	SHS_WAY_LOCK_FIFO,
	SHS_WAY_WRITE,		/* behind a reader */
	SHS_WAY_READ,		/* behind a writer */
	SHS_WAY_UPGRADABLE,	/* behind an upgradable reader */
	SHS_WAY_UPGRADE,	/* beside a reader */
	SHS_WAY_CELL_LOCK,
	SHS_WAY_CONDVAR,
	SHS_WAY_ONCE_BEGIN,
	SHS_WAY_ONCE_WAIT,
	SHS_WAY_ATOMIC,
	SHS_WAY_OP_ADD,		/* to the value of a mutex */
	SHS_WAY_OP_READ,	/* the value of a rwlock */
	SHS_WAY_OP_CELL,	/* 0 becomes 1 */
	SHS_WAY_BATCH,		/* atomic, mutex, atomic: each plus 1 */
	SHS_WAY_TEXT,		/* "+1" to the value of a mutex; has no deadline */
	SHS_WAYS,
	SHS_TIMED_WAYS = SHS_WAY_TEXT,
	SHS_RING_WAYS = SHS_WAY_OP_ADD,	/* those before wait by io_uring, too */
};

static const char * const shs_way_name[] = {
	"lock", "lock of FIFO", "write lock", "read lock", "upgradable lock", "upgrade",
	"lock of a cell", "condvar", "begin of a once", "wait for a once", "wait for an atomic",
	"ADD to a mutex", "READ of a rwlock", "CMPXCHG of a cell", "batch", "text",
};

/*
 * Calls test by one way after the other, up to the first by which it fails: on a slow
 * kernel a test of its own for each would cost more than what it tests.
 */
#define SHS_BY_EACH_WAY(ways, test, ...) do {					\
	for (enum shs_way way = 0; way < (ways) && __test_passed(_metadata); way++) { \
		test(_metadata, way, ##__VA_ARGS__);				\
		if (!__test_passed(_metadata))					\
			TH_LOG("by way of: %s", shs_way_name[way]);		\
	}									\
} while (0)

struct shs_scene {
	enum shs_way way;
	int fd;			/* what is waited for: INFO counts the waiters */
	int beside;		/* the condvar's mutex, the batch's atomic, or -1 */
	struct shs_att mine;	/* the maker's */
};

struct shs_actor {
	const struct shs_scene *scene;
	struct shs_att att;	/* operations have none */
	struct shs_att mutex;	/* beside a condvar */
	union {			/* of its call; each begins with its size */
		__u32 size;
		struct shs_ioc_lock lock;
		struct shs_ioc_convert convert;
		struct shs_ioc_wait wait;
		struct shs_ioc_once once;
		struct shs_ioc_op op;
	} args;
	struct shs_ioc_op ops[3];	/* of a batch, as far as they are done */
	unsigned int done;
};

/* One at a time gets through. */
static inline bool shs_way_is_exclusive(enum shs_way way)
{
	switch (way) {
	case SHS_WAY_LOCK:
	case SHS_WAY_LOCK_FIFO:
	case SHS_WAY_WRITE:
	case SHS_WAY_UPGRADABLE:
	case SHS_WAY_UPGRADE:
	case SHS_WAY_CELL_LOCK:
	case SHS_WAY_CONDVAR:
	case SHS_WAY_ONCE_BEGIN:
		return true;
	default:
		return false;
	}
}

/* Who has got through holds something until it leaves. */
static inline bool shs_way_holds(enum shs_way way)
{
	return shs_way_is_exclusive(way) || way == SHS_WAY_READ;
}

static inline bool shs_way_is_op(enum shs_way way)
{
	return way >= SHS_WAY_ATOMIC;
}

static inline int shs_scene_object(enum shs_way way)
{
	switch (way) {
	case SHS_WAY_LOCK:
	case SHS_WAY_OP_ADD:
	case SHS_WAY_BATCH:
	case SHS_WAY_TEXT:
	case SHS_WAYS:
		return shs_create(SHS_KIND_MUTEX, SHS_TYPE_U64, 1);
	case SHS_WAY_LOCK_FIFO:
		return shs_create_as(&SHS_INIT(.kind = SHS_KIND_MUTEX, .type = SHS_TYPE_U64,
					       .count = 1, .flags = SHS_INIT_FIFO));
	case SHS_WAY_WRITE:
	case SHS_WAY_READ:
	case SHS_WAY_UPGRADABLE:
	case SHS_WAY_UPGRADE:
	case SHS_WAY_OP_READ:
		return shs_create(SHS_KIND_RWLOCK, SHS_TYPE_U64, 1);
	case SHS_WAY_CELL_LOCK:
	case SHS_WAY_OP_CELL:
		return shs_create(SHS_KIND_CELL, SHS_TYPE_U64, 1);
	case SHS_WAY_CONDVAR:
		return shs_create(SHS_KIND_CONDVAR, SHS_TYPE_NONE, 0);
	case SHS_WAY_ONCE_BEGIN:
	case SHS_WAY_ONCE_WAIT:
		return shs_create(SHS_KIND_ONCE, SHS_TYPE_NONE, 0);
	case SHS_WAY_ATOMIC:
		return shs_create(SHS_KIND_ATOMIC, SHS_TYPE_U32, 1);
	}
	return -EINVAL;
}

static inline int shs_scene_make(struct shs_scene *s, enum shs_way way)
{
	s->way = way;
	s->beside = -1;
	s->fd = shs_scene_object(way);
	if (s->fd < 0)
		return s->fd;
	if (way == SHS_WAY_CONDVAR)
		s->beside = shs_create(SHS_KIND_MUTEX, SHS_TYPE_U64, 1);
	if (way == SHS_WAY_BATCH)
		s->beside = shs_create(SHS_KIND_ATOMIC, SHS_TYPE_U64, 1);
	return shs_attach(&s->mine, s->fd);
}

static inline void shs_unmap(struct shs_att *att)
{
	munmap(att->private, att->is.private_size);
	munmap((void *)att->control, att->is.control_size);
	if (att->shared)
		munmap(att->shared, att->is.shared_size);
	close(att->fd);
}

static inline void shs_scene_end(struct shs_scene *s)
{
	shs_unmap(&s->mine);
	close(s->fd);
	if (s->beside >= 0)
		close(s->beside);
}

/* In which mode the maker is in the way of a rwlock's. */
static inline struct shs_ioc_lock shs_scene_lock(const struct shs_scene *s)
{
	switch (s->way) {
	case SHS_WAY_WRITE:
	case SHS_WAY_UPGRADE:
		return SHS_LOCK(.mode = SHS_MODE_READ);
	case SHS_WAY_UPGRADABLE:
		return SHS_LOCK(.mode = SHS_MODE_UPGRADABLE);
	default:
		return SHS_LOCK(.mode = SHS_MODE_EXCLUSIVE);
	}
}

static inline int shs_scene_obstruct(struct shs_scene *s)
{
	struct shs_ioc_lock lock = shs_scene_lock(s);

	switch (s->way) {
	case SHS_WAY_CONDVAR:
	case SHS_WAY_ATOMIC:
		return 0;
	case SHS_WAY_ONCE_BEGIN:
	case SHS_WAY_ONCE_WAIT:
		return shs_once(&s->mine, &SHS_ONCE(.flags = SHS_ONCE_NOWAIT));
	default:
		lock.flags = SHS_LOCK_NOWAIT;
		return shs_lock_as(&s->mine, &lock);
	}
}

/* Made, and its maker stands in the way. */
static inline int shs_scene_closed(struct shs_scene *s, enum shs_way way)
{
	int err = shs_scene_make(s, way);

	return err ? err : shs_scene_obstruct(s);
}

/* Lets all of n waiters through, one after the other where it must be so. */
static inline int shs_scene_clear(struct shs_scene *s, unsigned int n)
{
	struct shs_ioc_op store = SHS_OP(STORE, .arg = 1), notify = SHS_OP(NOTIFY, .arg = n);
	struct shs_ioc_lock lock = shs_scene_lock(s);
	int err;

	switch (s->way) {
	case SHS_WAY_CONDVAR:
		err = shs_op(s->fd, &notify);
		return err ? err : notify.result == n ? 0 : -EIO;
	case SHS_WAY_ATOMIC:
		err = shs_op(s->fd, &store);
		return err ? err : shs_op(s->fd, &notify);
	case SHS_WAY_ONCE_BEGIN:
		return shs_once(&s->mine, &SHS_ONCE(.cmd = SHS_ONCE_ABANDON));
	case SHS_WAY_ONCE_WAIT:
		return shs_once(&s->mine, &SHS_ONCE(.cmd = SHS_ONCE_COMPLETE));
	default:
		return shs_unlock_as(&s->mine, &lock);
	}
}

/* The object that who has got through holds. */
static inline int shs_scene_held(const struct shs_scene *s)
{
	return s->way == SHS_WAY_CONDVAR ? s->beside : s->fd;
}

/* What n who got through have done, as the objects show it. */
static inline bool shs_scene_adds_up(const struct shs_scene *s, __u64 n)
{
	switch (s->way) {
	case SHS_WAY_OP_ADD:
	case SHS_WAY_TEXT:
		return shs_peek(s->fd, 0) == n;
	case SHS_WAY_OP_CELL:
		return shs_load(s->fd, 0) == !!n;
	case SHS_WAY_BATCH:
		return shs_peek(s->fd, 0) == n && shs_load(s->beside, 0) == 2 * n;
	default:
		return true;
	}
}

/* Nobody waits, nobody holds, nobody died. */
static inline bool shs_scene_is_quiet(const struct shs_scene *s)
{
	struct shs_ioc_info info = shs_info(s->fd), held = shs_info(shs_scene_held(s));

	return !info.waiters && !held.waiters && !held.readers && !held.deaths &&
	       held.state == (s->way == SHS_WAY_ONCE_WAIT ? SHS_STATE_DONE : 0);
}

static inline int shs_actor_come(struct shs_actor *a, const struct shs_scene *s)
{
	int err = 0;

	memset(a, 0, sizeof(*a));
	a->scene = s;
	if (!shs_way_is_op(s->way))
		err = shs_attach(&a->att, s->fd);
	if (!err && s->way == SHS_WAY_CONDVAR)
		err = shs_attach(&a->mutex, s->beside);
	return err;
}

static inline void shs_actor_go(struct shs_actor *a)
{
	if (!shs_way_is_op(a->scene->way))
		shs_unmap(&a->att);
	if (a->scene->way == SHS_WAY_CONDVAR)
		shs_unmap(&a->mutex);
}

/* What comes before the wait; may itself wait, for other actors. */
static inline int shs_actor_enter(struct shs_actor *a)
{
	struct shs_ioc_lock upgradable = SHS_LOCK(.mode = SHS_MODE_UPGRADABLE,
						  .deadline = SHS_FOREVER);

	a->done = 0;
	if (a->scene->way == SHS_WAY_CONDVAR)
		return shs_lock(&a->mutex);
	if (a->scene->way == SHS_WAY_UPGRADE)
		return shs_lock_as(&a->att, &upgradable);
	return 0;
}

/* Goes on where an interrupted one has stopped. */
static inline int shs_actor_batch(struct shs_actor *a, __u64 deadline, __u8 clock)
{
	const struct shs_scene *s = a->scene;
	__s32 fds[3] = { s->beside, s->fd, s->beside };
	struct shs_ioc_batch batch = { .size = sizeof(batch), .count = 3 - a->done,
				       .ops = (unsigned long)(a->ops + a->done),
				       .fds = (unsigned long)(fds + a->done) };
	int ret;

	if (!a->done)
		a->ops[0] = a->ops[2] = SHS_OP(FETCH_ADD, .arg = 1);
	a->ops[1] = SHS_OP(ADD, .arg = 1, .deadline = deadline, .clock = clock);
	ret = shs_batch(s->beside, &batch);
	a->done += batch.done;
	return ret;
}

/* The call that waits, but for batch and text: what to call, with a->args, on *fd. */
static inline unsigned long shs_actor_call(struct shs_actor *a, __u64 deadline, __u8 clock, int *fd)
{
	static const __u32 mode[] = {
		[SHS_WAY_READ] = SHS_MODE_READ,
		[SHS_WAY_UPGRADABLE] = SHS_MODE_UPGRADABLE,
		[SHS_WAY_CELL_LOCK] = SHS_MODE_EXCLUSIVE,
	};
	const struct shs_scene *s = a->scene;

	*fd = shs_way_is_op(s->way) ? s->fd : a->att.fd;
	switch (s->way) {
	case SHS_WAY_UPGRADE:
		a->args.convert = SHS_CONVERT(.from = SHS_MODE_UPGRADABLE,
				.to = SHS_MODE_EXCLUSIVE, .deadline = deadline, .clock = clock);
		return SHS_IOC_CONVERT;
	case SHS_WAY_CONDVAR:
		a->args.wait = SHS_WAIT(.mutex_fd = a->mutex.fd, .deadline = deadline,
				.clock = clock, .started = a->args.wait.started);
		return SHS_IOC_WAIT;
	case SHS_WAY_ONCE_BEGIN:
		a->args.once = SHS_ONCE(.deadline = deadline, .clock = clock);
		return SHS_IOC_ONCE;
	case SHS_WAY_ONCE_WAIT:
		a->args.once = SHS_ONCE(.cmd = SHS_ONCE_WAIT, .deadline = deadline,
					.clock = clock);
		return SHS_IOC_ONCE;
	case SHS_WAY_ATOMIC:
		a->args.op = SHS_OP(WAIT, .deadline = deadline, .clock = clock);
		return SHS_IOC_OP;
	case SHS_WAY_OP_ADD:
		a->args.op = SHS_OP(ADD, .arg = 1, .deadline = deadline, .clock = clock);
		return SHS_IOC_OP;
	case SHS_WAY_OP_READ:
		a->args.op = SHS_OP(READ, .deadline = deadline, .clock = clock);
		return SHS_IOC_OP;
	case SHS_WAY_OP_CELL:
		a->args.op = SHS_OP(CMPXCHG, .arg = 1, .deadline = deadline, .clock = clock);
		return SHS_IOC_OP;
	default:
		a->args.lock = SHS_LOCK(.mode = mode[s->way], .deadline = deadline,
					.clock = clock);
		return SHS_IOC_LOCK;
	}
}

/*
 * Waits. 0, or a negative errno; OP_CELL: -EREMCHG for all but the first. After -EINTR
 * it is called again.
 */
static inline int shs_actor_wait(struct shs_actor *a, __u64 deadline, __u8 clock)
{
	unsigned long command;
	int fd;

	if (a->scene->way == SHS_WAY_BATCH)
		return shs_actor_batch(a, deadline, clock);
	if (a->scene->way == SHS_WAY_TEXT)
		return shs_write(a->scene->fd, "+1\n");
	command = shs_actor_call(a, deadline, clock, &fd);
	return shs_ioctl(fd, command, &a->args);
}

/* The same as an entry of a ring: a's address comes back with its completion. */
static inline void shs_actor_prep(struct shs_actor *a, struct io_uring_sqe *sqe, __u64 deadline,
				  __u8 clock)
{
	unsigned long command;
	int fd;

	command = shs_actor_call(a, deadline, clock, &fd);
	shs_prep_command(sqe, fd, command, &a->args);
	sqe->user_data = (unsigned long)a;
}

/* After it got through. */
static inline int shs_actor_leave(struct shs_actor *a)
{
	switch (a->scene->way) {
	case SHS_WAY_CONDVAR:
		return shs_unlock(&a->mutex);
	case SHS_WAY_ONCE_BEGIN:
		return shs_once(&a->att, &SHS_ONCE(.cmd = SHS_ONCE_ABANDON));
	case SHS_WAY_READ:
		return shs_rdunlock(&a->att, 0);
	case SHS_WAY_UPGRADABLE:
		return shs_unlock_as(&a->att, &SHS_LOCK(.mode = SHS_MODE_UPGRADABLE));
	default:
		return shs_way_holds(a->scene->way) ? shs_unlock(&a->att) : 0;
	}
}

/* After its time was up: what it had entered with. */
static inline int shs_actor_give_up(struct shs_actor *a)
{
	if (a->scene->way == SHS_WAY_CONDVAR)
		return shs_unlock(&a->mutex);
	if (a->scene->way == SHS_WAY_UPGRADE)
		return shs_unlock_as(&a->att, &SHS_LOCK(.mode = SHS_MODE_UPGRADABLE));
	return 0;
}

/* As the kernel does it for the other ways: a batch that was stopped in its middle goes on. */
static inline int shs_actor_wait_on(struct shs_actor *a, __u64 deadline, __u8 clock)
{
	int ret;

	do
		ret = shs_actor_wait(a, deadline, clock);
	while (ret == -EINTR && a->scene->way == SHS_WAY_BATCH);
	return ret;
}

/*
 * A child that comes, enters, waits once, gives up or leaves, and exits with the
 * outcome, a negated errno; 200 and more: something else failed.
 */
static inline pid_t shs_actor_fork(const struct shs_scene *s, __u64 deadline, __u8 clock)
{
	pid_t child = shs_fork();
	struct shs_actor a;
	int ret;

	if (child)
		return child;
	if (shs_actor_come(&a, s))
		_exit(200);
	if (shs_actor_enter(&a))
		_exit(201);
	ret = shs_actor_wait_on(&a, deadline, clock);
	if (ret ? shs_actor_give_up(&a) : shs_actor_leave(&a))
		_exit(202);
	_exit(-ret);
}

#endif /* SHS_SELFTEST_WAITS_H */
