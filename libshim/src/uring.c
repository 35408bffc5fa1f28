// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
/* Operations and waits by the caller's io_uring; and the same waits by poll. */
#include <errno.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <shstate_uring.h>

#include "internal.h"

void shs_prep_op(struct io_uring_sqe *sqe, const struct shs_object *object,
		 struct shs_ioc_op *op)
{
	shs_prep_op_fd(sqe, shs_object_fd(object), op);
}

/* What a call is for, as its end has to know. */
enum what {
	WHAT_NOTHING,		/* more than its result */
	WHAT_LOCK,		/* object, in call->mode */
	WHAT_UPGRADE,
	WHAT_WAIT,		/* at a condvar, with call->other held before and after */
	WHAT_ONCE,
	WHAT_UNLOCK,		/* what call->lock has locked */
	WHAT_VALUE,
	WHAT_MANY,
};

int shs_uring_features(const struct shs_object *object)
{
	struct shs_ioc_abi abi = { .size = sizeof(abi) };
	int ret;

	/* Without parameters it fails, but where it is not allowed it fails before. */
	if (syscall(SYS_io_uring_setup, 0, NULL) < 0 && errno != EFAULT && errno != EINVAL)
		return -errno;
	ret = object->ops->call(object, SHS_IOC_ABI, &abi);
	if (ret < 0)
		return ret;
	return abi.features & (SHS_FEATURE_URING | SHS_FEATURE_URING_WAIT | SHS_FEATURE_ASYNC);
}

/* An entry with which nothing goes wrong, for who submits it all the same. */
static int refuse(struct io_uring_sqe *sqe, int why)
{
	if (!sqe)
		return why;
	memset(sqe, 0, sizeof(*sqe));
	sqe->opcode = IORING_OP_NOP;
	return why;
}

/* A command of the owner, whose request is filled in already. */
static int prep(struct io_uring_sqe *sqe, struct shs_call *call, unsigned int command)
{
	int fd = call->object->ops->owner_fd(call->object);

	if (fd < 0)
		return refuse(sqe, fd);
	if (sqe)
		shs_prep_command_fd(sqe, fd, command, &call->request);
	return 0;
}

static struct shs_call *start(struct shs_call *call, struct shs_object *object, enum what what)
{
	memset(call, 0, sizeof(*call));
	call->object = object;
	call->what = what;
	return call;
}

static int prep_lock(struct io_uring_sqe *sqe, struct shs_call *call, struct shs_object *object,
		     uint32_t kind, uint32_t mode, struct shs_deadline deadline)
{
	struct shs_ioc_lock *lock = &start(call, object, WHAT_LOCK)->request.lock;

	if (object->kind != kind)
		return refuse(sqe, -EOPNOTSUPP);
	if (deadline.clock > SHS_CLOCK_BOOTTIME)
		return refuse(sqe, -EINVAL);
	if (mode == SHS_MODE_EXCLUSIVE && shs_thread_is_holder(to_handle(object)))
		return refuse(sqe, -EDEADLK);
	call->mode = mode;
	lock->size = sizeof(*lock);
	lock->mode = mode;
	lock->lane = call->lane;
	lock->deadline = deadline.ns;
	lock->clock = deadline.clock;
	return prep(sqe, call, SHS_IOC_LOCK);
}

int shs_prep_mutex_lock(struct io_uring_sqe *sqe, struct shs_call *call,
			struct shs_object *mutex, struct shs_deadline deadline)
{
	return prep_lock(sqe, call, mutex, SHS_KIND_MUTEX, SHS_MODE_EXCLUSIVE, deadline);
}

int shs_prep_rwlock_write(struct io_uring_sqe *sqe, struct shs_call *call,
			  struct shs_object *rwlock, struct shs_deadline deadline)
{
	return prep_lock(sqe, call, rwlock, SHS_KIND_RWLOCK, SHS_MODE_EXCLUSIVE, deadline);
}

