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
 *   shs_waiter                on the stack of the sleeper; inside a condvar ticket
 *                             that its attachment owns; or inside a request, of
 *                             io_uring, which keeps the file that it came by, or of
 *                             an attachment, which ends it with itself; or one of
 *                             several of a call (many.h).
 *
 * Locking.
 *
 *   mmap_lock / uring_lock -> object->guard -> object->lock -> xarray lock, graph->lock
 *   attachment->polled.lock: with what poll and epoll nest in it, apart from the others
 *   a condvar's object->lock -> object->lock of the mutex or rwlock it waits beside
 *   fs limits: sbi->limit_lock, a leaf that is never taken under object->lock.
 *   uring_lock -> sbi->attempts (many.c) -> object->lock, one at a time -> m->lock.
 *
 *   object->lock (spinlock)   everything below marked [l], the words and lanes in
 *                             mapped pages as far as the kernel writes them, and the
 *                             pointers control and shared.  vm_ops->close takes it
 *                             with mmap_lock held and possibly in a foreign task, so
 *                             nothing under it sleeps or touches user memory.  Two
 *                             object locks are held at once by a notify only, which
 *                             moves waiters (condvar.c).
 *   graph->lock (spinlock)    a leaf: who waits for whom among the objects of a mount
 *                             that detect deadlocks (detect.c).
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
#include <linux/pid.h>
#include <linux/rwsem.h>
#include <linux/sched.h>
#include <linux/spinlock.h>
#include <linux/string.h>
#include <linux/types.h>
#include <linux/wait.h>
#include <linux/xarray.h>
#include "../uapi/linux/shstate.h"

#define SHS_CAS_TRIES		64	/* against user space, under object->lock */
#define SHS_HANDOFF_NS		1000000	/* a mutex waiter this old is handed the lock, one each */
#define SHS_LANES_MAX		64
#define SHS_THREADS_MAX		63	/* the last lane is no thread's own */
#define SHS_ATTACHMENTS_MAX	4096	/* of one object: bounds every lane scan */
#define SHS_REQUESTS_MAX	16384	/* waiters of it beyond which no request queues */
#define SHS_ID_KERNEL		SHS_WORD_OWNER

struct shs_object;
struct shs_attachment;
struct shs_waiter;

/*
 * Whom to wake once object->lock is dropped: tasks, each with a reference, and settled
 * waiters that nobody sleeps on, which are nobody else's from then on.
 */
struct shs_wakes {
	unsigned int n;
	struct task_struct *task[8];
	struct shs_waiter *first, *last;	/* by waiter->after */
};

enum shs_waiter_state {
	SHS_QUEUED = 0,		/* on object->queue */
	SHS_SETTLED		/* off the queue, result is final */
};

struct shs_many;

/* Where a waiter stands in a search of detect.c; all under graph->lock. */
struct shs_step {
	struct list_head node;		/* graph->waits */
	struct shs_object *obj;		/* waited for */
	struct shs_waiter *from;	/* the search came from */
	struct shs_waiter *then;	/* goes to after it */
	u64 round;			/* of the last search that came here */
};

/* Who waits for whom among the objects of a mount that were created with DETECT. */
struct shs_graph {
	spinlock_t lock;		/* all below, and what else says graph->lock */
	struct list_head waits[64];	/* of struct shs_step, by thread */
	u64 round;
};

/*
 * What the kernel saw somebody take for himself: the word, the write or upgradable
 * lock, the turn of a once.  User space may take and free a word without it, so it
 * counts only while id is the owner.
 */
struct shs_hold {
	struct pid *thread;
	u64 since_ns;
	u32 id;				/* 0: nobody */
	u32 mode;			/* enum shs_mode */
	u32 depth;			/* SHS_INIT_RECURSIVE */
};

/* Of a rwlock with DETECT, by lane: the thread that reads by it. */
struct shs_read {
	struct list_head node;		/* object->reads, while somebody does */
	const atomic64_t *lane;		/* of it; zero: user space gave it back */
	struct pid *thread;		/* NULL: several */
	u64 since_ns;
};

/*
 * One waiter of any kind and door.  All fields [l] except as noted; state is also
 * read without the lock by the sleeper (acquire, pairs with shs_settle).
 *
 * The doors differ in how a waiter is told: a task is woken, or done is called, once,
 * by whoever settled it, without any lock of ours but in any context, and may free it.
 * A waiter with done cannot try by itself, so it is never kicked but handed what it
 * waits for.  One by_ring blocks no thread of its process, so it is no edge in the graph.
 *
 * What an armed one is granted is its process's, but unclaimed until it is collected.  If
 * the attachment ends before, nobody has used it: it goes on to the next, with its notice.
 */
