/* SPDX-License-Identifier: LGPL-2.1-or-later OR MIT */
/*
 * libshstate: single operations and waits through the caller's io_uring. Include it
 * after liburing.h, or alone: nothing but the kernel's struct io_uring_sqe is needed.
 */
#ifndef SHSTATE_URING_H
#define SHSTATE_URING_H

#include <string.h>

#include <linux/io_uring.h>

#include <shstate.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Makes of an SQE the ioctl command on a descriptor, or an index of a fixed file; its
 * struct, which begins with its size, must live until the completion.
 */
static inline void shs_prep_command_fd(struct io_uring_sqe *sqe, int fd, unsigned int command,
				       const void *request)
{
	struct shs_sqe payload;

	memset(&payload, 0, sizeof(payload));
	payload.addr = (uintptr_t)request;
	memcpy(&payload.size, request, sizeof(payload.size));

	memset(sqe, 0, sizeof(*sqe));
	sqe->opcode = IORING_OP_URING_CMD;
	sqe->fd = fd;
	sqe->cmd_op = command;
	/* cmd[] is declared empty: go by its place, not by its size. */
	memcpy((char *)sqe + offsetof(struct io_uring_sqe, cmd), &payload, sizeof(payload));
}

/* shs_prep_op() without the call, for a descriptor or an index of a fixed file. */
static inline void shs_prep_op_fd(struct io_uring_sqe *sqe, int fd, struct shs_ioc_op *op)
{
	op->size = sizeof(*op);
	op->result = 0;
	op->notice = 0;
	shs_prep_command_fd(sqe, fd, SHS_IOC_OP, op);
}

/*
 * Makes of an SQE a single operation on the object; struct and handle must live
 * until the completion, whose res is what shs_object_op() would have returned,
 * but a held lock is -EBUSY. Set user_data and flags afterwards. op->size, result
 * and notice are set here. shs_prep_op_fd() is the same inline.
 */
void shs_prep_op(struct io_uring_sqe *sqe, const struct shs_object *object,
		 struct shs_ioc_op *op);

/*
 * What io_uring can do here for this object's kernel: SHS_FEATURE_URING (single
 * operations), SHS_FEATURE_URING_WAIT (waits), SHS_FEATURE_ASYNC (waits need no worker of the
 * ring: as many as you like). -ENOSYS: the kernel has no io_uring; -EPERM: it is
 * switched off (kernel.io_uring_disabled) or a seccomp filter forbids it. Every call of
 * this library works without.
 */
int shs_uring_features(const struct shs_object *object);

/*
 * A wait by the caller's ring, instead of a thread that sleeps. Prepare an entry with one
 * of the functions below, set user_data, submit, and when its completion comes hand res
 * to shs_call_end(), which returns what the function that sleeps would have returned:
 *
 *	struct shs_call call;
 *
 *	ret = shs_prep_mutex_lock(sqe, &call, mutex, shs_deadline_never());
 *	...
 *	ret = shs_call_end(&call, cqe->res);	// 0, -EOWNERDEAD: locked
 *
 * The call is the caller's memory, not to be moved, until its completion was seen; the
 * handles must live as long. It belongs to the thread that submits, which calls
 * shs_call_end() too (with IORING_SETUP_SQPOLL a recursive mutex and the search for
 * deadlocks see the ring's thread instead). Not to be used in a child of fork().
 *
 * The preparing functions return 0 or a negative errno (-EOPNOTSUPP: not of this kind;
 * -EINVAL: a clock that there is not; -EDEADLK: this thread holds it for writing already;
 * what attaching fails with). With an error the entry does nothing: completes with 0, which
 * is not the end of the call.
 *
 * Of a wait that ends with -ECANCELED, by shs_prep_cancel() or the end of the ring,
 * nothing was granted; a condvar's mutex is locked again if shs_prep_cancel() did it. A
 * lock that was granted, but whose completion nobody saw because the ring was closed, is
 * held: end the waits before closing a ring. -EUSERS: too many wait for the object by
 * rings. -ENOLCK: somebody who may write the mutex of a condvar's wait rewrites its word
 * without end; it is not held. Without SHS_FEATURE_ASYNC also -EBUSY: as many wait already
 * as there are threads for this process, so use shs_prep_poll(); and -EINTR: nothing was
 * granted, and a condvar's mutex is not held, for the process was stopped or
 * IORING_OP_ASYNC_CANCEL came.
 *
 * IORING_OP_LINK_TIMEOUT and IORING_OP_ASYNC_CANCEL do not reach such waits where they
 * need no thread: use the deadline, shs_prep_cancel(), or shs_prep_poll().
 */
