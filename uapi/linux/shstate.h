/* SPDX-License-Identifier: ((GPL-2.0 WITH Linux-syscall-note) OR MIT) */
/*
 * shstate: shared state for processes.
 *
 * An object is a file of the file system type "shstate" (usual mount point
 * /dev/shstate).  Create: open(dir, O_TMPFILE | O_RDWR), SHS_IOC_INIT, linkat().
 *
 *   object fd      a capability: single operations (SHS_IOC_OP), owns nothing
 *   attachment fd  made by SHS_IOC_ATTACH, bound to one address space: owns
 *                  locks, waits, and the mapped regions
 *
 * Each struct begins with its size.  A caller with an older, shorter struct is
 * served as if the rest were zero; one with a newer, longer struct is served if
 * the part that this kernel does not know is zero, else -E2BIG.  A size below
 * the first published one is -EINVAL.  Unknown flags and non-zero padding are
 * -EINVAL.  A field marked "out" must be zero on entry where it says so.
 *
 * Layouts are the same for 32-bit and 64-bit callers.  What SHS_ABI_LEVEL 1 has
 * stays for ever; what comes later has a bit in shs_ioc_abi.features.
 */
#ifndef _UAPI_LINUX_SHSTATE_H
#define _UAPI_LINUX_SHSTATE_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define SHS_ABI_LEVEL		1
#define SHS_SUPER_MAGIC		0x53485354	/* "SHST", statfs.f_type */
#define SHS_IOC_MAGIC		0xE8

/* On any file of the file system, the directory too. */
#define SHS_IOC_ABI		_IO(SHS_IOC_MAGIC, 0x00)	/* struct shs_ioc_abi */
/* On an object fd. */
#define SHS_IOC_INIT		_IO(SHS_IOC_MAGIC, 0x01)	/* struct shs_ioc_init */
/* On an object fd, on an attachment fd. */
#define SHS_IOC_OP		_IO(SHS_IOC_MAGIC, 0x02)	/* struct shs_ioc_op */
#define SHS_IOC_CANCEL		_IO(SHS_IOC_MAGIC, 0x09)	/* struct shs_ioc_cancel */
/* On an object fd. */
#define SHS_IOC_ATTACH		_IO(SHS_IOC_MAGIC, 0x03)	/* struct shs_ioc_attach */
/* On an object fd or an attachment fd. */
#define SHS_IOC_INFO		_IO(SHS_IOC_MAGIC, 0x04)	/* struct shs_ioc_info */
#define SHS_IOC_DEATH		_IO(SHS_IOC_MAGIC, 0x05)	/* struct shs_ioc_death */
#define SHS_IOC_META		_IO(SHS_IOC_MAGIC, 0x06)	/* struct shs_ioc_meta */
#define SHS_IOC_THREADS		_IO(SHS_IOC_MAGIC, 0x08)	/* struct shs_ioc_threads */
/* On an object fd. */
#define SHS_IOC_BATCH		_IO(SHS_IOC_MAGIC, 0x07)	/* struct shs_ioc_batch */
/* On an attachment fd. */
#define SHS_IOC_LOCK		_IO(SHS_IOC_MAGIC, 0x10)	/* struct shs_ioc_lock */
#define SHS_IOC_UNLOCK		_IO(SHS_IOC_MAGIC, 0x11)	/* struct shs_ioc_lock */
#define SHS_IOC_WAIT		_IO(SHS_IOC_MAGIC, 0x12)	/* struct shs_ioc_wait */
#define SHS_IOC_ONCE		_IO(SHS_IOC_MAGIC, 0x13)	/* struct shs_ioc_once */
#define SHS_IOC_CONVERT		_IO(SHS_IOC_MAGIC, 0x14)	/* struct shs_ioc_convert */
#define SHS_IOC_RECOVER		_IO(SHS_IOC_MAGIC, 0x15)	/* struct shs_ioc_recover */
#define SHS_IOC_CYCLE		_IO(SHS_IOC_MAGIC, 0x16)	/* struct shs_ioc_cycle */
#define SHS_IOC_WATCH		_IO(SHS_IOC_MAGIC, 0x17)	/* struct shs_ioc_watch */
#define SHS_IOC_BARRIER		_IO(SHS_IOC_MAGIC, 0x18)	/* struct shs_ioc_barrier */
#define SHS_IOC_ARM		_IO(SHS_IOC_MAGIC, 0x19)	/* struct shs_ioc_arm */
#define SHS_IOC_COLLECT		_IO(SHS_IOC_MAGIC, 0x1A)	/* struct shs_ioc_collect */
#define SHS_IOC_MANY		_IO(SHS_IOC_MAGIC, 0x1B)	/* struct shs_ioc_many */

/* What an object is. */
enum shs_kind {
	SHS_KIND_NONE = 0,
	SHS_KIND_ATOMIC,	/* array of cells with atomic operations */
	SHS_KIND_COUNTER,	/* array of i64, sharded over lanes */
	SHS_KIND_MUTEX,		/* value with one owner */
	SHS_KIND_RWLOCK,	/* value with readers or one writer */
	SHS_KIND_CONDVAR,	/* waits beside a mutex; no value */
	SHS_KIND_ONCE,		/* run once; may have a value, set with its end */
	SHS_KIND_CELL,		/* value swapped whole, never torn */
	SHS_KIND_SEMAPHORE,	/* permits; value: how many are there, bound */
	SHS_KIND_BARRIER	/* parties that wait for each other; value u32: how many */
};

