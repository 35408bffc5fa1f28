/* SPDX-License-Identifier: LGPL-2.1-or-later OR MIT */
/*
 * libshstate: shared state for processes.
 *
 *	struct shs_object *counter;
 *	struct shs_spec spec = { .kind = SHS_KIND_MUTEX, .type = SHS_TYPE_I32 };
 *	int ret = shs_object_open_or_create("hits", &spec, &counter);
 *
 *	shs_scope(num, shs_mutex_hold(counter))
 *		*(int32_t *)num.value += 1;
 *
 * Conventions, which each comment below only adds to:
 *
 * Returns	0 or a positive number on success, a negative errno on failure;
 *		errno itself is not a result. An out pointer that is said to be
 *		optional may be NULL, and is written on success only.
 * Names	A name without '/' lies in the folder SHSTATE_DIR, or else in
 *		/dev/shstate; one with '/' is a path. "://" is reserved.
 * Deadlines	Absolute, see struct shs_deadline. A function X that waits has a
 *		twin X_until. A signal handler that runs meanwhile neither ends
 *		nor prolongs a wait.
 * Threads	Every function is thread-safe, also several threads on one handle;
 *		only shs_object_close() and what consumes a handle must be the last.
 *		A lock belongs to the process: a second thread that locks it waits,
 *		and any thread may unlock. What a thread holds when it ends is
 *		released: a mutex or write lock as by a death, so that the next
 *		owner is told -EOWNERDEAD, a read or upgradable lock plainly, and a
 *		once that it runs is given up. To hand a lock to another thread,
 *		outlive it. (Not released are the read locks of threads beyond 63 that
 *		live at the same time and ever read; they end with the process.)
 * Signals	Only single operations (shs_object_op() and what says "single
 *		operation") and unlocks are async-signal-safe. A handler that changes
 *		the very cell that it interrupted a store of waits for itself. One that
 *		interrupted a function other than shs_object_attach() must not fork and
 *		return in the child.
 * Calls	None while nobody contends, of a handle that is attached: to lock and
 *		unlock a mutex (not FIFO or DETECT; RECURSIVE: again), to read a
 *		rwlock that nobody writes, to end writing one or to read on, to add
 *		to a counter that wraps, for an atomic, to load and store a cell, to
 *		see that a once is done, to notify nobody. The functions are inline
 *		(shstate_fast.h). Single operations attach by themselves when a
 *		handle is used often, if the limits allow; shs_object_attach() does
 *		at once. With SHSTATE_FAST=0 in the environment every operation is a
 *		call.
 * Fork		The child inherits handles but owns nothing: what the parent holds
 *		stays the parent's. The child attaches anew by itself on first use. If
 *		_Fork() or clone() made it and another thread than the one that forked
 *		is the first there, it calls to lock a mutex and to store a cell.
 *		That of vfork() shares the parent's memory and not its descriptors:
 *		it must use no handle.
 * Exec		Every descriptor is close-on-exec.
 *
 * Errors of every function that uses an object:
 *   -EACCES	  the handle is read only, or the object's mode forbids it
 *   -EOPNOTSUPP  the object's kind or type does not know this operation
 *   -EINVAL	  an index, offset, size, flag, order or clock out of range
 *   -ERANGE	  a number that the element's type cannot hold
 *   -EFAULT	  a bad pointer
 *   -ENOMEM	  no memory; -EMFILE, -ENFILE: no descriptor, when attaching
 *   -ENOSPC	  a limit of the mount is reached; -EDQUOT: one of the user
 *
 * Errors of every function that waits for a holder:
 *   -ETIMEDOUT	  the deadline passed
 *   -EBUSY	  it is held, and the caller asked not to wait
 *   -EDEADLK	  of SHS_INIT_DETECT: this thread would wait for itself, through others
 *		  perhaps, see shs_object_cycle()
 *
 * -EOWNERDEAD from a function that locks means that the lock IS HELD and that the
 * last owner died holding it, so that the value may be half changed.
 * shs_object_death() tells who it was. How often it is said is chosen with the object:
 *   (nothing)		once, to the next owner
 *   SHS_INIT_STRICT	to every owner, until one calls shs_mutex_consistent(); if one
 *			unlocks without, the object is lost: -ENOTRECOVERABLE for all
 *			who lock it then or wait for it
 *   SHS_INIT_IGNORE	never
 *
 * With SHS_INIT_COMMIT what a holder of the lock changes is a copy, and becomes the
 * value by shs_commit(); what was not committed when it unlocks or dies never was.
 */
#ifndef SHSTATE_H
#define SHSTATE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <linux/shstate.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SHS_VERSION_MAJOR	0
#define SHS_VERSION_MINOR	1

struct shs_ops;

/*
 * A handle: one object as seen by one process. Only the library makes them, and
 * they may grow; this first cache line is public and fixed. A pointer that is
 * NULL, or a mode of 0, means: call the function. They change by attaching, and the
 * mode is 0 in the child of a fork, which has the pointers but nothing mapped there.
 */
struct shs_object {
	const struct shs_ops *ops;	/* the back end; the library's own */
	const void *control;		/* mapped regions, see linux/shstate.h */
	void *shared;
	void *lanes;			/* the private region */
	const uint32_t *mode;		/* SHS_FAST_*, see shstate_fast.h; never NULL */
	uint32_t id;			/* of the owner, as in the word */
	uint32_t holder;		/* mutex, writer, runner: the thread, or 0 */
	uint32_t count;			/* elements */
	uint16_t kind;			/* enum shs_kind */
	uint16_t type;			/* enum shs_type */
	union {
		uint16_t lane_count;
		uint16_t size;		/* cell: bytes of the value */
	};
	union {
		uint16_t lane_stride;	/* bytes */
		uint16_t slot_stride;	/* cell */
	};
	uint32_t pad;
} __attribute__((aligned(64)));

/* ------------------------------------------------------------------ time -- */

#define SHS_NS_PER_MS	UINT64_C(1000000)
#define SHS_NS_PER_S	UINT64_C(1000000000)

/* A point in time: ns on a clock; SHS_FOREVER ns on any clock is never. */
struct shs_deadline {
	uint64_t ns;
	uint32_t clock;		/* enum shs_clock */
	uint32_t pad;
};