int shs_prep_rwlock_upgradable(struct io_uring_sqe *sqe, struct shs_call *call,
			       struct shs_object *rwlock, struct shs_deadline deadline)
{
	return prep_lock(sqe, call, rwlock, SHS_KIND_RWLOCK, SHS_MODE_UPGRADABLE, deadline);
}

int shs_prep_rwlock_read(struct io_uring_sqe *sqe, struct shs_call *call,
			 struct shs_object *rwlock, struct shs_deadline deadline)
{
	int ret = prep_lock(sqe, call, rwlock, SHS_KIND_RWLOCK, SHS_MODE_READ, deadline);

	if (ret)
		return ret;
	/* How many lanes there are is known now that it is attached. */
	call->lane = shs_thread_lane(to_handle(rwlock));
	shs_thread_name_lane(to_handle(rwlock), call->lane);
	call->request.lock.lane = call->lane;
	return 0;
}

int shs_prep_rwlock_upgrade(struct io_uring_sqe *sqe, struct shs_call *call,
			    struct shs_object *rwlock, struct shs_deadline deadline)
{
	struct shs_ioc_convert *convert = &start(call, rwlock, WHAT_UPGRADE)->request.convert;

	if (rwlock->kind != SHS_KIND_RWLOCK)
		return refuse(sqe, -EOPNOTSUPP);
	if (deadline.clock > SHS_CLOCK_BOOTTIME)
		return refuse(sqe, -EINVAL);
	convert->size = sizeof(*convert);
	convert->from = SHS_MODE_UPGRADABLE;
	convert->to = SHS_MODE_EXCLUSIVE;
	convert->deadline = deadline.ns;
	convert->clock = deadline.clock;
	return prep(sqe, call, SHS_IOC_CONVERT);
}

int shs_prep_condvar_wait(struct io_uring_sqe *sqe, struct shs_call *call,
			  struct shs_object *condvar, struct shs_object *mutex,
			  struct shs_deadline deadline)
{
	struct shs_ioc_wait *wait = &start(call, condvar, WHAT_WAIT)->request.wait;
	int fd, ret;

	if (condvar->kind != SHS_KIND_CONDVAR)
		return refuse(sqe, -EOPNOTSUPP);
	if (deadline.clock > SHS_CLOCK_BOOTTIME)
		return refuse(sqe, -EINVAL);
	if (shs_thread_is_nested(to_handle(mutex)))
		return refuse(sqe, -EDEADLK);
	fd = mutex->ops->owner_fd(mutex);
	if (fd < 0)
		return refuse(sqe, fd);
	call->other = mutex;
	call->hidden = shs_value_for(mutex, SHS_MODE_EXCLUSIVE);
	wait->size = sizeof(*wait);
	wait->mutex_fd = fd;
	wait->deadline = deadline.ns;
	wait->clock = deadline.clock;
	ret = prep(sqe, call, SHS_IOC_WAIT);
	if (!ret)
		call->holder = shs_thread_releases(to_handle(mutex), SHS_MODE_EXCLUSIVE);
	return ret;
}

static int prep_once(struct io_uring_sqe *sqe, struct shs_call *call, struct shs_object *once,
		     uint32_t command, struct shs_deadline deadline)
{
	struct shs_ioc_once *request = &start(call, once, WHAT_ONCE)->request.once;

	if (once->kind != SHS_KIND_ONCE)
		return refuse(sqe, -EOPNOTSUPP);
	if (deadline.clock > SHS_CLOCK_BOOTTIME)
		return refuse(sqe, -EINVAL);
	request->size = sizeof(*request);
	request->cmd = command;
	request->deadline = deadline.ns;
	request->clock = deadline.clock;
	return prep(sqe, call, SHS_IOC_ONCE);
}

int shs_prep_once_begin(struct io_uring_sqe *sqe, struct shs_call *call,
			struct shs_object *once, struct shs_deadline deadline)
{
	return prep_once(sqe, call, once, SHS_ONCE_BEGIN, deadline);
}

int shs_prep_once_wait(struct io_uring_sqe *sqe, struct shs_call *call, struct shs_object *once,
		       struct shs_deadline deadline)
{
	return prep_once(sqe, call, once, SHS_ONCE_WAIT, deadline);
}

