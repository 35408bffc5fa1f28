/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The object model.
 *
 *   inode -> shs_object       one to one; freed with the inode.  Its *value* lives
 *                             as long as (open files of the object) + (names) > 0.
 *   file (object fd)          counts in object->opens; owns nothing.
 *   shs_attachment            one to one with its anonymous file; holds a reference
 *                             on an object file (so value, inode, mount and module
 *                             stay), on its mm_struct (mm_count) and on a pid.
 *   VMA -> attachment file    the only thing that keeps mapped pages: PFN mappings
 *                             take no page references.
 *   shs_waiter                on the stack of the sleeper, or inside a condvar
 *                             ticket that its attachment owns.
 *
 * Locking.
 *
 *   mmap_lock / uring_lock -> object->guard -> object->lock -> xarray lock
 *   fs limits: sbi->limit_lock, a leaf that is never taken under object->lock.
 *
 *   object->lock (spinlock)   everything below marked [l], the words and lanes in
 *                             mapped pages as far as the kernel writes them, and the
 *                             pointers control and shared.  vm_ops->close takes it
 *                             with mmap_lock held and possibly in a foreign task, so
 *                             nothing under it sleeps or touches user memory.  Two
 *                             object locks are never held at once.
 *   object->guard             struct mutex (mutex, cell) or rw_semaphore (rwlock):
 *                             held by a single operation for the copy or arithmetic
 *                             on the value, never while it waits for a holder.
 *
 * This header and the *.c files of the kinds are free of user access and of
 * sleeping, and also build in user space (tests/).
 */
#ifndef _SHS_CORE_H
#define _SHS_CORE_H

#include <linux/atomic.h>
#include <linux/errno.h>
#include <linux/list.h>
#include <linux/lockdep.h>
#include <linux/mutex.h>
#include <linux/rwsem.h>
#include <linux/sched.h>
#include <linux/spinlock.h>
#include <linux/string.h>
#include <linux/types.h>
#include <linux/xarray.h>
#include "../uapi/linux/shstate.h"

#define SHS_CAS_TRIES		64	/* against user space, under object->lock */
#define SHS_HANDOFF_NS		1000000	/* a mutex waiter this old is handed the lock */
#define SHS_LANES_MAX		64
#define SHS_THREADS_MAX		64
#define SHS_ATTACHMENTS_MAX	4096	/* of one object: bounds every lane scan */
#define SHS_ID_KERNEL		SHS_WORD_OWNER

struct shs_object;
struct shs_attachment;

/* Tasks to wake once object->lock is dropped; each holds a task reference. */
struct shs_wakes {
	unsigned int n;
	struct task_struct *task[8];
};

enum shs_waiter_state {
	SHS_QUEUED = 0,		/* on object->queue */
	SHS_SETTLED		/* off the queue, result is final */
};

/*
 * One waiter of any kind and door.  All fields [l] except as noted; state is also
 * read without the lock by the sleeper (acquire, pairs with shs_settle).
 */
struct shs_waiter {
	struct list_head node;		/* object->queue */
	struct shs_attachment *att;	/* NULL: a single operation, owner id SHS_ID_KERNEL */
	struct task_struct *task;	/* to wake; NULL while nobody sleeps on it */
	u64 since_ns;			/* when it was queued, monotonic */
	u32 mode;			/* enum shs_mode */
	u32 lane;			/* rwlock reader */
	u32 reply;			/* once: enum shs_once_state */
	int result;			/* of a settled waiter: 0 and -EOWNERDEAD own */
	u8 state;			/* enum shs_waiter_state */
	bool kicked;			/* still queued, but should try again; unlocked read */
	u32 index;			/* atomic: the element */
	u64 expected;			/* atomic: waits while the element is this */
	bool counts;			/* atomic: uses up a notify; it may write */
	bool upgrade;			/* rwlock: from UPGRADABLE, goes before the queue */
	bool recursive;			/* rwlock reader: may overtake if its lane holds */
	bool own_lane;			/* rwlock reader: nobody else's thread uses its lane */
	bool force;			/* once: run although poisoned */
	bool watch;			/* once: never run */
	bool was_poisoned;		/* once: what the grant replaced */
};

enum shs_att_state {
	SHS_ATT_NEW = 0,	/* private region not mapped yet: owns nothing */
	SHS_ATT_LIVE,
	SHS_ATT_DEAD,		/* repaired; for good */
};