struct shs_call {
	struct shs_object *object, *other;
	struct shs_call *lock;
	const void *hidden;
	uint32_t what, mode, lane;
	int32_t holder, held;
	uint32_t polled;
	union {
		struct shs_ioc_lock lock;
		struct shs_ioc_convert convert;
		struct shs_ioc_wait wait;
		struct shs_ioc_once once;
		struct shs_ioc_op op;
		struct shs_ioc_cancel cancel;
		struct {
			struct shs_ioc_many request;
			struct shs_wanted *list;
		} many;
		uint64_t room[16];
	} request;
};

int shs_prep_mutex_lock(struct io_uring_sqe *sqe, struct shs_call *call,
			struct shs_object *mutex, struct shs_deadline deadline);
int shs_prep_rwlock_write(struct io_uring_sqe *sqe, struct shs_call *call,
			  struct shs_object *rwlock, struct shs_deadline deadline);
int shs_prep_rwlock_upgradable(struct io_uring_sqe *sqe, struct shs_call *call,
			       struct shs_object *rwlock, struct shs_deadline deadline);
int shs_prep_rwlock_upgrade(struct io_uring_sqe *sqe, struct shs_call *call,
			    struct shs_object *rwlock, struct shs_deadline deadline);
/* call->lane is what shs_rwlock_read_unlock() takes. */
int shs_prep_rwlock_read(struct io_uring_sqe *sqe, struct shs_call *call,
			 struct shs_object *rwlock, struct shs_deadline deadline);
/* The mutex, or rwlock for writing, is held by this thread, and again after the wait. */
int shs_prep_condvar_wait(struct io_uring_sqe *sqe, struct shs_call *call,
			  struct shs_object *condvar, struct shs_object *mutex,
			  struct shs_deadline deadline);
/* shs_call_end(): as shs_once_begin(), as shs_once_wait(). */
int shs_prep_once_begin(struct io_uring_sqe *sqe, struct shs_call *call,
			struct shs_object *once, struct shs_deadline deadline);
int shs_prep_once_wait(struct io_uring_sqe *sqe, struct shs_call *call,
		       struct shs_object *once, struct shs_deadline deadline);
int shs_prep_atomic_wait(struct io_uring_sqe *sqe, struct shs_call *call,
			 struct shs_object *atomic, uint32_t index, int64_t expected,
			 struct shs_deadline deadline);
/* As shs_atomic_await(), shs_counter_await(); the value is then call->request.op.result. */
int shs_prep_atomic_await(struct io_uring_sqe *sqe, struct shs_call *call,
			  struct shs_object *atomic, uint32_t index, uint32_t condition,
			  int64_t argument, struct shs_deadline deadline);
int shs_prep_counter_await(struct io_uring_sqe *sqe, struct shs_call *call,
			   struct shs_object *counter, uint32_t index, uint32_t condition,
			   int64_t argument, struct shs_deadline deadline);

/*
 * shs_call_end(): as shs_wait_any(), as shs_wait_all(). list, and items, which is room for
 * count of them, stay where they are until then. With an error shs_call_end() is not called.
 */
int shs_prep_wait_any(struct io_uring_sqe *sqe, struct shs_call *call, struct shs_wanted *list,
		      struct shs_many_item *items, uint32_t count, struct shs_deadline deadline);
int shs_prep_wait_all(struct io_uring_sqe *sqe, struct shs_call *call, struct shs_wanted *list,
		      struct shs_many_item *items, uint32_t count, struct shs_deadline deadline);

/*
 * A critical section as one chain of entries with IOSQE_IO_LINK: a lock as above, then
 * READ, WRITE or ADD of the value under it, then the unlock. shs_prep_unlock() names the
 * lock's call, and both calls are ended in their order. If an operation fails the unlock
 * does not come to pass: its end is -ECANCELED, and the lock is held, by the thread. (On
 * 6.12 the entries of a chain must not be used again before it has completed: that kernel
 * reads linked entries late.)
 */