/* ns from now, by the monotonic clock, which no clock step moves. Cannot fail. */
struct shs_deadline shs_deadline_in(uint64_t ns);

/* An absolute time in ns, of any enum shs_clock. */
struct shs_deadline shs_deadline_at(uint32_t clock, uint64_t ns);

struct shs_deadline shs_deadline_never(void);

/* --------------------------------------------------------------- objects -- */

/* What to create. All zero but kind and type makes one element of value zero. */
struct shs_spec {
	uint32_t kind;		/* enum shs_kind */
	uint32_t type;		/* enum shs_type; NONE for condvar, for once by choice */
	uint32_t count;		/* elements; bytes for SHS_TYPE_BYTES; 0 means one.
				 * Semaphore: U32, 2; barrier: U32, 1; see there */
	uint32_t flags;		/* SHS_INIT_* */
	uint32_t mode;		/* permissions, less the umask; 0 means 0600 */
	uint32_t meta_size;	/* bytes at meta */
	const void *value;	/* all elements, in the machine's layout, or NULL: zero;
				 * of a once with SHS_INIT_DONE only */
	const void *meta;	/* free-form, read back by shs_object_meta(); or NULL */
	uint64_t reserved[4];	/* must be 0 */
};

#define SHS_OPEN_RDONLY	(1U << 0)	/* may look, wait and take read locks */

/*
 * Creates an object under a name that must be new, or without a name if that is
 * NULL: then it travels by inheritance or by shs_object_fd(). It appears whole:
 * nobody sees a half-made one. The handle is for reading and writing. With
 * SHS_INIT_EPHEMERAL its name goes when the last handle of all processes does.
 *
 * -EEXIST	the name is taken
 * -ENOENT	the folder is not there
 * -ENOTTY	the folder is not of the file system type shstate
 * -EOPNOTSUPP	the same, said by a file system without unnamed files
 * -EACCES	the folder may not be written
 * -EPROTONOSUPPORT  the name contains "://"
 * -ENAMETOOLONG
 */
int shs_object_create(const char *name, const struct shs_spec *spec,
		      struct shs_object **object);

/*
 * Opens the object of that name, or creates it; of several processes that do so
 * at once, one creates. Returns 1 if this one did, else 0.
 *
 * -EEXIST	the name is that of an object of another kind, type or count
 * -EAGAIN	ten thousand times the name was taken, but by nothing to be opened
 * and those of shs_object_create() and shs_object_open()
 */
int shs_object_open_or_create(const char *name, const struct shs_spec *spec,
			      struct shs_object **object);

/*
 * flags: SHS_OPEN_*.
 *
 * -ENOENT	no such name, or that of an ephemeral object that is just going
 * -EACCES	the mode of the object forbids it
 * -ENOTTY	that is not an object
 * -EPROTONOSUPPORT, -ENAMETOOLONG
 */
int shs_object_open(const char *name, unsigned int flags, struct shs_object **object);

/*
 * Makes a handle of a descriptor that was received or inherited. On success the
 * handle owns the descriptor and is as readable and writable as that.
 *
 * -EBADF	not a descriptor, or one of O_PATH
 * -ENOTTY	not of an object
 * -EUNATCH	of an object that was never initialised
 */
int shs_object_from_fd(int fd, struct shs_object **object);

/*
 * Frees the handle and what it is attached with; NULL does nothing. A lock that
 * is still held passes to the next owner with -EOWNERDEAD. With the last handle
 * and the last name the object is gone.
 */
void shs_object_close(struct shs_object *object);

/*
 * Gives the object one more name, or a first one if it was created without.
 * Needs /proc. Errors as shs_object_create(); -ENOENT also: its last name is gone;
 * -EMLINK: it is ephemeral and has a name.
 */
int shs_object_link(struct shs_object *object, const char *name);

/*
 * Removes a name; handles stay usable. -ENOENT; -EACCES; -EPERM: not the owner, in a
 * sticky folder; -ENOTTY: that is not an object.
 */
int shs_object_unlink(const char *name);

/*
 * Moves a name, replacing a present one. Errors as shs_object_unlink(); -EXDEV: to
 * another mount.
 */
int shs_object_rename(const char *old_name, const char *new_name);

/*
 * The path of a name, into path of size bytes. Returns its length.
 * -EINVAL: the name is empty, "." or ".."; -ENAMETOOLONG; -EPROTONOSUPPORT.
 */
int shs_name_path(const char *name, char *path, size_t size);

/* The descriptor, to be sent or inherited. It stays the handle's. */
int shs_object_fd(const struct shs_object *object);

/* The descriptor of the attachment; attaches if need be. It stays the handle's. */
int shs_object_attachment_fd(struct shs_object *object);

/*
 * Attaches now rather than at the first lock, so that a limit (-ENOSPC, -EDQUOT)
 * is met early.
 */
int shs_object_attach(struct shs_object *object);

/*
 * A descriptor that does not keep the value alive (Weak). The caller closes it.
 * Needs /proc.
 */
int shs_object_weak_fd(const struct shs_object *object);

/*
 * A handle again from a weak descriptor, which stays open (Weak::upgrade).
 * -ENOENT: the value is gone. flags: SHS_OPEN_*.
 */
int shs_object_upgrade(int weak_fd, unsigned int flags, struct shs_object **object);

/* --------------------------------------------------------------- queries -- */

/* Writes *info. Consumes nothing. */
int shs_object_info(const struct shs_object *object, struct shs_ioc_info *info);

/*
 * From now on no thread locks or unlocks a mutex, rwlock or cell but by the kernel, so that
 * its tracepoints show all (SHS_WATCH_ON), or nobody can lock or upgrade it either: who
 * would waits as for a holder, and who holds goes on (SHS_WATCH_ON | SHS_WATCH_FREEZE).
 * With flags 0 no longer. It is this process's, by this handle, and ends with either; a
 * child's handle neither watches nor freezes. Who freezes and then locks waits for a thread
 * that thaws.
 *
 * -EINVAL: other flags. -EACCES: a handle with SHS_OPEN_RDONLY. -EAGAIN: somebody rewrites
 * the word of a hostile object without end.
 */
int shs_object_watch(struct shs_object *object, uint32_t flags);

/* The last holder that died holding, into *death. -ENODATA: there was none. */
int shs_object_death(const struct shs_object *object, struct shs_ioc_death *death);

