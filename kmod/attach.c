// SPDX-License-Identifier: GPL-2.0-only
/*
 * Attachments: what owns.  One address space, from the mapping of the private region
 * to the close of its last VMA (core.c says how it dies, map.c how it is mapped).
 */
#include <linux/anon_inodes.h>
#include <linux/cred.h>
#include <linux/ctype.h>
#include <linux/file.h>
#include <linux/pid.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include "shstate.h"

struct kmem_cache *shs_att_cache;

/* Every operation of an attachment begins so: after fork or exec it is somebody else's. */
int shs_att_check(const struct shs_attachment *att)
{
	return att->mm == current->mm ? 0 : -ESTALE;
}

bool shs_mm_is_gone(const struct shs_attachment *att)
{
	return !atomic_read_acquire(&att->mm->mm_users);
}

bool shs_thread_is_gone(struct pid *thread)
{
	const struct task_struct *task;
	bool gone;

	rcu_read_lock();
	task = pid_task(thread, PIDTYPE_PID);
	gone = !task || task->flags & PF_EXITING;	/* a leader stays for the others */
	rcu_read_unlock();
	return gone;
}

/*
 * Why: from the thread group that attached, for close may run anywhere.  If its mm is
 * in use, it unmapped; if not and it is not exiting (its leader perhaps, before the
 * others), it went on to another by exec.
 */
static void find_why(const struct shs_attachment *att, struct shs_death_record *d)
{
	const struct task_struct *task;
	unsigned int code;

	d->why = SHS_WHY_UNKNOWN;
	d->code = 0;
	rcu_read_lock();
	task = pid_task(att->pid, PIDTYPE_TGID);
	if (!task) {
		rcu_read_unlock();
		return;
	}
	if (!shs_mm_is_gone(att)) {
		d->why = SHS_WHY_UNMAP;
	} else if (task->signal->flags & SIGNAL_GROUP_EXIT || task->flags & PF_EXITING) {
		code = task->signal->flags & SIGNAL_GROUP_EXIT ?
		       task->signal->group_exit_code : task->exit_code;
		d->why = code & 0x7f ? SHS_WHY_SIGNAL : SHS_WHY_EXIT;
		d->code = code & 0x7f ?: code >> 8 & 0xff;
	} else {
		d->why = SHS_WHY_EXEC;
	}
	rcu_read_unlock();
}

/* A holder died: remember who, for whoever asks. */
void shs_death_note(struct shs_attachment *att, u32 mode)
{
	struct shs_death_record *d = &att->obj->death;

	lockdep_assert_held(&att->obj->lock);
	put_pid(d->pid);
	d->pid = get_pid(att->pid);
	strscpy(d->comm, att->comm, sizeof(d->comm));
	find_why(att, d);
	d->mode = mode;
	d->mono_ns = ktime_get_ns();
	d->real_ns = ktime_get_real_ns();
	d->deaths++;
}

static void count_attachment(const struct shs_attachment *att, int n)
{
	att->obj->attachments += n;
	if (!att->may_write)
		att->obj->readers_attached += n;
}

/* Who may only read gets half of the places: he cannot keep the others out. */
static int add_to_object(struct shs_attachment *att)
{
	struct shs_object *obj = att->obj;
	int ret = 0;

	spin_lock(&obj->lock);
	if (obj->attachments >= SHS_ATTACHMENTS_MAX ||
	    (!att->may_write && obj->readers_attached >= SHS_ATTACHMENTS_MAX / 2))
		ret = -EUSERS;
	if (!ret)
		count_attachment(att, 1);
	spin_unlock(&obj->lock);
	if (ret)
		return ret;

	ret = xa_alloc_cyclic(&obj->atts, &att->id, att, XA_LIMIT(1, SHS_ID_KERNEL - 1),
			      &obj->next_id, GFP_KERNEL_ACCOUNT);
	if (ret < 0) {
		att->id = 0;	/* it may have been written all the same */
		spin_lock(&obj->lock);
		count_attachment(att, -1);
		spin_unlock(&obj->lock);
		return ret;
	}
	xa_set_mark(&obj->atts, att->id, SHS_ATT_MARK);
	return 0;
}

static void remove_from_object(struct shs_attachment *att)
{
	struct shs_object *obj = att->obj;
	struct shs_wakes wakes = { };

	if (!att->id)
		return;
	shs_tickets_free(att);
	spin_lock(&obj->lock);
	shs_att_die(att, &wakes);
	xa_erase(&obj->atts, att->id);
	count_attachment(att, -1);
	spin_unlock(&obj->lock);
	shs_wakes_flush(&wakes);
}

