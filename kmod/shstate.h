/* SPDX-License-Identifier: GPL-2.0-only */
/* What the parts of the module that touch the kernel share; the model is in core.h. */
#ifndef _SHS_SHSTATE_H
#define _SHS_SHSTATE_H

#include <linux/fs.h>
#include <linux/hrtimer.h>
#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/poll.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/workqueue.h>
#include "compat.h"
#include "core.h"

/* One mount.  Usage is exact; limits may be lowered below it by a remount. */
struct shs_limits {
	u64 nr_objects, size;			/* of the mount */
	u64 nr_objects_user, size_user;		/* of one user; 0: a quarter of the mount's */
};

struct shs_sb_info {
	struct mutex limit_lock;		/* all below; a leaf but for the allocator */
	struct shs_limits max;
	u64 objects, bytes;			/* in use */
	struct xarray users;			/* uid -> struct shs_user */
	struct shs_graph graph;
	struct mutex attempts;			/* to have all of several, one at a time: many.c */
	struct list_head waits_for_all;		/* under attempts */
};

static inline struct shs_sb_info *shs_sbi(const struct super_block *sb)
{
	return sb->s_fs_info;
}

/* limits.c */
int shs_charge(struct super_block *sb, kuid_t uid, u64 objects, u64 bytes);
void shs_uncharge(struct super_block *sb, kuid_t uid, u64 objects, u64 bytes);
int shs_object_charge(struct shs_object *obj, u64 bytes);
void shs_object_uncharge(struct shs_object *obj, u64 bytes);
int shs_object_chown(struct shs_object *obj, kuid_t uid);

/* main.c */
extern const struct file_operations shs_object_fops;

/* fs.c */
extern struct file_system_type shs_fs_type;
void shs_remove_name(struct inode *inode);

/* What a user asks for by size may fail: that is an answer, and no news for the log. */
#define SHS_GFP		(GFP_KERNEL_ACCOUNT | __GFP_NOWARN)
#define SHS_GFP_PAGES	(SHS_GFP | __GFP_ZERO)

/* object.c */
extern struct kmem_cache *shs_object_cache;
struct shs_object *shs_object_new(struct super_block *sb, kuid_t uid);
void shs_object_free(struct shs_object *obj);
int shs_object_open(struct shs_object *obj);
bool shs_object_release(struct shs_object *obj);
int shs_object_link(struct shs_object *obj);
void shs_object_unlink(struct shs_object *obj);
int shs_object_page_in(struct shs_object *obj);
long shs_init(struct shs_object *obj, void __user *argp);
void shs_guard_lock(struct shs_object *obj, bool shared);
void shs_guard_unlock(struct shs_object *obj, bool shared);
size_t shs_private_size(const struct shs_object *obj);

static inline bool shs_is_ready(const struct shs_object *obj)
{
	return smp_load_acquire(&obj->kind) != SHS_KIND_NONE;	/* pairs with shs_init() */
}

struct shs_door;

/* attach.c, map.c */
extern struct kmem_cache *shs_att_cache;
extern const struct file_operations shs_att_fops;
long shs_attach(struct file *file, struct shs_object *obj, void __user *argp);
int shs_att_mmap(struct file *file, struct vm_area_struct *vma);
void shs_process_name(char *name, const struct task_struct *task);
int shs_att_check(const struct shs_attachment *att);
long shs_att_call(struct shs_attachment *att, unsigned int cmd, void __user *argp,
		  struct shs_door *door);

/* wait.c */
#define SHS_ROOT_INO	1	/* inode number of the directory; an object's is its serial */

struct shs_deadline {
	ktime_t at;		/* KTIME_MAX: none */
	clockid_t clock;
};

ktime_t shs_clock_offset(clockid_t clock);
int shs_deadline_set(struct shs_deadline *d, u64 ns, u8 clock);
int shs_sleep(struct shs_waiter *w, const struct shs_deadline *d);
int shs_acquire(struct shs_object *obj, struct shs_waiter *w, const struct shs_deadline *d);
int shs_acquire_queued(struct shs_object *obj, struct shs_waiter *w,
		       const struct shs_deadline *d);
void shs_release_waiter(struct shs_object *obj, struct shs_waiter *w);
void shs_wait_for_attempt(const struct shs_object *obj);
int shs_give_back(struct shs_object *obj, struct shs_waiter *w, int result);

struct shs_door;
struct shs_request;
struct shs_many_wait;

/* What a door does for a command that waits without its caller. */
struct shs_door_ops {
	/* as shs_acquire(); -EIOCBQUEUED: w was copied, and its end is told later */
	int (*wait)(struct shs_object *obj, struct shs_waiter *w, const struct shs_deadline *d,
		    struct shs_door *door);
	/* the same for several; -EIOCBQUEUED: m is the request's */
	int (*many)(struct shs_many_wait *m, struct shs_door *door);
	/* r is about to wait */
	void (*publish)(struct shs_request *r);
	/* it need not, or cannot: r has ended in its caller */
	void (*at_once)(struct shs_request *r);
	/* r has ended: in any context, without a lock.  NULL: all waits have a thread. */
	void (*post)(struct shs_request *r);
};

/*
 * How a command came that its caller does not sleep for; where functions take one, NULL
 * is a call of the thread itself, which sleeps.
 */
struct shs_door {
	const struct shs_door_ops *ops;
	struct pid *thread;	/* that submitted it; owns what it is granted */
	struct shs_attachment *att;	/* SHS_IOC_ARM by it: what does not wait is -EINVAL */
	/* of io_uring */
	struct io_uring_cmd *cmd;
	unsigned int issue_flags;
	void __user *argp;
	/* in the struct at argp, 0: none */
	size_t notice_at;	/* what else -EOWNERDEAD would say */
	size_t state_at;	/* waiter->reply */
	size_t generation_at;	/* waiter->generation, or value */
	bool retry;		/* -EAGAIN is for a worker: come again from there */
};