/* Type of one element of the value. */
enum shs_type {
	SHS_TYPE_NONE = 0,	/* no value: condvar; a mutex, rwlock or once may */
	SHS_TYPE_BYTES,		/* count opaque bytes: mutex, rwlock, cell, once */
	SHS_TYPE_BOOL,
	SHS_TYPE_U8,
	SHS_TYPE_I8,
	SHS_TYPE_U16,
	SHS_TYPE_I16,
	SHS_TYPE_U32,
	SHS_TYPE_I32,
	SHS_TYPE_U64,
	SHS_TYPE_I64		/* the only type of a counter */
};

#define SHS_VALUE_MAX		65536	/* bytes; atomic, mutex, rwlock, once */
#define SHS_CELL_MAX		4096	/* bytes */
#define SHS_COUNTER_MAX		512	/* elements */
#define SHS_META_MAX		4096	/* bytes */
#define SHS_SEMAPHORE_MAX	0x7fffffffU	/* permits; what a bound of 0 means */
#define SHS_BARRIER_MAX		65536	/* parties */

/* Waiting: absolute deadline in ns on one of these clocks. */
enum shs_clock {
	SHS_CLOCK_MONOTONIC = 0,
	SHS_CLOCK_REALTIME,
	SHS_CLOCK_BOOTTIME
};

#define SHS_FOREVER		(~(__u64)0)	/* deadline: none */

struct shs_ioc_abi {
	__u32 size;
	__u32 abi_level;	/* out: SHS_ABI_LEVEL of the module */
	__u64 features;		/* out: SHS_FEATURE_* */
};

#define SHS_FEATURE_URING	(1ULL << 0)	/* SHS_IOC_OP through io_uring */
#define SHS_FEATURE_SEMAPHORE	(1ULL << 1)	/* SHS_KIND_SEMAPHORE */
#define SHS_FEATURE_BARRIER	(1ULL << 2)	/* SHS_KIND_BARRIER, SHS_IOC_BARRIER */
#define SHS_FEATURE_URING_WAIT	(1ULL << 3)	/* what waits, too; and SHS_IOC_CANCEL */
#define SHS_FEATURE_ASYNC	(1ULL << 4)	/* such a wait needs no thread of the kernel's */
#define SHS_FEATURE_AWAIT	(1ULL << 5)	/* SHS_OP_AWAIT_GE and the like, SHS_OP_CHANGED */
#define SHS_FEATURE_ARM		(1ULL << 6)	/* SHS_IOC_ARM: waits by poll, epoll and select */
#define SHS_FEATURE_MANY	(1ULL << 7)	/* SHS_IOC_MANY, by every door */

/* flags of SHS_IOC_INIT */
#define SHS_INIT_FIFO		(1U << 0)	/* mutex, semaphore: strict queue order */
#define SHS_INIT_POISON		(1U << 1)	/* once: a dead initialiser poisons */
#define SHS_INIT_SATURATE	(1U << 2)	/* counter: stops at the ends of i64; no lanes */
#define SHS_INIT_CHECK		(1U << 3)	/* counter: -ERANGE beyond them; no lanes */
#define SHS_INIT_EPHEMERAL	(1U << 4)	/* one name, removed with the last open file */
#define SHS_INIT_STRICT		(1U << 5)	/* mutex, rwlock: SHS_IOC_RECOVER or be lost */
#define SHS_INIT_IGNORE		(1U << 6)	/* mutex, rwlock: a death is no news */
#define SHS_INIT_RECURSIVE	(1U << 7)	/* mutex: the owning thread may lock again */
#define SHS_INIT_COMMIT		(1U << 8)	/* mutex, rwlock: two slots, see shs_shared */
#define SHS_INIT_SERIAL		(1U << 9)	/* counter: no lanes, so every sum is exact */
#define SHS_INIT_LIVE		(1U << 10)	/* counter: what an attachment added dies with it */
#define SHS_INIT_DONE		(1U << 11)	/* once: done from the beginning */
#define SHS_INIT_DETECT		(1U << 12)	/* mutex, rwlock: -EDEADLK for a wait without end */

/*
 * Requires a fd open for writing on an object not yet initialised (-EALREADY).
 * A semaphore begins with at most bound permits, a barrier with 1 to SHS_BARRIER_MAX
 * parties, else -EINVAL.
 */
struct shs_ioc_init {
	__u32 size;
	__u32 kind;		/* enum shs_kind */
	__u32 type;		/* enum shs_type */
	__u32 count;		/* elements; 0: no value */
	__u32 flags;		/* SHS_INIT_* */
	__u32 value_size;	/* bytes at value: 0 (all zero) or exactly count elements */
	__u64 value;		/* address of the initial value, else 0; once: with DONE only */
	__u64 meta;		/* address of the metadata blob, else 0 */
	__u32 meta_size;	/* bytes at meta, at most SHS_META_MAX */
	__u32 pad;
};

/*
 * Single operations.  The numeric form uses index, arg, expected and result;
 * numbers narrower than 64 bits are sign- or zero-extended by their type, and
 * one that does not fit the type is -ERANGE.  The bytes form (SHS_OP_BYTES) is
 * for mutex, rwlock and cell.
 */