/*
 * Who holds the object and, after them in the order of the queue, who waits for it:
 * writes at most capacity (at most SHS_THREAD_INFO_MAX) of them to threads, and
 * returns how many there are, which may be more. capacity may be 0. Threads of
 * process ids that cannot be seen from here have pid and tid 0.
 */
int shs_object_threads(const struct shs_object *object, struct shs_thread_info *threads,
		       uint32_t capacity);

/*
 * Why this handle was last refused with -EDEADLK by SHS_INIT_DETECT: first the thread
 * that was refused, with what it wanted; each waits for its object, which the next one
 * holds, and the last one's the first. Writes at most capacity (at most SHS_CYCLE_MAX)
 * of them to threads, and returns how many there are, which may be more. -ENODATA: it
 * never was. -EOPNOTSUPP: made without SHS_INIT_DETECT.
 */
int shs_object_cycle(struct shs_object *object, struct shs_thread_info *threads,
		     uint32_t capacity);

/*
 * The metadata given at creation, into size bytes at meta. Returns how many bytes
 * it has, also 0. -ENOSPC: more than size; SHS_META_MAX is always enough.
 */
int shs_object_meta(const struct shs_object *object, void *meta, size_t size);

/*
 * What the module can do, asked at a folder; NULL is the usual one.
 * -ENOENT, -EACCES; -ENOTTY: not of the file system type shstate.
 */
int shs_abi(const char *folder, struct shs_ioc_abi *abi);

/* Words for numbers; "?" for an unknown one. */
const char *shs_kind_name(uint32_t kind);
const char *shs_type_name(uint32_t type);

/* Bytes of one element; 0 for SHS_TYPE_NONE and an unknown type. */
size_t shs_type_size(uint32_t type);

/*
 * "pid 17 (worker) was killed by SIGKILL", into size bytes at text, cut if it
 * does not fit. Returns text.
 */
char *shs_death_describe(const struct shs_ioc_death *death, char *text, size_t size);

/* ---------------------------------------------------- single operations -- */

/*
 * Any single operation of linux/shstate.h: executed whole by the kernel, whether
 * or not this process is attached. size is set, result and notice are cleared
 * here; take deadline = SHS_FOREVER to wait. The named functions below are made
 * of this one.
 *
 * -EREMCHG	compare_exchange found another value, now in op
 * -EUCLEAN	the value's owner died and SHS_OP_RECOVER was not given
 * -ENOTRECOVERABLE  of SHS_INIT_STRICT: the value is lost; SHS_OP_RECOVER, with a
 *		write or an add, or SHS_OP_PEEK will do
 * -ENODATA	a once that is not done has no value yet
 * -ENXIO	an add to a counter with SHS_INIT_LIVE, see shs_counter_add()
 */
int shs_object_op(struct shs_object *object, struct shs_ioc_op *op);

/*
 * Many single operations at the price of one call, in order, each whole but not
 * all of them together. Each goes to object, or, if objects is not NULL, ops[i] to
 * objects[i], and object is not looked at. count is from 1 to SHS_BATCH_MAX. Ends
 * with the first that fails and returns its error, which shs_object_op() would have
 * returned; *done, optional, is set in any case: how many succeeded, that is which
 * one failed. A signal handler that runs meanwhile does not end it.
 */
int shs_batch(struct shs_object *object, struct shs_object *const *objects,
	      struct shs_ioc_op *ops, uint32_t count, uint32_t *done);

/*
 * Atomics: single operations on element index. Numbers are int64_t whatever the
 * type; a u64 above INT64_MAX is passed and returned with the same bits. order is
 * an enum shs_order, and what Rust refuses is refused here, with -EINVAL.
 * old, the value before, is optional.
 */
int shs_atomic_load(struct shs_object *atomic, uint32_t index, int order, int64_t *value);
int shs_atomic_store(struct shs_object *atomic, uint32_t index, int64_t value, int order);
int shs_atomic_swap(struct shs_object *atomic, uint32_t index, int64_t value, int order,
		    int64_t *old);

/*
 * Stores desired if the element is *expected. Returns 0 if it was; -EREMCHG if
 * not, with what it is in *expected. Never fails spuriously.
 */
int shs_atomic_compare_exchange(struct shs_object *atomic, uint32_t index, int64_t *expected,
				int64_t desired, int success, int failure);

int shs_atomic_fetch_add(struct shs_object *atomic, uint32_t index, int64_t value, int order,
			 int64_t *old);
int shs_atomic_fetch_sub(struct shs_object *atomic, uint32_t index, int64_t value, int order,
			 int64_t *old);
int shs_atomic_fetch_and(struct shs_object *atomic, uint32_t index, int64_t value, int order,
			 int64_t *old);
int shs_atomic_fetch_nand(struct shs_object *atomic, uint32_t index, int64_t value, int order,
			  int64_t *old);
int shs_atomic_fetch_or(struct shs_object *atomic, uint32_t index, int64_t value, int order,
			int64_t *old);
int shs_atomic_fetch_xor(struct shs_object *atomic, uint32_t index, int64_t value, int order,
			 int64_t *old);
int shs_atomic_fetch_max(struct shs_object *atomic, uint32_t index, int64_t value, int order,
			 int64_t *old);
int shs_atomic_fetch_min(struct shs_object *atomic, uint32_t index, int64_t value, int order,
			 int64_t *old);
int shs_atomic_fetch_not(struct shs_object *atomic, uint32_t index, int order, int64_t *old);

/*
 * Repeats load and compare_exchange until change(value, argument) got in between
 * nobody. order is that of the success. change may run more than once.
 */
int shs_atomic_fetch_update(struct shs_object *atomic, uint32_t index, int order,
			    int64_t (*change)(int64_t value, void *argument), void *argument,
			    int64_t *old);

/*
 * The same, but change(&value, argument) may refuse: what it returns, if not 0, ends
 * it and is returned; let it be a negative errno. Else *value is the new one.
 */
int shs_atomic_try_update(struct shs_object *atomic, uint32_t index, int order,
			  int (*change)(int64_t *value, void *argument), void *argument,
			  int64_t *old);

/*
 * Waits while the element is expected: returns 0 at once if it is something else,
 * else when a notify finds it so. A change that nobody notifies of wakes nobody.
 * A read-only handle will do. order is that of the load, as for shs_atomic_load().
 * -ETIMEDOUT.
 */