struct shs_waiter {
	struct list_head node;		/* object->queue */
	struct shs_attachment *att;	/* NULL: a single operation, owner id SHS_ID_KERNEL */
	struct task_struct *task;	/* to wake; NULL while nobody sleeps on it */
	void (*done)(struct shs_waiter *w);	/* instead; see below */
	struct shs_waiter *after;	/* in a struct shs_wakes, once settled */
	const void *process;		/* mm of who waits: only to compare with */
	u64 call;			/* address of the struct that it called with */
	struct pid *thread;		/* that waits, or releases; whoever made w keeps it */
	u64 since_ns;			/* when it was queued, monotonic; 0: it was not */
	u32 mode;			/* enum shs_mode */
	u32 lane;			/* rwlock reader */
	u32 reply;			/* once: enum shs_once_state; barrier: SHS_BARRIER_* */
	int result;			/* of a settled waiter: 0 and -EOWNERDEAD own */
	u8 state;			/* enum shs_waiter_state */
	bool kicked;			/* still queued, but should try again; unlocked read */
	bool next;			/* mutex: the release under way goes to it */
	bool patient;			/* goes on waiting in a deadlock: a condvar's wait */
	bool by_ring;			/* by io_uring, whoever sleeps for it, or armed; constant */
	struct shs_attachment *armed;	/* by which; of the same object */
	struct hlist_node unclaimed;	/* armed->unclaimed */
	struct shs_step step;		/* in the graph of who waits for whom */
	u32 index;			/* atomic: the element */
	u64 expected;			/* atomic: waits while it is this; of until: arg */
	bool counts;			/* atomic: uses up a notify; it may write */
	u8 until;			/* SHS_OP_AWAIT_*, of an element or total; or 0 */
	bool upgrade;			/* rwlock: from UPGRADABLE, goes before the queue */
	bool recursive;			/* rwlock reader: may overtake if its lane holds */
	bool own_lane;			/* rwlock reader: nobody else's thread uses its lane */
	bool force;			/* once: run although poisoned; mutex, rwlock: recovers */
	bool watch;			/* once: never run */
	bool was_poisoned;		/* once: what the grant replaced */
	bool no_undo;			/* semaphore: nobody holds them */
	u32 permits;			/* semaphore: that it wants, or gives back */
	union {
		u64 generation;		/* barrier: so many had ended when it was told */
		u64 value;		/* that met until */
	};
	struct shs_many *many;		/* one of several of its call, or NULL; constant */
};

/*
 * A call that waits for several objects, with a waiter in the queue of each (any), or in
 * that of one which it knows to be busy (all, a scout); many.c has the rest.
 */
struct shs_many {
	bool all;			/* constant */
	struct shs_waiter *winner;	/* any: who is granted what it waits for, or bell */
	struct shs_waiter bell;		/* on no queue; kicked when one of them is settled */
};

enum shs_att_state {
	SHS_ATT_NEW = 0,	/* private region not mapped yet: owns nothing */
	SHS_ATT_LIVE,
	SHS_ATT_DEAD,		/* repaired; for good */
};

/* Of a barrier: how many of its parties an attachment stands for, see barrier.c. */
struct shs_parties {
	u64 generation;			/* that now is of */
	u32 now, before;		/* in that one, and in the last before it */
};

/* What becomes of an attachment's armed wait, see arm.c. */
enum shs_arm {
	SHS_ARM_NONE = 0,
	SHS_ARM_WAITS,
	SHS_ARM_ENDED,		/* readable: the result is to be collected */
};

struct shs_attachment {
	struct shs_object *obj;
	u32 id;
	u8 state;			/* [l] enum shs_att_state */
	u8 mapped;			/* [l] bit per region */
	bool may_write;			/* object fd was open for writing */
	u8 watch;			/* [l] SHS_WATCH_*; counts in watchers, freezers */
	atomic_t vmas;			/* of the private region; 0 is death */
	void *private_mem;		/* struct shs_private, lanes, thread slots */
	u64 used;			/* [l] bit per lane that calls counted in */
	struct mm_struct *mm;		/* mmgrab() */
	struct pid *pid;		/* thread group that attached */
	struct file *obj_file;
	struct list_head tickets;	/* [l] condvar: struct shs_ticket.att_node */
	struct hlist_head unclaimed;	/* [l] armed waiters that were granted what they wait for */
	wait_queue_head_t polled;	/* who polls; its lock protects the two below */
	struct shs_many *many;		/* [l] armed on it: its death tells the bell */
	struct shs_request *request;	/* armed, and queued at least once */
	u8 arm;				/* enum shs_arm */
	struct shs_read *reads;		/* [l] and graph->lock: one a lane, or NULL */
	struct shs_thread_info *cycle;	/* [l] SHS_INIT_DETECT: why it was refused last */
	u32 cycle_length;		/* [l] 0: it never was */
	u64 *added;			/* [l] SHS_INIT_LIVE: by the kernel in its name */
	u32 held;			/* [l] semaphore: permits that its death gives back */
	struct shs_parties parties;	/* [l] barrier */
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
	u32 lanes_bytes;
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