enum shs_opcode {
	/* atomic; LOAD, STORE, SWAP, CMPXCHG also cell; LOAD also the rest without a lock */
	SHS_OP_LOAD = 1,	/* -> result; counter: exact sum; once: enum shs_once_state */
	SHS_OP_STORE,		/* arg */
	SHS_OP_SWAP,		/* arg; old -> result */
	SHS_OP_CMPXCHG,		/* expected, arg; old -> result; -EREMCHG if it differs */
	SHS_OP_FETCH_ADD,	/* arg; old -> result, as all fetch operations */
	SHS_OP_FETCH_SUB,
	SHS_OP_FETCH_AND,
	SHS_OP_FETCH_NAND,
	SHS_OP_FETCH_OR,
	SHS_OP_FETCH_XOR,
	SHS_OP_FETCH_MAX,
	SHS_OP_FETCH_MIN,
	SHS_OP_FETCH_NOT,
	/* cell */
	SHS_OP_TAKE,		/* leave zero; old -> result */
	/* counter; ADD also mutex and rwlock (under the lock; old -> result) */
	SHS_OP_ADD,		/* arg; wraps, but see SHS_INIT_SATURATE and _CHECK */
	SHS_OP_RESET,		/* total becomes arg; old total -> result */
	/* mutex and rwlock */
	SHS_OP_PEEK,		/* no lock taken: may be in the middle of a change */
	SHS_OP_READ,		/* under the lock (rwlock: the read lock) */
	SHS_OP_WRITE,		/* under the lock */
	/* condvar; of an atomic those that wait for element index */
	SHS_OP_NOTIFY,		/* wake up to arg waiters (~0: all); number woken -> result */
	/* atomic */
	SHS_OP_WAIT,		/* until a notify finds the element not equal to expected */
	/* atomic and counter: until the element, or total ...; what it was then -> result */
	SHS_OP_AWAIT_GE,	/* >= arg; not of a bool, as LE */
	SHS_OP_AWAIT_LE,	/* <= arg */
	SHS_OP_AWAIT_EQ,	/* == arg */
	SHS_OP_AWAIT_NE,	/* != arg */
	SHS_OP_AWAIT_ANY,	/* & arg is not 0 */
	SHS_OP_CHANGED		/* an element, by memory: see shs_control; woken -> result */
};

/* flags of SHS_IOC_OP */
#define SHS_OP_BYTES		(1U << 0)	/* bytes form */
#define SHS_OP_NOWAIT		(1U << 1)	/* -EBUSY instead of waiting for a holder */
#define SHS_OP_RECOVER		(1U << 2)	/* WRITE, ADD: mend what a death left */
#define SHS_OP_HELD		(1U << 3)	/* READ, WRITE, ADD by who holds the lock */

/* Memory orders as C11 and Rust number them in their documents; 0 means SeqCst. */
enum shs_order {
	SHS_SEQ_CST = 0,
	SHS_RELAXED,
	SHS_ACQUIRE,
	SHS_RELEASE,
	SHS_ACQ_REL
};

/* notice, out */
#define SHS_NOTICE_OWNER_DIED	(1U << 0)

/*
 * On an attachment fd: the operation counts as its holder's.  That makes a difference
 * for a counter with SHS_INIT_LIVE, where ADD needs one (-ENXIO), and with SHS_OP_HELD,
 * for a mutex or rwlock that this attachment has locked already: the operation is part
 * of what that holder does (-EPERM: it has not; READ needs a read lock only).
 *
 * Bytes form: LOAD, PEEK, READ, TAKE write len bytes to addr; STORE, WRITE take
 * them from addr; SWAP takes the new value from addr and writes the old one to
 * addr2; CMPXCHG compares with the bytes at addr2, stores those at addr, and
 * writes the old value to addr2.  A cell is accessed whole (offset 0, len the
 * value's size); the other kinds at any offset and length within the value.  A
 * byte of a bool that is neither 0 nor 1 is -ERANGE.  LOAD of a once gives its value,
 * -ENODATA before it is done.
 */
struct shs_ioc_op {
	__u32 size;
	__u32 op;		/* enum shs_opcode */
	__u32 flags;		/* SHS_OP_* flags */
	__u32 index;		/* element, numeric form */
	__u64 arg;
	__u64 expected;		/* CMPXCHG, numeric form */
	__u64 result;		/* out; must be zero on entry */
	__u64 addr;
	__u64 addr2;
	__u32 offset;		/* bytes */
	__u32 len;		/* bytes */
	__u64 deadline;		/* WAIT, AWAIT; mutex, rwlock, cell: to wait for a holder */
	__u8  clock;		/* enum shs_clock */
	__u8  order;		/* enum shs_order; of success for CMPXCHG */
	__u8  order_failure;	/* CMPXCHG */
	__u8  pad;
	__u32 notice;		/* out; must be zero on entry: SHS_NOTICE_* */
};

#define SHS_BATCH_MAX		256

/*
 * SHS_IOC_BATCH: single operations, one after the other, as many calls of
 * SHS_IOC_OP would do; no more than that is atomic.  Ends with the first that
 * fails, returns its error, and leaves in done how many succeeded before.
 */
struct shs_ioc_batch {
	__u32 size;
	__u32 flags;		/* must be 0 */
	__u32 count;		/* of ops, 1 to SHS_BATCH_MAX */
	__u32 done;		/* out; must be zero on entry */
	__u64 ops;		/* address of struct shs_ioc_op[count], all of one size */
	__u64 fds;		/* address of __s32[count], object fds; 0: all this one */
};