int shs_atomic_wait(struct shs_object *atomic, uint32_t index, int64_t expected, int order);
int shs_atomic_wait_until(struct shs_object *atomic, uint32_t index, int64_t expected, int order,
			  struct shs_deadline deadline);

/*
 * Wait until a value meets a condition: of an atomic element index, of a counter the exact
 * total of it, whoever changes it and how, by lanes too. condition is SHS_OP_AWAIT_GE (at
 * least argument), _LE, _EQ, _NE or _ANY (a bit of argument is set; argument is not 0); of
 * a bool not GE and LE. Unlike shs_atomic_wait() it needs no notify. A read-only handle will
 * do. *value, optional, is what met the condition; by now it may be something else. What is
 * met and stays so is always noticed; what is met for a moment, between two changes in
 * mapped memory, perhaps not. While somebody waits so, a change of the object costs a call.
 * -ETIMEDOUT; -EINVAL also of a module without SHS_FEATURE_AWAIT.
 */
int shs_atomic_await(struct shs_object *atomic, uint32_t index, uint32_t condition,
		     int64_t argument, int64_t *value);
int shs_atomic_await_until(struct shs_object *atomic, uint32_t index, uint32_t condition,
			   int64_t argument, int64_t *value, struct shs_deadline deadline);
int shs_counter_await(struct shs_object *counter, uint32_t index, uint32_t condition,
		      int64_t argument, int64_t *value);
int shs_counter_await_until(struct shs_object *counter, uint32_t index, uint32_t condition,
			    int64_t argument, int64_t *value, struct shs_deadline deadline);

/*
 * Single operations. Wake who waits for the element to be other than it is, the
 * longest waiting first. Return how many were woken; read-only handles are all woken
 * and not counted.
 */
int shs_atomic_notify_one(struct shs_object *atomic, uint32_t index);
int shs_atomic_notify_all(struct shs_object *atomic, uint32_t index);

/*
 * Counters: single operations. The read is exact. add wraps, stops at the ends of
 * int64_t (SHS_INIT_SATURATE), or adds nothing beyond them and returns -ERANGE
 * (SHS_INIT_CHECK). reset makes the total value, old, optional, is what it was.
 *
 * With SHS_INIT_LIVE what a process added through this handle goes when the handle is
 * closed or the process ends, killed or not; so add attaches, as a lock does, and is
 * then no single operation. A child's adds are its own.
 */
int shs_counter_add(struct shs_object *counter, uint32_t index, int64_t value);
int shs_counter_read(struct shs_object *counter, uint32_t index, int64_t *value);
int shs_counter_reset(struct shs_object *counter, uint32_t index, int64_t value, int64_t *old);

/*
 * Cells: single operations on the whole value, of exactly size bytes, never torn,
 * not even by death. A store may have to wait for another one, hence X_until.
 */
int shs_cell_load(struct shs_object *cell, void *value, size_t size);
int shs_cell_store(struct shs_object *cell, const void *value, size_t size);
int shs_cell_swap(struct shs_object *cell, const void *value, void *old, size_t size);
int shs_cell_take(struct shs_object *cell, void *value, size_t size);

/*
 * Stores desired if the value is *expected, bit for bit.
 *
 * -EREMCHG	it is not, and is copied to expected
 */
int shs_cell_compare_exchange(struct shs_object *cell, void *expected, const void *desired,
			      size_t size);

int shs_cell_load_until(struct shs_object *cell, void *value, size_t size,
			struct shs_deadline deadline);
int shs_cell_store_until(struct shs_object *cell, const void *value, size_t size,
			 struct shs_deadline deadline);
int shs_cell_swap_until(struct shs_object *cell, const void *value, void *old, size_t size,
			struct shs_deadline deadline);
int shs_cell_take_until(struct shs_object *cell, void *value, size_t size,
			struct shs_deadline deadline);
int shs_cell_compare_exchange_until(struct shs_object *cell, void *expected,
				    const void *desired, size_t size,
				    struct shs_deadline deadline);

/*
 * Repeats load and compare_exchange until change(value, argument), which changes size
 * bytes in place, got in between nobody. What change returns, if not 0, ends it and is
 * returned; let it be a negative errno. change may run more than once. old, optional,
 * takes the size bytes that the value was before. Two cells' worth of stack.
 */
int shs_cell_fetch_update(struct shs_object *cell, size_t size,
			  int (*change)(void *value, void *argument), void *argument, void *old);

/* Takes the value out and, if that succeeded, closes the handle. */
int shs_cell_into_inner(struct shs_object *cell, void *value, size_t size);

/*
 * The value of a mutex or rwlock, as single operations: the kernel takes the lock
 * (for a read of a rwlock: the read lock), copies, releases. The caller must not
 * hold it. flags: SHS_OP_NOWAIT, SHS_OP_RECOVER. peek takes no lock and may catch
 * the value in the middle of a change, but not with SHS_INIT_COMMIT.
 *
 * Returns 0, or SHS_NOTICE_OWNER_DIED (a positive number): the value's last owner
 * died holding it. read and peek leave that for the next owner to be told; write
 * and add consume it, and need SHS_OP_RECOVER for that, which also makes a value good
 * that is lost.
 *
 * -EUCLEAN	write and add: the last owner died, and SHS_OP_RECOVER was not given
 * -ENOTRECOVERABLE  all but peek: the value is lost (SHS_INIT_STRICT); not write and add
 *		with SHS_OP_RECOVER
 */
int shs_value_read(struct shs_object *object, uint32_t offset, void *bytes, uint32_t size,
		   unsigned int flags, struct shs_deadline deadline);
int shs_value_write(struct shs_object *object, uint32_t offset, const void *bytes, uint32_t size,
		    unsigned int flags, struct shs_deadline deadline);
int shs_value_add(struct shs_object *object, uint32_t index, int64_t value, int64_t *old,
		  unsigned int flags, struct shs_deadline deadline);
int shs_value_peek(struct shs_object *object, uint32_t offset, void *bytes, uint32_t size);

/* ----------------------------------------------------------------- mutex -- */