	struct list_head queue;		/* [l] waiters, oldest first; DETECT: and graph */
	u32 waiters;			/* [l] length of queue */
	u64 waits, wakes;		/* [l] so many queued, were woken */
	bool lost;			/* [l] SHS_INIT_STRICT: not recoverable */
	bool attempted;			/* [l] taken for a wait for all that may give it back */
	u32 watchers;			/* [l] attachments for whom user space locks nothing */
	u32 freezers;			/* [l] of these, for whom nobody does */
	struct shs_hold hold;		/* [l] DETECT: and graph->lock */
	struct shs_graph *graph;	/* of the mount, with DETECT; else NULL */
	struct list_head reads;		/* [l] and graph->lock: struct shs_read */
	struct xarray atts;		/* id -> attachment; removed under [l] */
	u32 next_id;			/* under the xarray's lock */

	union {				/* by kind, all [l] */
		struct {
			u32 kernel_holds;	/* single operations sharing SHS_ID_KERNEL */
			u64 handed_ns;		/* when it was last handed over */
		} mutex;
		struct {
			u32 writer;		/* id, SHS_ID_KERNEL, or 0 */
			u32 upgrader;		/* id of who may become the writer, or 0 */
			u32 kernel_readers;
			bool died;		/* a writer died, no writer since */
			u64 revoked_ns;		/* bias, since when; 0: not for a writer */
			u64 bias_after_ns;	/* not on before */
		} rwlock;
		struct {
			u64 mutex_serial;	/* bound while tickets > 0 */
			u32 tickets;
		} condvar;
		struct {
			u32 owner;		/* id while RUNNING */
			bool died;		/* a runner died, none since */
		} once;
		struct {
			u32 held;		/* of all attachments */
		} semaphore;
		struct {
			u64 generation;		/* so many have ended */
			bool broken;
		} barrier;
		struct {			/* atomic, counter: see await.c */
			u32 waiters;		/* of the queue, who have until */
			bool fencing, again;
			struct shs_await *work;	/* or NULL; constant once set, awaitop.c */
		} await;
	};
	union {
		struct mutex mutex;		/* mutex, cell */
		struct rw_semaphore rwsem;	/* rwlock */
	} guard;

	struct shs_death_record death;	/* [l] */
	u64 serial;			/* unique for the life of the module; its inode number */
	u64 created_ns;			/* CLOCK_REALTIME */
	kuid_t uid;			/* the owner, who is charged; limit_lock */
	u64 charged;			/* bytes, names too; limit_lock */
	struct super_block *sb;
};

/* ---- provided by the environment: wait.c, attach.c and awaitop.c, or tests/ ---- */

u64 shs_now_ns(void);
void shs_wake_add(struct shs_wakes *wakes, struct task_struct *task);
void shs_wakes_flush(struct shs_wakes *wakes);
bool shs_mm_is_gone(const struct shs_attachment *att);
bool shs_thread_is_gone(struct pid *thread);
void shs_death_note(struct shs_attachment *att, u32 mode);
bool shs_is_dying(struct task_struct *task);
/* All conditions will be looked at: soon, or after shs_await_fenced(), once that is so. */
void shs_await_soon(struct shs_object *obj);
void shs_await_fence(struct shs_object *obj);
void shs_describe(struct shs_thread_info *info, const struct shs_object *obj,
		  const struct shs_waiter *w);

enum shs_event {
	SHS_EVENT_CONTEND,	/* has to queue */
	SHS_EVENT_ACQUIRE,	/* holds; ns: after such a wait */
	SHS_EVENT_HANDOFF,	/* was made the holder by somebody else */
	SHS_EVENT_RELEASE,	/* holds no more; ns: so long, 0: not known */
	SHS_EVENT_OWNER_DIED,	/* the same by its death */
};