/* A wait that no thread sleeps for, see request.c. */
struct shs_request {
	struct shs_waiter w;
	struct shs_object *obj;
	struct shs_ticket *ticket;	/* condvar; then w is not used */
	struct shs_many_wait *many;	/* of several objects; then neither */
	struct shs_door door;
	struct hrtimer timer;
	struct work_struct work;
	bool timed;
	bool expired;			/* its deadline has passed */
	bool cancelled;			/* by its door, under obj->lock */
};

static inline struct pid *shs_caller(const struct shs_door *door)
{
	return door ? door->thread : task_pid(current);
}

int shs_wait(struct shs_object *obj, struct shs_waiter *w, const struct shs_deadline *d,
	     struct shs_door *door);
long shs_cancel_wait(struct shs_object *obj, void __user *argp);

/* lock.c */
int shs_lock_waiter(struct shs_waiter *w, struct shs_attachment *att,
		    const struct shs_ioc_lock *l, const struct shs_door *door);
long shs_lock(struct shs_attachment *att, void __user *argp, struct shs_door *door);
long shs_unlock(struct shs_attachment *att, void __user *argp, struct shs_door *door);
long shs_convert(struct shs_attachment *att, void __user *argp, struct shs_door *door);
long shs_once(struct shs_attachment *att, void __user *argp, struct shs_door *door);
long shs_recover_value(struct shs_attachment *att, void __user *argp);
long shs_watch_locks(struct shs_attachment *att, void __user *argp);

/* condwait.c */
long shs_condvar_wait(struct shs_attachment *att, void __user *argp, struct shs_door *door);
void shs_tickets_free(struct shs_attachment *att);
int shs_ticket_leave(struct shs_ticket *t, bool pass);
void shs_ticket_free(struct shs_ticket *t);

/* barwait.c */
long shs_barrier(struct shs_attachment *att, void __user *argp, struct shs_door *door);

/* many.c, manycall.c */
long shs_many(struct shs_attachment *att, void __user *argp, struct shs_door *door);
bool shs_many_cancel(struct super_block *sb, u64 call);

/* op.c */
int shs_op_run(struct shs_object *obj, struct shs_ioc_op *op, bool may_wait);
long shs_op(struct file *file, struct shs_attachment *att, void __user *argp, u32 size,
	    struct shs_door *door);

/* arm.c */
long shs_arm(struct shs_attachment *att, void __user *argp);
long shs_collect(struct shs_attachment *att, void __user *argp);
__poll_t shs_att_poll(struct file *file, poll_table *wait);
void shs_disarm(struct shs_attachment *att);

/* awaitop.c */
int shs_await_prepare(struct shs_object *obj);
void shs_await_free(struct shs_object *obj);
int shs_await_init(void);
void shs_await_exit(void);

/* batch.c */
long shs_batch(struct file *file, void __user *argp);

/* uring.c */
int shs_uring_cmd(struct io_uring_cmd *cmd, unsigned int issue_flags);
bool shs_door_closed(const struct io_uring_cmd *cmd);
int shs_first_try(struct shs_object *obj, struct shs_waiter *w, const struct shs_door *door);
int shs_door_end(const struct shs_door *door, const struct shs_waiter *w, int ret);

/* ring.c, or where io_uring cannot cancel, worker.c */
extern const struct shs_door_ops shs_ring;
void shs_ring_cancel(struct io_uring_cmd *cmd);
int shs_worker_begin(struct shs_door *door);
void shs_worker_end(void);

/* request.c */
struct shs_request *shs_request_new(struct shs_object *obj, const struct shs_door *door);
void shs_request_free(struct shs_request *r);
bool shs_request_limit(const struct shs_object *obj, bool may_write);
int shs_request_wait(struct shs_object *obj, const struct shs_waiter *w,
		     const struct shs_deadline *d, struct shs_door *door);
int shs_request_many(struct shs_many_wait *m, struct shs_door *door);
int shs_request_ticket(struct shs_request *r, struct shs_ticket *t,
		       const struct shs_deadline *d);
void shs_request_work(struct shs_request *r);
void shs_request_cancel(struct shs_request *r);
int shs_request_end(struct shs_request *r, bool closed);
int shs_requests_init(void);
void shs_requests_exit(void);

/* text.c */
ssize_t shs_text_read(struct file *file, char __user *buf, size_t len, loff_t *pos);
ssize_t shs_text_write(struct file *file, const char __user *buf, size_t len, loff_t *pos);

/* threads.c */
long shs_threads(struct shs_object *obj, void __user *argp);
long shs_cycle(struct shs_attachment *att, void __user *argp);

/* info.c */
long shs_abi(void __user *argp);
long shs_info(struct shs_object *obj, void __user *argp);
long shs_death(struct shs_object *obj, void __user *argp);
long shs_meta(struct shs_object *obj, void __user *argp);
const struct shs_attachment *shs_holder(const struct shs_object *obj);
const struct shs_hold *shs_hold_of(const struct shs_object *obj,
				   const struct shs_attachment *holder);
void shs_show_object(struct seq_file *m, struct shs_object *obj, bool readable);

/* main.c: structs that begin with their size */
int shs_size_in(u32 *usize, size_t min, void __user *argp);
int shs_struct_in(void *dst, size_t ksize, u32 usize, const void __user *argp);
int shs_copy_in(void *dst, size_t ksize, void __user *argp);
int shs_copy_in_from(void *dst, size_t ksize, size_t min, void __user *argp);
int shs_copy_out(void __user *argp, const void *src, size_t ksize);

#endif