/*
 * 0 or -EOWNERDEAD: held. A second lock by the same thread waits for itself; it is
 * -EDEADLK with SHS_INIT_DETECT, and with SHS_INIT_RECURSIVE it is had at once, to be
 * unlocked as often as it was locked. Try is -EBUSY without RECURSIVE.
 *
 * -ENOTRECOVERABLE	SHS_INIT_STRICT: lost
 * -EOVERFLOW		SHS_INIT_RECURSIVE: locked 2^31 times. (The library counts: for
 *			the kernel, as shs_object_info() tells it, it is locked once.)
 */
int shs_mutex_lock(struct shs_object *mutex);
int shs_mutex_try_lock(struct shs_object *mutex);
int shs_mutex_lock_until(struct shs_object *mutex, struct shs_deadline deadline);

/* -EPERM: this process does not hold it; of SHS_INIT_RECURSIVE, this thread. */
int shs_mutex_unlock(struct shs_object *mutex);

/*
 * The same, but whoever has waited longest is the owner at once; unlock leaves it
 * to who comes first, unless somebody waits for more than a millisecond.
 */
int shs_mutex_unlock_fair(struct shs_object *mutex);

/*
 * Lets one who waits have it and then locks it again, if somebody waits; else does
 * nothing. The caller holds it, once. Returns as the lock does: if neither 0 nor
 * -EOWNERDEAD it is not held any more, but for -EPERM: it was not.
 */
int shs_mutex_bump(struct shs_object *mutex);

/* 1 or 0: by this handle. Makes no call, consumes nothing. */
int shs_mutex_is_owned_by_current_thread(const struct shs_object *mutex);

/*
 * The value, for the holder alone. NULL before the first lock. With SHS_INIT_COMMIT
 * the copy to be changed: it stays where it is until the lock is released, also over
 * commits and waits on a condvar, but changes that were not committed do not survive
 * these.
 */
void *shs_mutex_value(const struct shs_object *mutex);

/*
 * Of SHS_INIT_STRICT: the holder, who was told -EOWNERDEAD, declares the value good
 * again (pthread_mutex_consistent()).
 *
 * -EPERM	this process does not hold it
 * -EINVAL	it is not strict, or no death is to be told of
 */
int shs_mutex_consistent(struct shs_object *mutex);

/* 1: the next owner will be told of a death, or the value is lost; else 0. */
int shs_mutex_is_poisoned(const struct shs_object *mutex);

/*
 * Takes the lock, which the caller does not hold, and releases it as one whose value
 * is good. -ENOTRECOVERABLE: it is lost, and then a write is needed, of a good value
 * with SHS_OP_RECOVER; without a value nothing helps.
 */
int shs_mutex_clear_poison(struct shs_object *mutex);
int shs_mutex_clear_poison_until(struct shs_object *mutex, struct shs_deadline deadline);

/*
 * Unlocks as by a death: the next owner is told -EOWNERDEAD. For one who cannot end
 * what it began. Of a recursive one all locks at once. -EPERM as of unlock.
 */
int shs_mutex_abandon(struct shs_object *mutex);

/* ---------------------------------------------------------------- commit -- */

/*
 * Of a mutex or rwlock with SHS_INIT_COMMIT, by the one who holds it for writing: what
 * it changed in the copy becomes the value, whole and at once. It goes on with the same
 * copy, by the same pointers. Signal handlers must not.
 *
 * -EPERM		this process does not hold it for writing
 * -EOPNOTSUPP		made without SHS_INIT_COMMIT
 */
int shs_commit(struct shs_object *object);

/* ---------------------------------------------------------------- rwlock -- */

/*
 * First come, first served: a reader waits behind a writer that waits, and all
 * readers in a row go together.
 *
 * A read lock is released with the lane that the acquisition wrote, by any thread
 * of the process. A process that dies reading holds nobody up. -EOWNERDEAD is
 * said to every reader until a writer was told.
 *
 * -EDEADLK	this thread reads already and would wait behind a writer that waits
 *		for it, try too; of threads beyond the first 63 it is not known, and
 *		what another thread will unlock is still this thread's
 * -ENOTRECOVERABLE	SHS_INIT_STRICT: lost, for readers too
 */
int shs_rwlock_read(struct shs_object *rwlock, uint32_t *lane);
int shs_rwlock_try_read(struct shs_object *rwlock, uint32_t *lane);
int shs_rwlock_read_until(struct shs_object *rwlock, uint32_t *lane,
			  struct shs_deadline deadline);

/*
 * The same, but one who reads already goes past the writers that wait, as often as
 * need be. Each is to be released.
 */
int shs_rwlock_read_recursive(struct shs_object *rwlock, uint32_t *lane);
int shs_rwlock_try_read_recursive(struct shs_object *rwlock, uint32_t *lane);
int shs_rwlock_read_recursive_until(struct shs_object *rwlock, uint32_t *lane,
				    struct shs_deadline deadline);

/* -EPERM: no read lock of this process is counted in that lane. */
int shs_rwlock_read_unlock(struct shs_object *rwlock, uint32_t lane);

int shs_rwlock_write(struct shs_object *rwlock);
int shs_rwlock_try_write(struct shs_object *rwlock);
int shs_rwlock_write_until(struct shs_object *rwlock, struct shs_deadline deadline);

/* -EPERM: this process is not the writer. */
int shs_rwlock_write_unlock(struct shs_object *rwlock);

/*
 * Upgradable: one beside the readers, who may become the writer without letting go.
 * It excludes writers and other upgradable ones and must not change the value. Needs
 * a handle for writing. If its owner dies nobody is told: it changed nothing.
 * -EOWNERDEAD as for readers.
 */
int shs_rwlock_upgradable(struct shs_object *rwlock);
int shs_rwlock_try_upgradable(struct shs_object *rwlock);
int shs_rwlock_upgradable_until(struct shs_object *rwlock, struct shs_deadline deadline);

/* -EPERM: this process does not hold it. */
int shs_rwlock_upgradable_unlock(struct shs_object *rwlock);

/*
 * From upgradable to writer: waits for the readers, before everybody else who waits.
 * 0 or -EOWNERDEAD: this process is the writer. Else it holds what it held:
 * -ETIMEDOUT; -EBUSY: try, and there are readers; -EPERM: that was not upgradable;
 * -EDEADLK.
 */