struct shs_attachment {
	struct shs_object *obj;
	u32 id;
	u8 state;			/* [l] enum shs_att_state */
	u8 mapped;			/* [l] bit per region */
	bool may_write;			/* object fd was open for writing */
	atomic_t vmas;			/* of the private region; 0 is death */
	void *private_mem;		/* lanes, then thread slots */
	struct mm_struct *mm;		/* mmgrab() */
	struct pid *pid;		/* thread group that attached */
	struct file *obj_file;
	struct list_head tickets;	/* [l] condvar: struct shs_ticket.att_node */
	kuid_t uid;			/* whom private_mem is charged to */
	char comm[16];
};

struct shs_death_record {
	struct pid *pid;
	char comm[16];
	u32 why;
	u32 code;
	u32 mode;
	u64 mono_ns;
	u64 real_ns;
	u64 deaths;
};

/* Sizes of the regions; fixed at INIT. */
struct shs_geometry {
	u32 value_size;
	u32 slot_stride;	/* cell */
	u32 control_bytes;	/* used bytes; mapped size is this, page aligned */
	u32 shared_bytes;
	u32 lanes;
	u32 lane_stride;
	u32 lanes_bytes;	/* page aligned */
};

struct shs_object {
	spinlock_t lock;		/* [l] below, see Locking above */
	u32 kind;			/* set last by INIT (release), then constant */
	u32 type, count, flags;		/* constant after INIT, as geo and meta */
	struct shs_geometry geo;
	void *meta;
	u32 meta_size;

	bool gone;			/* [l] value freed: no opens, no names */
	bool paged;			/* [l] control and shared are pages, not data */
	u32 opens, names;		/* [l] */
	u32 attachments;		/* [l] entries of atts */
	u32 readers_attached;		/* [l] those that may only read */
	void *data;			/* control and shared until the first attach */
	struct shs_control *control;	/* [l] */
	struct shs_shared *shared;	/* [l] and guard; NULL for kinds without */

	struct list_head queue;		/* [l] waiters, oldest first */
	u32 waiters;			/* [l] length of queue */
	struct xarray atts;		/* id -> attachment; entries change under [l] */
	u32 next_id;			/* under the xarray's lock */

	union {				/* by kind, all [l] */
		struct {
			u32 kernel_holds;	/* single operations sharing SHS_ID_KERNEL */
		} mutex;
		struct {
			u32 writer;		/* id, SHS_ID_KERNEL, or 0 */
			u32 upgrader;		/* id of who may become the writer, or 0 */
			u32 kernel_readers;
			bool died;		/* a writer died, no writer since */
		} rwlock;
		struct {
			u64 mutex_serial;	/* bound while tickets > 0 */
			u32 tickets;
		} condvar;
		struct {
			u32 owner;		/* id while RUNNING */
			bool died;		/* a runner died, none since */
		} once;
	};
	union {
		struct mutex mutex;		/* mutex, cell */
		struct rw_semaphore rwsem;	/* rwlock */
	} guard;

	struct shs_death_record death;	/* [l] */
	u64 serial;			/* unique for the life of the module */
	u64 created_ns;			/* CLOCK_REALTIME */
	kuid_t uid;			/* whom it is charged to */
	u64 charged;			/* bytes; guard */
	struct super_block *sb;
};

/* ---- provided by the environment: wait.c and attach.c, or tests/ ---- */

u64 shs_now_ns(void);
void shs_wake_add(struct shs_wakes *wakes, struct task_struct *task);
void shs_wakes_flush(struct shs_wakes *wakes);
bool shs_mm_is_gone(const struct shs_attachment *att);
bool shs_thread_is_gone(struct pid *thread);
void shs_death_note(struct shs_attachment *att, u32 mode);

/* ---- attachments, core.c ---- */

struct shs_attachment *shs_att_live(struct shs_object *obj, u32 id, struct shs_wakes *wakes);
void shs_att_die(struct shs_attachment *att, struct shs_wakes *wakes);
void shs_pass(struct shs_object *obj, struct shs_wakes *wakes);
void shs_enqueue(struct shs_object *obj, struct shs_waiter *w);
void shs_requeue(struct shs_object *obj, struct shs_waiter *w);
void shs_dequeue(struct shs_object *obj, struct shs_waiter *w);
void shs_settle(struct shs_object *obj, struct shs_waiter *w, int result,
		struct shs_wakes *wakes);
void shs_kick_head(struct shs_object *obj, struct shs_wakes *wakes);