/*
 * Payload of an SQE with opcode IORING_OP_URING_CMD, whose cmd_op is SHS_IOC_OP or
 * SHS_IOC_CANCEL on an object fd or an attachment fd, or on the latter SHS_IOC_LOCK,
 * UNLOCK, CONVERT, WAIT, ONCE, RECOVER or BARRIER.  The struct at addr must stay valid until
 * the completion, whose res is 0 or a negative errno; what is marked "out" is written
 * to the struct.  It must be of the size that has notice.
 *
 * With SHS_FEATURE_URING_WAIT what waits completes when it was granted, when its deadline
 * passed, by SHS_IOC_CANCEL, or with the ring (-ECANCELED: nothing was granted).
 * Where an ioctl returns -EOWNERDEAD together with the lock, res is 0, so that links do
 * not break, and notice tells.  The lock is the process's, as if the thread that submitted
 * had called.  -EBUSY: a single operation that would wait for a holder; a kernel
 * without SHS_FEATURE_ASYNC has no thread left to wait in.
 */
struct shs_sqe {
	__u64 addr;		/* of the struct that the ioctl takes */
	__u32 size;		/* must equal its size field */
	__u32 pad;
};

/*
 * SHS_IOC_CANCEL: ends the waits on this object, by this process, whose ioctl or SQE
 * was given the struct at addr, with -ECANCELED: all that call is undone, or for a
 * condvar, it ends as by its deadline.  -ENOENT: nobody waits so, or not any more.
 */
struct shs_ioc_cancel {
	__u32 size;
	__u32 flags;		/* must be 0 */
	__u64 addr;
};

/*
 * SHS_IOC_ARM on an attachment: begins the wait that command, which is SHS_IOC_LOCK,
 * CONVERT, WAIT, ONCE, BARRIER, MANY or (SHS_OP_WAIT) OP, would sleep in with the struct at
 * addr, and returns.  Any other command is -EOPNOTSUPP; what of these does not wait,
 * NOWAIT too, is -EINVAL.  With an error nothing was begun.  The struct is copied; addr
 * is what SHS_IOC_CANCEL takes.  One wait at a time: -EBUSY until it was collected.
 *
 * When it has ended (granted, perhaps at once; timed out, cancelled) the attachment is
 * readable by poll, epoll and select, until SHS_IOC_COLLECT: that returns what the command
 * would have returned, and what it would have written.  -EAGAIN: it has not ended;
 * -ENOENT: nothing is armed.  -ECANCELED: SHS_IOC_CANCEL; -EUSERS: too many wait so.
 *
 * What is granted is the process's from then on, and of the thread that armed; but if the
 * attachment ends before it was collected, it goes to the next as it came.
 *
 * poll tells EPOLLIN | EPOLLRDNORM once the wait has ended, EPOLLHUP of an attachment whose
 * private region was unmapped, and EPOLLERR to any other process than the attachment's.
 */
struct shs_ioc_arm {
	__u32 size;
	__u32 flags;		/* must be 0 */
	__u32 command;		/* SHS_IOC_* */
	__u32 pad;
	__u64 addr;		/* of the struct that command takes */
};

struct shs_ioc_collect {
	__u32 size;
	__u32 flags;		/* must be 0 */
	__u32 state;		/* out; must be zero on entry: as of ONCE, BARRIER */
	__u32 pad;
	__u64 result;		/* out; must be zero on entry: as of OP; BARRIER: generation */
};

/*
 * Regions of an attachment, by mmap offset, MAP_SHARED, each once, whole.
 * Ownership begins when the private region is mapped and ends for good when it
 * is unmapped, by munmap, exec, exit or kill.
 */
#define SHS_MMAP_CONTROL	0x00000000	/* read only, written by the kernel */
#define SHS_MMAP_SHARED		0x10000000	/* word and value; read only if the object fd is */
#define SHS_MMAP_PRIVATE	0x20000000	/* this attachment's lanes and thread slots */

struct shs_ioc_attach {
	__u32 size;
	__u32 flags;		/* must be 0 */
	__u32 id;		/* out, as all that follow: owner id in the word */
	__u32 kind;
	__u32 type;
	__u32 count;
	__u32 control_size;	/* bytes to map at SHS_MMAP_CONTROL */
	__u32 shared_size;	/* 0: this kind has no shared region */
	__u32 private_size;
	__u32 value_size;	/* bytes */
	__u32 value_offset;	/* of the value, slot 0; once, semaphore, barrier: in control */
	__u32 slot_stride;	/* of slot 1 from slot 0: cell, SHS_INIT_COMMIT; else 0 */
	__u32 lanes;		/* number of lanes in the private region, may be 0 */
	__u32 lane_stride;	/* bytes from one lane to the next, from SHS_LANES_OFFSET */
	__u32 threads;		/* number of thread slots */
	__u32 threads_offset;	/* of the first struct shs_thread in the private region */
};

/*
 * First bytes of the control region; the kernel's alone.
 *
 * bias		rwlock: a reader may enter by its lane, which is in use (struct
 *		shs_private): adds one to it and, after a full fence, finds bias (load
 *		with acquire order) still set.  If not, it takes its one back and calls
 *		SHS_IOC_LOCK.
 * wpending	rwlock: a reader who took its one back from a lane (release order) and
 *		after a full fence finds this set calls SHS_IOC_UNLOCK with
 *		SHS_UNLOCK_RETURNED.
 * waiting	so many are queued.  Who changed an element of an atomic and after a full
 *		fence finds 0, or a condvar's after he held the mutex, has nobody to notify.
 * awaited	Who changed an element of an atomic, or a lane of a counter, and after that
 *		(in the order of the program, which needs no fence) finds this not 0, calls
 *		SHS_OP_CHANGED.
 */