int shs_rwlock_upgrade(struct shs_object *rwlock);
int shs_rwlock_try_upgrade(struct shs_object *rwlock);
int shs_rwlock_upgrade_until(struct shs_object *rwlock, struct shs_deadline deadline);

/*
 * From writer to reader, from writer to upgradable, from upgradable to reader: at
 * once, without a moment in which another could write. lane is for read_unlock.
 * -EPERM: this process does not hold what is to be downgraded. -EUCLEAN: a writer who
 * was told of a death must first call shs_rwlock_consistent() (SHS_INIT_STRICT); it
 * writes still.
 */
int shs_rwlock_downgrade(struct shs_object *rwlock, uint32_t *lane);
int shs_rwlock_downgrade_to_upgradable(struct shs_object *rwlock);
int shs_rwlock_downgrade_upgradable(struct shs_object *rwlock, uint32_t *lane);

/*
 * The value; a reader must not change it. NULL before the first lock. With
 * SHS_INIT_COMMIT, for the writer the copy, as shs_mutex_value().
 */
void *shs_rwlock_value(const struct shs_object *rwlock);

/*
 * As shs_mutex_consistent() and what follows it; held means held for writing: readers are
 * told of a death, but neither end that nor lose the value.
 */
int shs_rwlock_consistent(struct shs_object *rwlock);
int shs_rwlock_is_poisoned(const struct shs_object *rwlock);
int shs_rwlock_clear_poison(struct shs_object *rwlock);
int shs_rwlock_clear_poison_until(struct shs_object *rwlock, struct shs_deadline deadline);
int shs_rwlock_abandon(struct shs_object *rwlock);

/* ---------------------------------------------------------------- guards -- */

/*
 * A lock that is released at the end of the scope, as in Rust:
 *
 *	shs_scope(num, shs_mutex_hold(mutex))
 *		*(int *)num.value += 1;
 *
 * runs its body once, holding, or not at all; leave it by break, return or goto.
 * Where a failure matters:
 *
 *	shs_guard(num, shs_mutex_hold_until(mutex, shs_deadline_in(SHS_NS_PER_S)));
 *	if (!num.view)
 *		return num.status;
 *
 * status is what the lock function returned: held if 0 or -EOWNERDEAD. value is
 * NULL for readers and upgradable ones, who have only view, and both are NULL if the
 * lock is not held. With SHS_INIT_COMMIT view is the value and value the copy to be
 * changed, which the end of the scope drops:
 *
 *	shs_scope(num, shs_mutex_hold(mutex)) {
 *		change(num.value);
 *		shs_guard_commit(&num);
 *	}
 */
struct shs_guard {
	struct shs_object *object;
	void *value;		/* to change */
	const void *view;	/* to look at */
	uint32_t lane;
	int status;
	uint32_t mode;		/* enum shs_mode */
	uint32_t pad;
};

struct shs_guard shs_mutex_hold(struct shs_object *mutex);
struct shs_guard shs_mutex_hold_until(struct shs_object *mutex, struct shs_deadline deadline);
struct shs_guard shs_rwlock_hold_read(struct shs_object *rwlock);
struct shs_guard shs_rwlock_hold_read_until(struct shs_object *rwlock,
					    struct shs_deadline deadline);
struct shs_guard shs_rwlock_hold_write(struct shs_object *rwlock);
struct shs_guard shs_rwlock_hold_write_until(struct shs_object *rwlock,
					     struct shs_deadline deadline);

struct shs_guard shs_rwlock_hold_upgradable(struct shs_object *rwlock);
struct shs_guard shs_rwlock_hold_upgradable_until(struct shs_object *rwlock,
						  struct shs_deadline deadline);

/*
 * As shs_rwlock_upgrade() and its opposites; value is there after the one and gone
 * after the others. -EPERM also: the guard holds nothing, or not what is needed.
 */
int shs_guard_upgrade(struct shs_guard *guard);
int shs_guard_upgrade_until(struct shs_guard *guard, struct shs_deadline deadline);
int shs_guard_downgrade(struct shs_guard *guard);
int shs_guard_downgrade_to_upgradable(struct shs_guard *guard);

/*
 * Upgrades, calls function(guard, argument), and makes it upgradable again, unless
 * function has let go of it. 0 or -EOWNERDEAD: done. -EUCLEAN: it is the writer still,
 * as function, told of a death, did not call shs_rwlock_consistent(). Else function was
 * not called, as if by shs_guard_upgrade().
 */
int shs_guard_with_upgraded(struct shs_guard *guard,
			    void (*function)(struct shs_guard *guard, void *argument),
			    void *argument);
int shs_guard_with_upgraded_until(struct shs_guard *guard,
				  void (*function)(struct shs_guard *guard, void *argument),
				  void *argument, struct shs_deadline deadline);

/* As shs_commit(); value and view stay where they are. */
int shs_guard_commit(struct shs_guard *guard);

/*
 * As shs_mutex_bump(), for every kind of guard. If it does not hold it again the guard
 * is as one that was refused, with that status.
 */
int shs_guard_bump(struct shs_guard *guard);

/* As shs_mutex_abandon(), of one who may write. -EPERM also: it may not. */
int shs_guard_abandon(struct shs_guard *guard);

/* Releases early; a second time does nothing. Returns as the unlock functions. */
int shs_guard_release(struct shs_guard *guard);

/* The same as a cleanup handler. */
void shs_guard_drop(struct shs_guard *guard);
void shs_object_drop(struct shs_object **object);

#define shs_guard(name, held) \
	struct shs_guard name __attribute__((cleanup(shs_guard_drop))) = held