int shs_prep_held_op(struct io_uring_sqe *sqe, struct shs_object *object,
		     struct shs_ioc_op *op);
int shs_prep_unlock(struct io_uring_sqe *sqe, struct shs_call *call, struct shs_call *lock);

/*
 * Ends a wait of this process with -ECANCELED. 0, or -ENOENT: it does not wait (any
 * more). shs_call_cancel() does so at once, from any thread or signal handler.
 */
int shs_prep_cancel(struct io_uring_sqe *sqe, struct shs_call *call,
		    const struct shs_call *wait);
int shs_call_cancel(const struct shs_call *wait);

int shs_call_end(struct shs_call *call, int result);

/*
 * The same waits by poll(), epoll or select(), without io_uring or liburing: prepare the
 * call with sqe NULL, arm it, and when the descriptor is readable, collect:
 *
 *	ret = shs_prep_mutex_lock(NULL, &call, mutex, shs_deadline_never());
 *	fd = ret ? ret : shs_call_arm(&call);
 *	...					// poll() says POLLIN of fd
 *	ret = shs_call_collect(&call);		// 0, -EOWNERDEAD: locked
 *
 * shs_call_arm() begins the wait, which may end at once, and returns the descriptor to
 * poll, for reading. That is the handle's: it stays the same as long as the handle is
 * open, is to be polled and nothing else, and is readable until shs_call_collect().
 * -EBUSY: one wait at a time for each handle, until it is collected; open the object
 * once more for another. -EINVAL: the call is no wait; -EOPNOTSUPP: the kernel's
 * module is older than SHS_FEATURE_ARM; -ENOMEM; what the wait says of its arguments, as
 * -EPERM for a condvar's mutex that is not held. After an error nothing was begun.
 *
 * shs_call_collect() returns what the function that sleeps would have returned: -EAGAIN:
 * it has not ended; -ENOENT: nothing is armed; else that was its end, as of
 * shs_call_end(), with -ECANCELED after shs_call_cancel(), which ends a wait early:
 * collect then, for it may have been granted before. -EBUSY: somebody who may write the
 * object rewrites its word without end.
 *
 * A call is armed and collected by one thread, which is the lock's owner; shs_call_cancel()
 * is for any thread. Not async-signal-safe. A handle that is closed ends its wait, and what
 * that was granted and nobody collected goes to the next, as when the process ends. Not to
 * be used in a child of fork(), where the descriptor is closed: the wait stays the parent's.
 */
int shs_call_arm(struct shs_call *call);
int shs_call_collect(struct shs_call *call);

/*
 * The same by the caller's ring: arms a call that was prepared (with this entry, or NULL),
 * and makes of the entry an IORING_OP_POLL_ADD of its descriptor, whose completion goes to
 * shs_call_end() as any other's. It is for what a command cannot do: on every kernel it
 * needs no thread, so never -EBUSY for their number, and IORING_OP_LINK_TIMEOUT,
 * IORING_OP_ASYNC_CANCEL and IORING_OP_POLL_REMOVE reach it. Any of these ends the wait:
 * shs_call_end() returns -ECANCELED, or that it was granted before; of a condvar's wait it
 * sleeps until the mutex is locked again. (-EAGAIN: the handle's memory was unmapped, and the
 * wait has not ended yet: shs_call_collect() later.)
 *
 *	ret = shs_prep_mutex_lock(NULL, &call, mutex, shs_deadline_never());
 *	ret = ret ? ret : shs_prep_poll(sqe, &call);
 *	...
 *	ret = shs_call_end(&call, cqe->res);	// 0, -EOWNERDEAD: locked
 *
 * Returns 0, or what shs_call_arm() fails with: then the entry does nothing, as above. The wait
 * begins here, not when the entry is submitted, so it is not for a chain of lock, operation,
 * unlock; and the end of the ring ends the poll, not the wait, which shs_call_cancel() and
 * shs_call_collect() end then. Threads, signals and fork() as of shs_call_arm().
 */
int shs_prep_poll(struct io_uring_sqe *sqe, struct shs_call *call);

#ifdef __cplusplus
}
#endif

#endif /* SHSTATE_URING_H */