struct shs_control {
	__u32 bias;
	__u32 wpending;
	__u32 once;		/* enum shs_once_state */
	__u32 waiting;
	__u32 awaited;
	__u32 pad[11];
	/* at SHS_VALUE_OFFSET: counter: __s64 base[count]; once, semaphore, barrier: value */
};

/*
 * First bytes of the shared region; values begin at SHS_VALUE_OFFSET.
 *
 * With two slots slot[sequence & 1] is the value.  Whoever holds a mutex or rwlock
 * with SHS_INIT_COMMIT for writing fills the other slot and adds one to sequence, by
 * a store with release order: that is the commit.  What was not committed never was.
 */
struct shs_shared {
	__u32 word;		/* mutex, cell */
	__u32 pad0;
	__u64 sequence;		/* where there are two slots */
	__u32 pad[12];
};

#define SHS_VALUE_OFFSET	64

/*
 * First bytes of the private region; lanes begin at SHS_LANES_OFFSET.
 *
 * used		But for the lane that a call names the kernel looks only at lanes in use:
 *		those that its calls counted in, and lane n if bit n of used is set.  So
 *		who writes a lane by itself sets its bit before that, for good.
 * writes	rwlock: not 0 while this attachment has it for writing, as the kernel sets
 *		it with the grant.  Who finds SHS_WRITES gives the lock back by changing
 *		that to 0 (compare and swap, release order), having added one to a lane
 *		in use if he reads on.  SHS_WRITES_CALL: by SHS_IOC_UNLOCK, CONVERT.
 */
struct shs_private {
	__u64 used;
	__u32 writes;
	__u32 pad0;
	__u64 pad[6];
};

#define SHS_LANES_OFFSET	64

#define SHS_WRITES		1U
#define SHS_WRITES_CALL		2U	/* somebody waits, watches or must be told */

/* One per thread in the private region; written by the library, a hint to the kernel. */
struct shs_thread {
	__u32 tid;
	__u32 lane;
	__u64 held;
	__u64 pad[6];
};

/* The word of mutex and cell. */
#define SHS_WORD_WAITERS	0x80000000U	/* unlock must call the kernel */
#define SHS_WORD_DIED		0x40000000U	/* an owner died, the next is told */
#define SHS_WORD_KERNEL		0x20000000U	/* every operation must call the kernel */
#define SHS_WORD_OWNER		0x1fffffffU	/* attachment id, 0 free, all ones the kernel */

/* How to hold.  SHS_IOC_LOCK is for mutex, rwlock, semaphore and cell (its word). */
enum shs_mode {
	SHS_MODE_EXCLUSIVE = 0,	/* mutex, semaphore; rwlock: write */
	SHS_MODE_READ,		/* rwlock */
	SHS_MODE_UPGRADABLE	/* rwlock: one, beside readers; may become the writer */
};

/* flags of SHS_IOC_LOCK and SHS_IOC_CONVERT */
#define SHS_LOCK_NOWAIT		(1U << 0)	/* -EBUSY instead of waiting */
#define SHS_LOCK_RECURSIVE	(1U << 1)	/* LOCK, READ: overtakes if its lane holds */
#define SHS_LOCK_NO_UNDO	(1U << 3)	/* semaphore: a death does not give them back */
/* flags of SHS_IOC_UNLOCK */
#define SHS_UNLOCK_FAIR		(1U << 0)	/* mutex: hand it to the longest waiting */
#define SHS_UNLOCK_ABANDON	(1U << 1)	/* not READ; EXCLUSIVE: next gets -EOWNERDEAD */
#define SHS_UNLOCK_RETURNED	(1U << 2)	/* READ: not in lane any more; serve who waits */
#define SHS_UNLOCK_NO_UNDO	(1U << 3)	/* semaphore: permits that nobody holds */

/*
 * SHS_IOC_LOCK: 0 or -EOWNERDEAD mean that the lock is held; with the latter its
 * last owner died holding it.  Every other error means that it is not.
 * -ENOTRECOVERABLE: with SHS_INIT_STRICT, an owner who had been told of a death
 * unlocked without SHS_IOC_RECOVER.  -EDEADLK: somebody queues who waits for the read
 * lock that this thread holds in lane (that it is this thread's, its slot of the same
 * number says); or with SHS_INIT_DETECT, this thread would wait for itself through
 * others, see SHS_IOC_CYCLE.
 * SHS_IOC_UNLOCK: deadline and clock must be 0.  With SHS_INIT_RECURSIVE by the
 * owning thread only, and once for each lock.
 *
 * A semaphore's permits, from 1 to its bound, come all at once or not at all.  What an
 * attachment takes it holds until it gives it back (-EPERM: more than it holds) or dies,
 * which gives it back as well and is no news for the next.  With SHS_LOCK_NO_UNDO they are
 * nobody's; SHS_UNLOCK_NO_UNDO adds such (-EOVERFLOW: there and held would be more than
 * the bound).  Who asks for more than there is keeps nobody back for a millisecond; from
 * then on, or at once with SHS_INIT_FIFO, all who came later wait behind it.
 *
 * The struct ended with pad once: who has it so is served as if the rest were 0.
 */
struct shs_ioc_lock {
	__u32 size;
	__u32 flags;		/* SHS_LOCK_* */
	__u32 mode;		/* enum shs_mode */
	__u32 lane;		/* read: the lane that counts this reader, else 0 */
	__u64 deadline;
	__u8  clock;		/* enum shs_clock */
	__u8  pad[7];
	__u32 permits;		/* semaphore: how many, 0 means 1; else 0 */
	__u32 notice;		/* out, by io_uring only (shs_sqe); must be zero on entry */
};