static inline atomic64_t *shs_lane(const struct shs_attachment *att, u32 lane)
{
	return att->private_mem + (size_t)lane * att->obj->geo.lane_stride;
}

static inline u32 shs_waiter_id(const struct shs_waiter *w)
{
	return w->att ? w->att->id : SHS_ID_KERNEL;
}

/*
 * What a kind does for its waiters; all with object->lock held.
 *
 * try     0 or -EOWNERDEAD: w now owns.  -EBUSY: must queue.  Else an error.
 * release gives up what w's attachment and mode hold.  notice: the next owner is
 *         to be told again of a death (a grant that nobody consumed).
 * repair  undoes all that a dead attachment held.
 * pass    serves the head of the queue as far as the state allows.  Whoever called
 *         one of the others or changed the queue calls it before the lock drops
 *         (rule 3 in mutex.c): so no wakeup is lost with a waiter that leaves.
 *
 * A kind whose objects nobody can own has no try and release, and pass and repair
 * only where it needs them.  try and pass may find owners whose mm is gone and
 * repair them on the way.
 */
struct shs_kind_ops {
	int (*try)(struct shs_object *obj, struct shs_waiter *w, struct shs_wakes *wakes);
	int (*release)(struct shs_object *obj, struct shs_waiter *w, bool notice,
		       struct shs_wakes *wakes);
	void (*repair)(struct shs_object *obj, struct shs_attachment *att,
		       struct shs_wakes *wakes);
	void (*pass)(struct shs_object *obj, struct shs_wakes *wakes);
};

extern const struct shs_kind_ops shs_mutex_ops;
extern const struct shs_kind_ops shs_rwlock_ops;
extern const struct shs_kind_ops shs_once_ops;
extern const struct shs_kind_ops shs_condvar_ops;
extern const struct shs_kind_ops shs_counter_ops;
extern const struct shs_kind_ops shs_atomic_ops;

const struct shs_kind_ops *shs_kind_ops(u32 kind);

/* ---- values, value.c ---- */

u32 shs_type_size(u32 type);
bool shs_type_is_number(u32 type);
bool shs_type_is_signed(u32 type);
bool shs_bytes_valid(u32 type, const u8 *bytes, size_t n);
bool shs_number_fits(u32 type, u64 v);
u64 shs_number_wrap(u32 type, u64 v);
u64 shs_number_load(u32 type, const void *p);
void shs_number_store(u32 type, void *p, u64 v);

static inline void *shs_value(const struct shs_object *obj)
{
	return (void *)obj->shared + SHS_VALUE_OFFSET;
}

/* ---- kinds ---- */

int shs_atomic_op(struct shs_object *obj, struct shs_ioc_op *op);
u32 shs_atomic_notify(struct shs_object *obj, u32 index, u64 count, struct shs_wakes *wakes);

void shs_counter_sum(struct shs_object *obj, u32 index, u64 *sum);
int shs_counter_add(struct shs_object *obj, u32 index, s64 arg);
void shs_counter_reset(struct shs_object *obj, u32 index, u64 arg, u64 *old);

void shs_mutex_be_fair(struct shs_object *obj);
bool shs_mutex_died(const struct shs_object *obj);
void shs_mutex_clear_died(struct shs_object *obj);
u32 shs_mutex_owner(const struct shs_object *obj);

int shs_rwlock_convert(struct shs_object *obj, struct shs_waiter *w, u32 to);
u32 shs_rwlock_readers(struct shs_object *obj);

void *shs_cell_current(const struct shs_object *obj);
void shs_cell_publish(struct shs_object *obj, const void *value);

/*
 * A place in a condvar's queue that outlives the system call: a waiter that a
 * signal handler interrupted keeps it, and a notify that comes meanwhile settles it.
 */
struct shs_ticket {
	struct shs_waiter w;
	struct list_head att_node;	/* attachment->tickets [l] */
	struct pid *thread;		/* whose it is */
	bool expired;			/* deadline passed while it was queued [l] */
};

int shs_condvar_bind(struct shs_object *obj, u64 mutex_serial);
void shs_ticket_add(struct shs_object *obj, struct shs_ticket *t);
void shs_ticket_drop(struct shs_object *obj, struct shs_ticket *t, bool pass,
		     struct shs_wakes *wakes);
u32 shs_condvar_notify(struct shs_object *obj, u64 count, struct shs_wakes *wakes);
u32 shs_once_state(const struct shs_object *obj);
int shs_once_finish(struct shs_object *obj, u32 id, bool done);

#endif