static void att_free(struct shs_attachment *att)
{
	struct shs_object *obj = att->obj;

	shs_disarm(att);
	remove_from_object(att);
	kvfree(att->reads);
	kvfree(att->cycle);
	kvfree(att->added);
	if (att->private_mem) {
		free_pages_exact(att->private_mem, shs_private_size(obj));
		shs_uncharge(obj->sb, att->uid, 0, shs_private_size(obj));
	}
	mmdrop(att->mm);
	put_pid(att->pid);
	fput(att->obj_file);
	kmem_cache_free(shs_att_cache, att);
}

static int att_release(struct inode *inode, struct file *file)
{
	att_free(file->private_data);
	return 0;
}

static int alloc_private(struct shs_attachment *att)
{
	struct shs_object *obj = att->obj;
	size_t size = shs_private_size(obj);
	int ret = shs_charge(obj->sb, att->uid, 0, size);

	if (ret)
		return ret;
	att->private_mem = alloc_pages_exact(size, SHS_GFP_PAGES);
	if (att->private_mem)
		return 0;
	shs_uncharge(obj->sb, att->uid, 0, size);
	return -ENOMEM;
}

/* What its kind and policies ask for beside the pages. */
static int alloc_books(struct shs_attachment *att)
{
	const struct shs_object *obj = att->obj;
	u32 i;

	if (obj->flags & SHS_INIT_LIVE) {
		att->added = kvcalloc(obj->count, sizeof(*att->added), SHS_GFP);
		return att->added ? 0 : -ENOMEM;
	}
	if (!obj->graph)
		return 0;
	att->cycle = kvcalloc(SHS_CYCLE_MAX, sizeof(*att->cycle), SHS_GFP);
	if (!att->cycle)
		return -ENOMEM;
	if (!obj->geo.lanes)
		return 0;
	att->reads = kvcalloc(obj->geo.lanes, sizeof(*att->reads), SHS_GFP);
	if (!att->reads)
		return -ENOMEM;
	for (i = 0; i < obj->geo.lanes; i++) {
		INIT_LIST_HEAD(&att->reads[i].node);
		att->reads[i].lane = shs_lane(att, i);
	}
	return 0;
}

/*
 * A process names itself as it likes, and the name is shown to others: what could
 * forge a line or move a terminal's cursor is replaced here, once.
 */
void shs_process_name(char *name, const struct task_struct *task)
{
	char *c;

	rcu_read_lock();
	strscpy(name, READ_ONCE(task->group_leader)->comm, TASK_COMM_LEN);
	rcu_read_unlock();
	for (c = name; *c; c++)
		if (!isascii(*c) || !isprint(*c))
			*c = '?';
}

static struct shs_attachment *att_new(struct file *file, struct shs_object *obj)
{
	struct shs_attachment *att = kmem_cache_zalloc(shs_att_cache, GFP_KERNEL_ACCOUNT);
	int ret;

	if (!att)
		return ERR_PTR(-ENOMEM);
	att->obj = obj;
	att->may_write = file->f_mode & FMODE_WRITE;
	att->obj_file = get_file(file);
	att->mm = current->mm;
	mmgrab(att->mm);
	att->pid = get_pid(task_tgid(current));
	shs_process_name(att->comm, current);
	att->uid = current_uid();
	INIT_LIST_HEAD(&att->tickets);
	init_waitqueue_head(&att->polled);

	ret = alloc_private(att);
	if (!ret)
		ret = alloc_books(att);
	if (!ret)
		ret = add_to_object(att);
	if (ret) {
		att_free(att);
		return ERR_PTR(ret);
	}
	return att;
}

static void fill_reply(struct shs_ioc_attach *a, const struct shs_attachment *att)
{
	const struct shs_object *obj = att->obj;
	const struct shs_geometry *g = &obj->geo;

	a->id = att->id;
	a->kind = obj->kind;
	a->type = obj->type;
	a->count = obj->count;
	a->control_size = PAGE_ALIGN(g->control_bytes);
	a->shared_size = PAGE_ALIGN(g->shared_bytes);
	a->private_size = shs_private_size(obj);
	a->value_size = g->value_size;
	a->value_offset = g->shared_bytes || obj->kind == SHS_KIND_ONCE ||
			  obj->kind == SHS_KIND_SEMAPHORE || obj->kind == SHS_KIND_BARRIER ?
			  SHS_VALUE_OFFSET : 0;
	a->slot_stride = g->slot_stride;
	a->lanes = obj->kind == SHS_KIND_COUNTER && !att->may_write ? 0 : g->lanes;
	a->lane_stride = g->lane_stride;
	a->threads = SHS_THREADS_MAX;
	a->threads_offset = SHS_LANES_OFFSET + g->lanes_bytes;
}