int shs_prep_atomic_wait(struct io_uring_sqe *sqe, struct shs_call *call,
			 struct shs_object *atomic, uint32_t index, int64_t expected,
			 struct shs_deadline deadline)
{
	struct shs_ioc_op *op = &start(call, atomic, WHAT_VALUE)->request.op;

	if (atomic->kind != SHS_KIND_ATOMIC)
		return refuse(sqe, -EOPNOTSUPP);
	if (deadline.clock > SHS_CLOCK_BOOTTIME)
		return refuse(sqe, -EINVAL);
	op->size = sizeof(*op);
	op->op = SHS_OP_WAIT;
	op->index = index;
	op->expected = expected;
	op->deadline = deadline.ns;
	op->clock = deadline.clock;
	if (sqe)
		shs_prep_command_fd(sqe, shs_object_fd(atomic), SHS_IOC_OP, op);
	return 0;
}

static int prep_await(struct io_uring_sqe *sqe, struct shs_call *call, struct shs_object *object,
		      uint32_t kind, uint32_t index, uint32_t condition, int64_t argument,
		      struct shs_deadline deadline)
{
	struct shs_ioc_op *op = &start(call, object, WHAT_VALUE)->request.op;
	int ret = shs_await_fill(op, object, kind, index, condition, argument, deadline);

	if (ret)
		return refuse(sqe, ret);
	if (sqe)
		shs_prep_command_fd(sqe, shs_object_fd(object), SHS_IOC_OP, op);
	return 0;
}

int shs_prep_atomic_await(struct io_uring_sqe *sqe, struct shs_call *call,
			  struct shs_object *atomic, uint32_t index, uint32_t condition,
			  int64_t argument, struct shs_deadline deadline)
{
	return prep_await(sqe, call, atomic, SHS_KIND_ATOMIC, index, condition, argument,
			  deadline);
}

int shs_prep_counter_await(struct io_uring_sqe *sqe, struct shs_call *call,
			   struct shs_object *counter, uint32_t index, uint32_t condition,
			   int64_t argument, struct shs_deadline deadline)
{
	return prep_await(sqe, call, counter, SHS_KIND_COUNTER, index, condition, argument,
			  deadline);
}

static int prep_many(struct io_uring_sqe *sqe, struct shs_call *call, struct shs_wanted *list,
		     struct shs_many_item *items, uint32_t count, uint32_t flags,
		     struct shs_deadline deadline)
{
	struct shs_ioc_many *many = &start(call, NULL, WHAT_MANY)->request.many.request;
	int ret = shs_many_fill(many, items, list, count, flags, deadline);

	if (!ret) {
		call->object = list[0].object;
		call->request.many.list = list;
		ret = prep(sqe, call, SHS_IOC_MANY);
	}
	if (ret)		/* nor is its end any */
		call->what = WHAT_NOTHING;
	return ret ? refuse(sqe, ret) : 0;
}

int shs_prep_wait_any(struct io_uring_sqe *sqe, struct shs_call *call, struct shs_wanted *list,
		      struct shs_many_item *items, uint32_t count, struct shs_deadline deadline)
{
	return prep_many(sqe, call, list, items, count, 0, deadline);
}

int shs_prep_wait_all(struct io_uring_sqe *sqe, struct shs_call *call, struct shs_wanted *list,
		      struct shs_many_item *items, uint32_t count, struct shs_deadline deadline)
{
	return prep_many(sqe, call, list, items, count, SHS_MANY_ALL, deadline);
}

int shs_prep_held_op(struct io_uring_sqe *sqe, struct shs_object *object, struct shs_ioc_op *op)
{
	int fd = object->ops->owner_fd(object);

	if (fd < 0)
		return refuse(sqe, fd);
	op->size = sizeof(*op);
	op->flags |= SHS_OP_HELD;
	op->result = 0;
	op->notice = 0;
	shs_prep_command_fd(sqe, fd, SHS_IOC_OP, op);
	return 0;
}