/*
 * SHS_IOC_CONVERT of a held rwlock, without a gap in which it is not held:
 *   UPGRADABLE -> EXCLUSIVE	waits for the readers, before everybody in the queue
 *   EXCLUSIVE -> UPGRADABLE, EXCLUSIVE -> READ, UPGRADABLE -> READ	at once
 * -EPERM: from is not what the caller holds.  After any error but -EOWNERDEAD it
 * holds what it held.
 */
struct shs_ioc_convert {
	__u32 size;
	__u32 flags;		/* SHS_LOCK_NOWAIT */
	__u32 from;		/* enum shs_mode */
	__u32 to;		/* enum shs_mode */
	__u32 lane;		/* to READ: the lane that counts this reader, else 0 */
	__u32 pad0;
	__u64 deadline;		/* to EXCLUSIVE, else 0 */
	__u8  clock;		/* enum shs_clock; else 0 */
	__u8  pad[7];
	__u32 pad1;
	__u32 notice;		/* as of struct shs_ioc_lock */
};

/*
 * SHS_IOC_RECOVER: the holder declares the value good again of which -EOWNERDEAD told
 * him.  -EPERM: the caller is not the owner or writer; -EINVAL: the object is not one
 * with SHS_INIT_STRICT, or no death is pending.
 */
struct shs_ioc_recover {
	__u32 size;
	__u32 flags;		/* must be 0 */
};

#define SHS_WATCH_ON		(1U << 0)
#define SHS_WATCH_FREEZE	(1U << 1)	/* with ON */

/*
 * SHS_IOC_WATCH on an attachment of a mutex, rwlock or cell that may be written: from
 * now on (or, without SHS_WATCH_ON, no longer) user space takes and frees nothing by
 * a word or a lane alone, so that the tracepoints show every lock and unlock and
 * SHS_IOC_INFO the thread that took a mutex.  Who holds already goes on holding.
 *
 * SHS_WATCH_FREEZE: and nobody locks it, or upgrades: who would waits as for a holder,
 * until no attachment freezes it any more.  Who holds a recursive mutex may lock it again,
 * and who reads read again by SHS_LOCK_RECURSIVE.  Unlocks and SHS_OP_PEEK go on.  Of a
 * semaphore nobody takes permits; to watch it changes nothing, for all is by calls.
 *
 * Both end with the attachment.  -EAGAIN: somebody who may write the object rewrites
 * the word without end; nothing changed.  To watch or freeze no longer never fails so.
 */
struct shs_ioc_watch {
	__u32 size;
	__u32 flags;		/* SHS_WATCH_* */
};

/*
 * SHS_IOC_WAIT on a condvar's attachment.  Releases the mutex, waits for a
 * notify, takes the mutex again.  For mutex the write lock of a rwlock will do.
 * 0, -ETIMEDOUT and -EOWNERDEAD mean that the mutex is held again.  On -EINTR it is
 * not: call again with the same struct, whose started field the kernel has set; the
 * place in the queue was kept.  After any other error of a new wait the mutex is as it
 * was before; but the end of its own attachment (-ENXIO) loses it, and so does
 * -ENOTRECOVERABLE.  -EDEADLK: it is locked more than once (SHS_INIT_RECURSIVE).
 */
struct shs_ioc_wait {
	__u32 size;
	__u32 flags;		/* must be 0 */
	__s32 mutex_fd;		/* attachment of a mutex or rwlock of the same mount, held */
	__u32 started;		/* in and out: 0 for a new wait; by io_uring 0 */
	__u64 deadline;
	__u8  clock;		/* enum shs_clock */
	__u8  pad[7];
	__u32 pad1;
	__u32 notice;		/* as of struct shs_ioc_lock */
};

enum shs_once_state {
	SHS_ONCE_INCOMPLETE = 0,
	SHS_ONCE_RUNNING,
	SHS_ONCE_DONE,
	SHS_ONCE_POISONED
};

enum shs_once_cmd {
	SHS_ONCE_BEGIN = 0,	/* wait until done, or until it is the caller's turn to run */
	SHS_ONCE_COMPLETE,	/* running -> done */
	SHS_ONCE_ABANDON,	/* running -> incomplete (poisoned with SHS_INIT_POISON) */
	SHS_ONCE_WAIT		/* wait until done; never the caller's turn */
};

#define SHS_ONCE_NOWAIT		(1U << 0)	/* BEGIN, WAIT: -EBUSY instead of waiting */
#define SHS_ONCE_FORCE		(1U << 1)	/* BEGIN: run although poisoned */

/*
 * BEGIN: 0 with state DONE: nothing to do.  0 or -EOWNERDEAD with state RUNNING:
 * the caller must run the initialiser and then COMPLETE or ABANDON; the latter
 * says that an earlier one died.  -ENOTRECOVERABLE: poisoned, and FORCE not given.
 * COMPLETE with a value: the once has it from then on, whole and for good.
 */
struct shs_ioc_once {
	__u32 size;
	__u32 cmd;		/* enum shs_once_cmd */
	__u32 flags;		/* SHS_ONCE_* flags, BEGIN and WAIT only */
	__u32 state;		/* out; must be zero on entry: enum shs_once_state */
	__u64 deadline;		/* BEGIN and WAIT only */
	__u8  clock;		/* enum shs_clock, as deadline */
	__u8  pad[3];
	__u32 value_size;	/* COMPLETE: bytes at value, 0 (all zero) or all of it */
	__u64 value;		/* COMPLETE: its address, else 0 */
	__u32 pad1;
	__u32 notice;		/* as of struct shs_ioc_lock */
};