void shs_trace(const struct shs_object *obj, enum shs_event event, u32 id, u32 mode, u64 ns);

/* ---- attachments, core.c ---- */

struct shs_attachment *shs_att_live(struct shs_object *obj, u32 id, struct shs_wakes *wakes);
void shs_att_die(struct shs_attachment *att, struct shs_wakes *wakes);
void shs_pass(struct shs_object *obj, struct shs_wakes *wakes);
void shs_enqueue(struct shs_object *obj, struct shs_waiter *w);
void shs_requeue(struct shs_object *obj, struct shs_waiter *w);
void shs_dequeue(struct shs_object *obj, struct shs_waiter *w);
void shs_settle(struct shs_object *obj, struct shs_waiter *w, int result,
		struct shs_wakes *wakes);
void shs_leave_unclaimed(struct shs_waiter *w);
void shs_undo_grant(struct shs_object *obj, struct shs_waiter *w, int result,
		    struct shs_wakes *wakes);
void shs_kick_head(struct shs_object *obj, struct shs_wakes *wakes);
void shs_tell_done(struct shs_wakes *wakes);
bool shs_is_leaving(struct shs_object *obj, struct shs_waiter *w, struct shs_wakes *wakes);
int shs_try_alive(struct shs_object *obj, struct shs_waiter *w, struct shs_wakes *wakes);
struct shs_waiter *shs_head(struct shs_object *obj, struct shs_wakes *wakes);
struct shs_waiter *shs_taker(struct shs_object *obj, struct shs_wakes *wakes);
bool shs_claim(struct shs_object *obj, struct shs_waiter *w, struct shs_wakes *wakes);
u32 shs_cancel(struct shs_object *obj, const void *process, u64 call, struct shs_wakes *wakes);
u64 shs_lanes_in_use(const struct shs_attachment *att);
void shs_tell_lost(struct shs_object *obj, struct shs_wakes *wakes);

/* Each has the mark: to look for a bit is faster than to look into 64 places. */
#define SHS_ATT_MARK	XA_MARK_1
#define shs_for_each_att(obj, id, att) \
	xa_for_each_marked(&(obj)->atts, id, att, SHS_ATT_MARK)

static inline atomic64_t *shs_lane(const struct shs_attachment *att, u32 lane)
{
	return att->private_mem + SHS_LANES_OFFSET + (size_t)lane * att->obj->geo.lane_stride;
}

/* ---- who holds, hold.c ---- */

u64 shs_time_since(u64 ns);

void shs_hold_begin(struct shs_object *obj, struct shs_waiter *w);
void shs_hold_mode(struct shs_object *obj, u32 mode);
void shs_hold_end(struct shs_object *obj, u32 id, u32 mode, enum shs_event why);
void shs_hold_forget(struct shs_object *obj);
void shs_read_begin(struct shs_object *obj, struct shs_waiter *w);
void shs_read_end(struct shs_attachment *att, u32 lane, enum shs_event why);

/* Whether the kernel knows who reads by the lane. */
static inline bool shs_reads(const struct shs_attachment *att, u32 lane)
{
	return att->reads && !list_empty(&att->reads[lane].node);
}

/* ---- who waits for whom, detect.c ---- */

void shs_graph_init(struct shs_graph *graph);
void shs_graph_wait(struct shs_object *obj, struct shs_waiter *w);
void shs_graph_leave(struct shs_object *obj, struct shs_waiter *w);
bool shs_graph_closes(struct shs_object *obj, struct shs_waiter *w);

static inline void shs_graph_lock(struct shs_object *obj)
{
	lockdep_assert_held(&obj->lock);
	if (obj->graph)
		spin_lock(&obj->graph->lock);
	else
		__acquire(&obj->graph->lock);
}

static inline void shs_graph_unlock(struct shs_object *obj)
{
	if (obj->graph)
		spin_unlock(&obj->graph->lock);
	else
		__release(&obj->graph->lock);
}

/* Whether w cannot try by itself, so that it is not kicked but handed what it waits for. */
static inline bool shs_is_served(const struct shs_waiter *w)
{
	return w->done || w->many;
}