int shs_prep_unlock(struct io_uring_sqe *sqe, struct shs_call *call, struct shs_call *lock)
{
	struct shs_ioc_lock *request = &start(call, lock->object, WHAT_UNLOCK)->request.lock;
	int ret;

	if (lock->what != WHAT_LOCK)
		return refuse(sqe, -EINVAL);
	request->size = sizeof(*request);
	request->mode = lock->mode;
	request->lane = lock->lane;
	ret = prep(sqe, call, SHS_IOC_UNLOCK);
	if (ret)
		return ret;
	call->lock = lock;
	lock->lock = call;		/* its end need not be noted: this one's follows */
	return 0;
}

int shs_prep_cancel(struct io_uring_sqe *sqe, struct shs_call *call, const struct shs_call *wait)
{
	struct shs_ioc_cancel *cancel = &start(call, wait->object, WHAT_NOTHING)->request.cancel;

	cancel->size = sizeof(*cancel);
	cancel->addr = (uintptr_t)&wait->request;
	shs_prep_command_fd(sqe, shs_object_fd(wait->object), SHS_IOC_CANCEL, cancel);
	return 0;
}

int shs_call_cancel(const struct shs_call *wait)
{
	struct shs_ioc_cancel cancel = {
		.size = sizeof(cancel),
		.addr = (uintptr_t)&wait->request,
	};

	return wait->object ? wait->object->ops->call(wait->object, SHS_IOC_CANCEL, &cancel) :
			      -ENOENT;
}

static int end_lock(struct shs_call *call, int result, uint32_t notice)
{
	int status = !result && notice ? -EOWNERDEAD : result;

	call->held = shs_is_held(status);
	if (call->lock)			/* unlocked by what is linked to it */
		return status;
	return shs_granted(call->object, call->mode, status);
}

static int end_upgrade(struct shs_call *call, int result)
{
	int status = !result && call->request.convert.notice ? -EOWNERDEAD : result;

	shs_granted(call->object, SHS_MODE_EXCLUSIVE, status);
	if (shs_is_held(status))
		shs_thread_releases(to_handle(call->object), SHS_MODE_UPGRADABLE);
	return status;
}

/* The chain broke before it: what was locked is held still. */
static int end_unlock(struct shs_call *call, int result)
{
	if (result && call->lock->held)
		shs_granted(call->object, call->lock->mode, 0);
	call->lock->held = 0;
	return result;
}

static int end_wait(struct shs_call *call, int result)
{
	int status = !result && call->request.wait.notice ? -EOWNERDEAD : result;

	shs_condvar_waited(to_handle(call->other), status, call->hidden, call->holder);
	return status;
}

static int end_once(struct shs_call *call, int result)
{
	int runs = !result && call->request.once.state == SHS_ONCE_RUNNING;

	shs_thread_enter();
	if (runs)
		shs_thread_holds(to_handle(call->object), SHS_MODE_EXCLUSIVE);
	if (!result && call->request.once.notice)
		return -EOWNERDEAD;
	return result ? result : runs;
}

static int end_many(struct shs_call *call, int result)
{
	struct shs_ioc_many *many = &call->request.many.request;
	int status = !result && many->notice ? -EOWNERDEAD : result;

	return shs_many_end(many, call->request.many.list, status);
}

/*
 * The poll has ended, with the wait; or it alone, with an error, by which its user wants the
 * wait to end. That is a condvar's wait only when its mutex is locked again.
 */
static int end_polled(struct shs_call *call, int result)
{
	struct pollfd end = { .fd = call->object->ops->owner_fd(call->object), .events = POLLIN };

	if (end.fd < 0)
		return end.fd;
	if (result < 0) {
		shs_call_cancel(call);
		/* Not poll(), in which a thread that is cancelled would not collect. */
		while (syscall(SYS_ppoll, &end, 1, NULL, NULL, 0) < 0 && errno == EINTR)
			continue;
	}
	return shs_call_collect(call);
}