enum shs_barrier_cmd {
	SHS_BARRIER_WAIT = 0,	/* arrive, and wait until all parties have */
	SHS_BARRIER_LEAVE,	/* a party less from now on, which nobody waits for */
	SHS_BARRIER_SET,	/* so many parties from now on */
	SHS_BARRIER_RESET	/* whole again, with nobody there: a generation ends unfinished */
};

/* state, out */
#define SHS_BARRIER_LEADER	(1U << 0)	/* WAIT, 0: the one of its generation */
#define SHS_BARRIER_BROKEN	(1U << 1)	/* WAIT: with -EOWNERDEAD; else: it is */

/*
 * SHS_IOC_BARRIER on a barrier's attachment that may be written.
 *
 * WAIT: 0 once as many wait as there are parties; all of them are released, and exactly
 * one, the last to come, is told that it is the leader.  What ends the wait before
 * (-ETIMEDOUT, -EINTR) takes the arrival back and breaks nothing; a call that a signal
 * restarts arrives anew.  -EOWNERDEAD, of all who wait and of every later WAIT until
 * RESET: a party died, or of who waits: somebody else reset it.  -EPERM, of LEAVE too:
 * all parties left.
 *
 * A party is an attachment that arrived in this generation or the last one, as often as
 * it did at one time, and did not LEAVE since.  A SET or LEAVE after which enough wait
 * ends the generation.
 */
struct shs_ioc_barrier {
	__u32 size;
	__u32 cmd;		/* enum shs_barrier_cmd */
	__u32 flags;		/* must be 0 */
	__u32 parties;		/* SET: 1 to SHS_BARRIER_MAX; else 0 */
	__u64 generation;	/* out; must be zero on entry: so many ended, WAIT: with this one */
	__u32 state;		/* out; must be zero on entry: SHS_BARRIER_* bits */
	__u32 notice;		/* must be 0 */
	__u64 deadline;		/* WAIT only */
	__u8  clock;		/* enum shs_clock, as deadline */
	__u8  pad[7];
};

#define SHS_MANY_MAX		64

/* flags of SHS_IOC_MANY */
#define SHS_MANY_ALL		(1U << 0)	/* all of them; else any one */
#define SHS_MANY_NOWAIT		(1U << 1)	/* -EBUSY instead of waiting */

/*
 * What to have of one object, by the kind of the attachment at fd:
 *
 * mutex	the lock
 * rwlock	the lock in mode; to read, lane counts it
 * semaphore	permits of it
 * once		that it is done
 * atomic	that a notify finds element index not equal to expected, as SHS_OP_WAIT; or
 *		that it is in relation mode (SHS_OP_AWAIT_*) to expected
 * counter	that total index is in relation mode to expected
 *
 * The other kinds are -EOPNOTSUPP.  Fields that mean nothing for the kind must be 0.
 */
struct shs_many_item {
	__s32 fd;		/* attachment, of the caller's process, of the mount */
	__u32 mode;		/* rwlock: enum shs_mode; value: SHS_OP_AWAIT_*; else 0 */
	__u32 flags;		/* SHS_LOCK_RECURSIVE, SHS_LOCK_NO_UNDO, as of SHS_IOC_LOCK */
	__u32 lane;		/* as of struct shs_ioc_lock */
	__u32 permits;		/* as of struct shs_ioc_lock */
	__u32 index;		/* atomic, counter */
	__u64 expected;		/* atomic, counter */
	__s32 result;		/* out; must be zero on entry: 0, or -EOWNERDEAD with the lock */
	__u32 pad;
};

/*
 * SHS_IOC_MANY, on any attachment fd of the mount: waits for several objects at once, no
 * object twice (-EINVAL).
 *
 * Any: of those that can be had at once the first in the order of the items, else the
 * first that comes free, in each queue in its turn.  index says which; nothing was taken
 * of the others.
 * SHS_MANY_ALL: all of them at one moment, and nothing before that.  Who waits so queues at
 * one that is busy, and when that comes free is told, not served: as long as others see to
 * it that never all are free at once, it waits on.  A condition (once, value) was true
 * while all locks were held.
 *
 * 0 or -EOWNERDEAD: granted; with the latter result says of which the last owner died.
 * After any other error nothing is held, and index says for which item, if it was for one.
 *
 * By io_uring and by SHS_IOC_ARM as well; then this struct and the items must stay until the
 * completion was seen, or until SHS_IOC_COLLECT, which write index and results there.
 */
struct shs_ioc_many {
	__u32 size;
	__u32 flags;		/* SHS_MANY_* */
	__u64 items;		/* address of struct shs_many_item[nr] */
	__u32 nr;		/* 1 to SHS_MANY_MAX */
	__u32 item_size;	/* bytes of each */
	__u64 deadline;
	__u8  clock;		/* enum shs_clock */
	__u8  pad[3];
	__u32 index;		/* out; must be zero on entry */
	__u32 pad1;
	__u32 notice;		/* as of struct shs_ioc_lock */
};