long shs_attach(struct file *file, struct shs_object *obj, void __user *argp)
{
	struct shs_ioc_attach args;
	struct shs_attachment *att;
	struct file *att_file;
	int fd, ret;

	ret = shs_copy_in(&args, sizeof(args), argp);
	if (ret)
		return ret;
	if (args.flags)
		return -EINVAL;
	if (!(file->f_mode & FMODE_READ))
		return -EACCES;
	fd = get_unused_fd_flags(O_CLOEXEC);
	if (fd < 0)
		return fd;
	att = att_new(file, obj);
	if (IS_ERR(att)) {
		ret = PTR_ERR(att);
		goto put_fd;
	}
	fill_reply(&args, att);
	att_file = anon_inode_getfile("[shstate]", &shs_att_fops, att, O_RDWR | O_CLOEXEC);
	if (IS_ERR(att_file)) {
		ret = PTR_ERR(att_file);
		att_free(att);
		goto put_fd;
	}
	/* the object's pages last: they stay, so nothing may fail after them */
	ret = shs_copy_out(argp, &args, sizeof(args)) ?: shs_object_page_in(obj);
	if (ret) {
		fput(att_file);
		goto put_fd;
	}
	fd_install(fd, att_file);
	return fd;
put_fd:
	put_unused_fd(fd);
	return ret;
}

/* By every door, what is only for the address space that attached; cmd is one of these. */
long shs_att_call(struct shs_attachment *att, unsigned int cmd, void __user *argp,
		  struct shs_door *door)
{
	u32 size;
	int ret;

	switch (cmd) {
	case SHS_IOC_LOCK:
		return shs_lock(att, argp, door);
	case SHS_IOC_UNLOCK:
		return shs_unlock(att, argp, door);
	case SHS_IOC_CONVERT:
		return shs_convert(att, argp, door);
	case SHS_IOC_WAIT:
		return shs_condvar_wait(att, argp, door);
	case SHS_IOC_ONCE:
		return shs_once(att, argp, door);
	case SHS_IOC_BARRIER:
		return shs_barrier(att, argp, door);
	case SHS_IOC_RECOVER:
		return shs_recover_value(att, argp);
	case SHS_IOC_WATCH:
		return shs_watch_locks(att, argp);
	case SHS_IOC_CYCLE:
		return shs_cycle(att, argp);
	case SHS_IOC_MANY:
		return shs_many(att, argp, door);
	case SHS_IOC_CANCEL:
		return shs_cancel_wait(att->obj, argp);
	case SHS_IOC_ARM:
		return shs_arm(att, argp);
	case SHS_IOC_COLLECT:
		return shs_collect(att, argp);
	}
	ret = shs_size_in(&size, sizeof(struct shs_ioc_op), argp);
	return ret ?: shs_op(att->obj_file, att, argp, size, door);
}

static long att_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct shs_attachment *att = file->private_data;
	void __user *argp = (void __user *)arg;
	int ret;

	switch (cmd) {
	case SHS_IOC_INFO:
		return shs_info(att->obj, argp);
	case SHS_IOC_DEATH:
		return shs_death(att->obj, argp);
	case SHS_IOC_META:
		return shs_meta(att->obj, argp);
	case SHS_IOC_THREADS:
		return shs_threads(att->obj, argp);
	case SHS_IOC_OP:
	case SHS_IOC_CANCEL:
	case SHS_IOC_CYCLE:
	case SHS_IOC_RECOVER:
	case SHS_IOC_WATCH:
	case SHS_IOC_LOCK:
	case SHS_IOC_UNLOCK:
	case SHS_IOC_WAIT:
	case SHS_IOC_ONCE:
	case SHS_IOC_CONVERT:
	case SHS_IOC_BARRIER:
	case SHS_IOC_ARM:
	case SHS_IOC_COLLECT:
	case SHS_IOC_MANY:
		break;
	default:
		return -ENOTTY;
	}
	ret = shs_att_check(att);
	return ret ?: shs_att_call(att, cmd, argp, NULL);
}

static void att_fdinfo(struct seq_file *m, struct file *file)
{
	static const char * const state[] = { "new", "live", "dead" };
	struct shs_attachment *att = file->private_data;

	shs_show_object(m, att->obj, true);
	seq_printf(m, "attachment:\t%u %s\n", att->id, state[READ_ONCE(att->state)]);
}

const struct file_operations shs_att_fops = {
	.owner		= THIS_MODULE,
	.release	= att_release,
	.mmap		= shs_att_mmap,
	.poll		= shs_att_poll,
	.unlocked_ioctl	= att_ioctl,
	.compat_ioctl	= compat_ptr_ioctl,
	.show_fdinfo	= att_fdinfo,
#if IS_ENABLED(CONFIG_IO_URING)
	.uring_cmd	= shs_uring_cmd,
#endif
	.llseek		= noop_llseek,
};