#define shs_scope(name, held) \
	for (struct shs_guard name __attribute__((cleanup(shs_guard_drop))) = held, \
	     *name##_once = &name; name##_once && name.view; name##_once = NULL)

/* A handle that closes itself: shs_auto struct shs_object *o = NULL; */
#define shs_auto __attribute__((cleanup(shs_object_drop)))

/* --------------------------------------------------------------- condvar -- */

/*
 * Releases the mutex, which this process holds, waits for a notify, takes the
 * mutex again. 0, -ETIMEDOUT and -EOWNERDEAD: it is held again. It returns 0 for a
 * notify only, but others may have had the mutex in between, hence wait_while. A rwlock
 * that this process holds for writing will do for a mutex (condition_variable_any).
 *
 * -EPERM	the mutex is not held by this process, or the rwlock not for writing
 * -EINVAL	not a mutex or rwlock, of another mount, or others wait with another
 * -EDEADLK	SHS_INIT_RECURSIVE: it is locked more than once; nothing was released
 * -ENOTRECOVERABLE	SHS_INIT_STRICT: it is lost, and not held. So it is by a wait of
 *		one who was told of a death and did not call shs_mutex_consistent().
 */
int shs_condvar_wait(struct shs_object *condvar, struct shs_object *mutex);
int shs_condvar_wait_until(struct shs_object *condvar, struct shs_object *mutex,
			   struct shs_deadline deadline);

/*
 * Waits as long as condition(argument) is not 0. Ends early with -EOWNERDEAD, for
 * the value may need repair before the condition means anything.
 */
int shs_condvar_wait_while(struct shs_object *condvar, struct shs_object *mutex,
			   int (*condition)(void *argument), void *argument);
int shs_condvar_wait_while_until(struct shs_object *condvar, struct shs_object *mutex,
				 int (*condition)(void *argument), void *argument,
				 struct shs_deadline deadline);

/* Single operations. Return how many were woken. */
int shs_condvar_notify_one(struct shs_object *condvar);
int shs_condvar_notify_all(struct shs_object *condvar);

/* ------------------------------------------------------------------ once -- */

/*
 * Runs initialiser(argument, earlier) unless it has been run; of several callers
 * one runs it and the others wait for it. earlier is 0, or -EOWNERDEAD if a
 * process died in the initialiser before. If it does not return 0 the next caller
 * runs it again (SHS_INIT_POISON: nobody does), and its result is returned; let
 * it be a negative errno. Returns 1 if the initialiser ran here, else 0: done.
 *
 * -ENOTRECOVERABLE	poisoned; call_force runs the initialiser nevertheless
 */
typedef int shs_once_function(void *argument, int earlier);
int shs_once_call(struct shs_object *once, shs_once_function *initialiser, void *argument);
int shs_once_call_force(struct shs_object *once, shs_once_function *initialiser, void *argument);
int shs_once_call_until(struct shs_object *once, shs_once_function *initialiser, void *argument,
			struct shs_deadline deadline);

/*
 * shs_once_call() in steps. begin: 0 is done; 1 and -EOWNERDEAD mean that the caller must
 * run the initialiser and then complete or abandon. flags: SHS_ONCE_*.
 * -EPERM: complete and abandon, this process is not running it.
 */
int shs_once_begin(struct shs_object *once, unsigned int flags, struct shs_deadline deadline);
int shs_once_complete(struct shs_object *once);
int shs_once_abandon(struct shs_object *once);

/*
 * complete, with all size bytes of the value that it has from then on.
 * It still runs after -EINVAL: another size; -ERANGE: a bool that is neither 0 nor 1.
 */
int shs_once_complete_with(struct shs_object *once, const void *value, size_t size);

/*
 * Waits until it is done, and never runs it; a read-only handle will do.
 * -ENOTRECOVERABLE: poisoned.
 */
int shs_once_wait(struct shs_object *once);
int shs_once_wait_until(struct shs_object *once, struct shs_deadline deadline);

/* Single operation. Returns an enum shs_once_state. */
int shs_once_state(struct shs_object *once);

/*
 * 1: done, and what the initialiser wrote is seen. 0: perhaps not; it makes no call, so
 * that before shs_object_attach() or another call it does not know. Async-signal-safe.
 */
int shs_once_is_done(const struct shs_object *once);

/*
 * A once of a type other than NONE is a OnceLock: it has a value from the time it is
 * done, for good, or from the beginning with SHS_INIT_DONE. size is that of the whole
 * value in bytes, else -EINVAL. Before that, shs_once_wait() waits for it, and those
 * functions above that complete without one leave it zero.
 *
 * set waits if another process is about to give it one. get is a single operation, and a
 * read-only handle will do. -EEXIST: set, it has one. -ENODATA: get, it has none yet.
 * -ENOTRECOVERABLE: set, poisoned.
 */
int shs_once_lock_set(struct shs_object *once, const void *value, size_t size);
int shs_once_lock_set_until(struct shs_object *once, const void *value, size_t size,
			    struct shs_deadline deadline);
int shs_once_lock_get(struct shs_object *once, void *value, size_t size);

/*
 * As shs_once_call(), but initialiser fills value, size bytes, which if it returns 0
 * becomes the value of all; value has it in any case, whoever ran. Errors as of that;
 * -ERANGE also: a bool that is neither 0 nor 1, and then the next caller runs.
 */
typedef int shs_once_lock_function(void *value, size_t size, void *argument, int earlier);
int shs_once_lock_get_or_init(struct shs_object *once, void *value, size_t size,
			      shs_once_lock_function *initialiser, void *argument);
int shs_once_lock_get_or_init_until(struct shs_object *once, void *value, size_t size,
				    shs_once_lock_function *initialiser, void *argument,
				    struct shs_deadline deadline);

/*
 * The value itself, mapped to be read, without a call once attached. NULL: it has none
 * yet, or shs_object_attach() fails. Good until the handle is closed; not in a child.
 */
const void *shs_once_lock_value(struct shs_object *once);

/* ------------------------------------------------------------- semaphore -- */

/*
 * A semaphore has so many permits and never more than its bound:
 *
 *	const uint32_t value[2] = { 3, 3 };	// permits, bound; 0: SHS_SEMAPHORE_MAX
 *	struct shs_spec spec = { .kind = SHS_KIND_SEMAPHORE, .type = SHS_TYPE_U32,
 *				 .count = 2, .value = value };
 *
 * acquire takes permits, all at once or none, and waits until so many are there: 0. They
 * are the process's, any thread of it may release them, and what it holds when it dies or
 * closes the handle comes back; to the next that is no news. What a thread holds when it
 * ends the process goes on holding, and a child holds nothing. release: 0.
 *
 * Who asks for more than there is lets others by for a millisecond; with SHS_INIT_FIFO
 * nobody goes by another. permits is from 1 to the bound. Thread-safe; a signal handler
 * that runs meanwhile ends no wait; not async-signal-safe, but release is, of a handle
 * that is attached.
 *
 * -EINVAL	permits is 0 or above the bound
 * -EPERM	release: more than this process holds by this handle; nothing changed
 * -EBUSY	try: so many are not there, or others go first
 * -ETIMEDOUT	until: the deadline passed
 * -EACCES	a handle with SHS_OPEN_RDONLY
 */
int shs_semaphore_acquire(struct shs_object *semaphore, uint32_t permits);
int shs_semaphore_try_acquire(struct shs_object *semaphore, uint32_t permits);
int shs_semaphore_acquire_until(struct shs_object *semaphore, uint32_t permits,
				struct shs_deadline deadline);
int shs_semaphore_release(struct shs_object *semaphore, uint32_t permits);

/*
 * The same of permits that nobody holds, for what one process adds and another takes: a
 * death brings none of them back, and who releases need not have acquired. Errors as
 * above, but in place of -EPERM
 *
 * -EOVERFLOW	those there, those held and these would be more than the bound; nothing
 *		changed
 */
int shs_semaphore_acquire_no_undo(struct shs_object *semaphore, uint32_t permits);
int shs_semaphore_try_acquire_no_undo(struct shs_object *semaphore, uint32_t permits);
int shs_semaphore_acquire_no_undo_until(struct shs_object *semaphore, uint32_t permits,
					struct shs_deadline deadline);
int shs_semaphore_release_no_undo(struct shs_object *semaphore, uint32_t permits);

/*
 * Single operation; a read-only handle will do. Returns how many are there, which may be
 * others by then.
 */
int shs_semaphore_available(struct shs_object *semaphore);

/* ------------------------------------------------------ several at once -- */

/*
 * What to have of one object: a mutex is locked; a rwlock in mode; of a semaphore so many
 * permits are taken; a once is waited for until it is done, an element of an atomic, or
 * total of a counter, until it is in the relation condition to expected; without condition,
 * an atomic's until a notify finds it not equal to expected. What means nothing for the
 * kind is 0.
 */
struct shs_wanted {
	struct shs_object *object;
	uint32_t mode;		/* rwlock: enum shs_mode */
	uint32_t permits;	/* semaphore; 0 means 1 */
	uint32_t index;		/* atomic, counter */
	uint32_t lane;		/* out: of a read lock, for shs_rwlock_read_unlock() */
	int64_t expected;	/* atomic, counter */
	int32_t status;		/* out: of what was granted: 0, -EOWNERDEAD */
	uint32_t condition;	/* atomic, counter: SHS_OP_AWAIT_GE, _LE, _EQ, _NE, _ANY */
};

/*
 * any: waits until one of list, from 1 to SHS_MANY_MAX objects of one mount, none of them
 * twice, can be had: of several the first. Returns its place in list, and nothing is taken
 * of the others. all: takes all of them at one moment, or nothing: 0, or -EOWNERDEAD if
 * a last owner died; all are held then too, and status says of which. While it waits it
 * holds nothing; who waits so as others always have one of them waits on.
 *
 * Locks are given back by the functions of each kind, and as those say when the thread or
 * the process ends. A deadline that has passed makes one try. Attaches. Thread-safe; a
 * signal handler that runs meanwhile ends no wait; not async-signal-safe. A child holds
 * nothing.
 *
 * -EINVAL	count; an object comes twice; mode, permits, index, condition
 * -EXDEV	an object is of another mount
 * -EOPNOTSUPP	a kind that cannot be waited for so: cell, condvar, barrier
 * -ETIMEDOUT	the deadline passed; nothing is held
 * -EACCES	a handle with SHS_OPEN_RDONLY, but to read, or for a once or a value
 * -ENOTRECOVERABLE	a lock is lost, a once poisoned
 * -ENOTTY	the module is older than SHS_FEATURE_MANY
 * and those of shs_object_attach()
 */
int shs_wait_any(struct shs_wanted *list, uint32_t count, struct shs_deadline deadline);
int shs_wait_all(struct shs_wanted *list, uint32_t count, struct shs_deadline deadline);

/* --------------------------------------------------------------- barrier -- */

/*
 * A barrier has so many parties, from 1 to SHS_BARRIER_MAX:
 *
 *	const uint32_t parties = 4;
 *	struct shs_spec spec = { .kind = SHS_KIND_BARRIER, .type = SHS_TYPE_U32,
 *				 .value = &parties };
 *
 * wait waits until as many wait as there are parties, processes or threads of one, and
 * then all go on, and it is there for the next round. Returns 1 to one of them, the leader,
 * and 0 to the others. A wait that ends before, by its deadline, is taken back and
 * breaks nothing. A signal handler that runs meanwhile does not end a wait, but who waits
 * arrives anew after it.
 *
 * A process that waited in this round or the last one and then dies, or closes the handle,
 * breaks the barrier, unless it left: those who wait would wait for ever. Thread-safe; not
 * async-signal-safe. A child is another party than its parent. All need a handle that may
 * write.
 *
 * -EOWNERDEAD	a party died, or of who waits: shs_barrier_reset() was called. Nobody was
 *		released, and nobody can wait until shs_barrier_reset();
 *		shs_object_death() tells who it was
 * -EPERM	all parties left, and there is none to wait for
 * -ETIMEDOUT	until: the deadline passed
 * -EACCES	a handle with SHS_OPEN_RDONLY
 */
int shs_barrier_wait(struct shs_object *barrier);
int shs_barrier_wait_until(struct shs_object *barrier, struct shs_deadline deadline);

/*
 * This thread is a party no more: there is one less from now on. Those who wait do not
 * wait for it, and its death breaks nothing. A thread that ends without is waited for, as
 * long as its process lives. 0; -EPERM: all parties left before.
 */
int shs_barrier_leave(struct shs_object *barrier);

/* From now on so many parties; if as many wait they go on. 0; -EINVAL: 0 or too many. */
int shs_barrier_set_parties(struct shs_object *barrier, uint32_t parties);

/*
 * Whole again, with nobody there: who waits is told -EOWNERDEAD. The number of parties
 * stays. A process that was told and does not come again leaves (shs_barrier_leave()), or
 * its end breaks the barrier once more. 0.
 */
int shs_barrier_reset(struct shs_object *barrier);

#ifndef SHSTATE_NO_INLINE
#include <shstate_fast.h>
#endif

#ifdef __cplusplus
}
#endif

#endif /* SHSTATE_H */