/* Operations that wait for a value. */
static inline bool shs_is_await(u32 op)
{
	return op >= SHS_OP_AWAIT_GE && op <= SHS_OP_AWAIT_ANY;
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
extern const struct shs_kind_ops shs_semaphore_ops;
extern const struct shs_kind_ops shs_barrier_ops;

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

/* The value in place, or the first of two slots; without shared it is in control. */
static inline void *shs_value(const struct shs_object *obj)
{
	return (obj->shared ? (void *)obj->shared : (void *)obj->control) + SHS_VALUE_OFFSET;
}

void *shs_slot_published(const struct shs_object *obj);
void *shs_slot_hidden(const struct shs_object *obj);
void shs_slot_publish(struct shs_object *obj);
bool shs_value_snapshot(const struct shs_object *obj, u32 offset, u32 len, void *copy);
bool shs_number_snapshot(const struct shs_object *obj, u32 index, u64 *number);

/* ---- kinds ---- */

int shs_atomic_op(struct shs_object *obj, struct shs_ioc_op *op);
u32 shs_atomic_notify(struct shs_object *obj, u32 index, u64 count, struct shs_wakes *wakes);

void shs_counter_sum(struct shs_object *obj, u32 index, u64 *sum);
int shs_counter_add(struct shs_object *obj, struct shs_attachment *att, u32 index, s64 arg);
void shs_counter_reset(struct shs_object *obj, u32 index, u64 arg, u64 *old);

int shs_await_check(const struct shs_object *obj, u32 op, u64 arg);
int shs_await_try(struct shs_object *obj, struct shs_waiter *w);
int shs_await_end(struct shs_object *obj, struct shs_waiter *w, int why);
u32 shs_await_tell(struct shs_object *obj, u32 first, u32 n, struct shs_wakes *wakes);
void shs_await_enter(struct shs_object *obj);
void shs_await_leave(struct shs_object *obj);
void shs_await_fenced(struct shs_object *obj);
void shs_await_death(struct shs_object *obj);

u32 shs_mutex_new_word(u32 flags);
void shs_mutex_be_fair(struct shs_object *obj);
bool shs_mutex_died(const struct shs_object *obj);
int shs_mutex_clear_died(struct shs_object *obj);
bool shs_mutex_is_nested(const struct shs_object *obj, const struct shs_waiter *w);
u32 shs_mutex_owner(const struct shs_object *obj);
int shs_mutex_renew_kernel_bit(struct shs_object *obj);

int shs_rwlock_convert(struct shs_object *obj, struct shs_waiter *w, u32 to);
u32 shs_rwlock_readers(struct shs_object *obj);
void shs_rwlock_see_all(struct shs_object *obj);
u32 shs_rwlock_writer(const struct shs_object *obj);
bool shs_rwlock_reads(const struct shs_attachment *att);

/*
 * A place in a condvar's queue that outlives the system call: a waiter that a
 * signal handler interrupted keeps it, and a notify that comes meanwhile settles it.
 * [l] is the condvar's lock.
 */
struct shs_ticket {
	struct shs_waiter w;		/* for a notify */
	struct shs_waiter again;	/* for the mutex; fields [l] of that */
	struct list_head att_node;	/* attachment->tickets [l] */
	struct pid *thread;		/* whose it is */
	struct file *mutex_file;	/* keeps again.att */
	bool expired;			/* deadline passed while it was queued [l] */
	bool requeued;			/* a notify queued again for it [l] */
	struct shs_request *request;	/* w.by_ring, if no thread sleeps on it */
};

int shs_condvar_bind(struct shs_object *obj, u64 mutex_serial);
void shs_ticket_add(struct shs_object *obj, struct shs_ticket *t);
void shs_ticket_drop(struct shs_object *obj, struct shs_ticket *t, bool pass,
		     struct shs_wakes *wakes);
void shs_ticket_forgo(struct shs_object *obj, struct shs_ticket *t, struct shs_wakes *wakes);
u32 shs_condvar_notify(struct shs_object *obj, u64 count, struct shs_wakes *wakes);
u32 shs_once_state(const struct shs_object *obj);
int shs_once_finish(struct shs_object *obj, u32 id, bool done, const void *value);
int shs_semaphore_new(u32 *value);
u32 shs_semaphore_bound(const struct shs_object *obj);
void shs_semaphore_disown(struct shs_object *obj, struct shs_waiter *w);
int shs_barrier_new(const u32 *value);
int shs_barrier_leave(struct shs_attachment *att);
void shs_barrier_set(struct shs_object *obj, u32 parties);
void shs_barrier_reset(struct shs_object *obj, struct shs_wakes *wakes);
int shs_forget_death(struct shs_object *obj);
int shs_recover(struct shs_object *obj, struct shs_attachment *att);
int shs_watch(struct shs_attachment *att, u32 flags);

#endif