struct shs_ioc_info {
	__u32 size;
	__u32 kind;		/* out, as all that follow */
	__u32 type;
	__u32 count;
	__u32 flags;		/* SHS_INIT_* */
	__u32 value_size;	/* bytes */
	__u32 meta_size;	/* bytes */
	__u32 links;		/* names */
	__u32 opens;		/* open files of the object, attachments' included */
	__u32 attachments;
	__u32 waiters;
	__u32 state;		/* SHS_STATE_* */
	__u32 readers;		/* rwlock: read locks held; semaphore: permits */
	__s32 holder_pid;	/* owner, writer, initialiser; 0: none, or not visible here */
	char  holder_comm[16];
	__u64 created_ns;	/* CLOCK_REALTIME */
	__u64 deaths;		/* holders that died holding */
	__s32 holder_tid;	/* who last took it by a call, or 0; gettid(): the caller did */
	__u32 depth;		/* SHS_INIT_RECURSIVE: how often it is locked */
	__u64 held_ns;		/* for how long since, 0: nobody has it by a call */
	__u64 waits;		/* how often somebody had to queue */
	__u64 wakes;		/* how often somebody who queued was woken */
};

#define SHS_STATE_HELD		(1U << 0)	/* by an owner, writer, upgrader, initialiser */
#define SHS_STATE_OWNER_DIED	(1U << 1)	/* the next owner will be told */
#define SHS_STATE_DONE		(1U << 2)	/* once */
#define SHS_STATE_POISONED	(1U << 3)	/* once */
#define SHS_STATE_UPGRADABLE	(1U << 4)	/* rwlock: the holder, if no writer, may upgrade */
#define SHS_STATE_LOST		(1U << 5)	/* SHS_INIT_STRICT: not recoverable */
#define SHS_STATE_WATCHED	(1U << 6)	/* SHS_IOC_WATCH: the kernel sees every lock */
#define SHS_STATE_FROZEN	(1U << 7)	/* SHS_WATCH_FREEZE: nobody locks it */
#define SHS_STATE_BROKEN	(1U << 8)	/* barrier: a party died */

/* Why a holder's ownership ended. */
enum shs_why {
	SHS_WHY_UNKNOWN = 0,
	SHS_WHY_SIGNAL,		/* killed; code is the signal */
	SHS_WHY_EXIT,		/* code is the exit status */
	SHS_WHY_EXEC,
	SHS_WHY_UNMAP		/* unmapped its private region */
};

/* The last holder that died holding; -ENODATA if there was none. */
struct shs_ioc_death {
	__u32 size;
	__u32 why;		/* out, as all that follow: enum shs_why */
	__u32 code;
	__u32 mode;		/* enum shs_mode: as what it held */
	__s32 pid;		/* in the caller's pid namespace, 0 if not visible there */
	__u32 pad;		/* not out: must be 0 */
	char  comm[16];
	__u64 when_monotonic_ns;
	__u64 when_realtime_ns;
	__u64 deaths;		/* so many in all */
};

/* One thread that holds or waits. */
struct shs_thread_info {
	__u32 mode;		/* enum shs_mode */
	__u32 flags;		/* SHS_THREAD_* */
	__s32 pid;		/* of its process here; 0: not visible */
	__s32 tid;		/* its own; 0: not visible, or not known */
	char  comm[16];		/* of its process */
	__u64 since_ns;		/* CLOCK_MONOTONIC: since when, 0: not known */
	__u64 count;		/* read locks, permits, depth; a waiter 1, or the permits */
	__u64 object;		/* inode number of what it holds or waits for */
};

#define SHS_THREAD_WAITS	(1U << 0)	/* else holds */
#define SHS_THREAD_POSSIBLE	(1U << 1)	/* perhaps another thread of the process holds */
#define SHS_THREAD_GOES_ON	(1U << 2)	/* its wait is armed, or by io_uring */

#define SHS_THREAD_INFO_MAX	4096

/*
 * SHS_IOC_THREADS: who holds the object and, after them in the order of the queue, who
 * waits for it.  Writes as many as there is room for; count is how many there are.
 * A mutex that may be taken by its word alone is perhaps held by another thread than
 * the kernel last saw take it.
 */
struct shs_ioc_threads {
	__u32 size;
	__u32 flags;		/* must be 0 */
	__u32 capacity;		/* at most SHS_THREAD_INFO_MAX entries at addr; 0: addr 0 */
	__u32 count;		/* out; must be zero on entry */
	__u64 addr;		/* of struct shs_thread_info[capacity] */
};

#define SHS_CYCLE_MAX		16

/*
 * SHS_IOC_CYCLE: why this attachment was last refused with -EDEADLK by SHS_INIT_DETECT;
 * -ENODATA: never; -EOPNOTSUPP: the object was created without it.  The first entry is
 * the refused thread with what it wanted; each waits (or wanted to wait) for its object,
 * which the next one holds, the last one's the first.  Of a longer cycle the first
 * SHS_CYCLE_MAX.  It tells of waits on objects of the mount that the caller may have no
 * right to open.
 */
struct shs_ioc_cycle {
	__u32 size;
	__u32 flags;		/* must be 0 */
	__u32 capacity;		/* entries at addr, at most SHS_CYCLE_MAX; 0: addr must be 0 */
	__u32 count;		/* out; must be zero on entry: of the cycle, may be more */
	__u64 addr;		/* of struct shs_thread_info[capacity] */
};

/* Copies the metadata blob; -ENOSPC if addr is too small, with meta_size written. */
struct shs_ioc_meta {
	__u32 size;
	__u32 capacity;		/* bytes at addr */
	__u64 addr;
	__u32 meta_size;	/* out */
	__u32 pad;
};

#endif /* _UAPI_LINUX_SHSTATE_H */