int shs_call_end(struct shs_call *call, int result)
{
	if (call->polled)
		return end_polled(call, result);
	switch ((enum what)call->what) {
	case WHAT_LOCK:
		return end_lock(call, result, call->request.lock.notice);
	case WHAT_UPGRADE:
		return end_upgrade(call, result);
	case WHAT_UNLOCK:
		return end_unlock(call, result);
	case WHAT_WAIT:
		return end_wait(call, result);
	case WHAT_ONCE:
		return end_once(call, result);
	case WHAT_MANY:
		return end_many(call, result);
	case WHAT_VALUE:
	case WHAT_NOTHING:
		break;
	}
	return result;
}

/* ---- by poll ---- */

/* The command that waits; 0: the call is no wait. */
static unsigned int command_of(const struct shs_call *call)
{
	switch ((enum what)call->what) {
	case WHAT_LOCK:
		return SHS_IOC_LOCK;
	case WHAT_UPGRADE:
		return SHS_IOC_CONVERT;
	case WHAT_WAIT:
		return SHS_IOC_WAIT;
	case WHAT_ONCE:
		return SHS_IOC_ONCE;
	case WHAT_VALUE:
		return SHS_IOC_OP;
	case WHAT_MANY:
		return SHS_IOC_MANY;
	case WHAT_UNLOCK:
	case WHAT_NOTHING:
		break;
	}
	return 0;
}

int shs_call_arm(struct shs_call *call)
{
	struct shs_ioc_arm arm = {
		.size = sizeof(arm),
		.command = command_of(call),
		.addr = (uintptr_t)&call->request,
	};
	int fd, ret;

	if (!arm.command)
		return -EINVAL;
	fd = call->object->ops->owner_fd(call->object);
	ret = fd < 0 ? fd : shs_restart_ioctl(fd, SHS_IOC_ARM, &arm);
	if (ret == -ENOTTY)
		ret = -EOPNOTSUPP;
	if (!ret)
		return fd;
	if (call->what == WHAT_WAIT)
		shs_thread_holds_still(to_handle(call->other), SHS_MODE_EXCLUSIVE, call->holder);
	return ret;
}

int shs_prep_poll(struct io_uring_sqe *sqe, struct shs_call *call)
{
	int fd = shs_call_arm(call);

	if (fd < 0)
		return refuse(sqe, fd);
	memset(sqe, 0, sizeof(*sqe));
	sqe->opcode = IORING_OP_POLL_ADD;
	sqe->fd = fd;
	sqe->poll_events = POLLIN;	/* of 16 bits: the same in either byte order */
	call->polled = 1;
	return 0;
}

/* As a completion would tell of it: 0, a notice, and what else the struct has. */
static void fill_in(struct shs_call *call, const struct shs_ioc_collect *collect, uint32_t notice)
{
	switch ((enum what)call->what) {
	case WHAT_LOCK:
		call->request.lock.notice = notice;
		break;
	case WHAT_UPGRADE:
		call->request.convert.notice = notice;
		break;
	case WHAT_WAIT:
		call->request.wait.notice = notice;
		break;
	case WHAT_ONCE:
		call->request.once.notice = notice;
		call->request.once.state = collect->state;
		break;
	case WHAT_VALUE:
		call->request.op.result = collect->result;
		break;
	case WHAT_MANY:
		call->request.many.request.notice = notice;
		break;
	case WHAT_UNLOCK:
	case WHAT_NOTHING:
		break;
	}
}

int shs_call_collect(struct shs_call *call)
{
	struct shs_ioc_collect collect = { .size = sizeof(collect) };
	int fd = call->object->ops->owner_fd(call->object), ret;

	if (fd < 0)
		return fd;
	ret = ioctl(fd, SHS_IOC_COLLECT, &collect) ? -errno : 0;
	if (ret == -EAGAIN || ret == -ENOENT || ret == -ESTALE)
		return ret;
	call->polled = 0;
	fill_in(call, &collect, ret == -EOWNERDEAD ? SHS_NOTICE_OWNER_DIED : 0);
	return shs_call_end(call, ret == -EOWNERDEAD ? 0 : ret);
}
