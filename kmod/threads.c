// SPDX-License-Identifier: GPL-2.0-only
/* Who holds and who waits, by thread: SHS_IOC_THREADS and SHS_IOC_CYCLE. */
#include <linux/pid.h>
#include <linux/sched/signal.h>
#include "shstate.h"

/* Entries for the caller: those that fit are written, all are counted. */
struct list {
	const struct shs_object *obj;
	struct shs_thread_info *entry;
	u32 capacity, count;
};

static void add(struct list *l, const struct shs_thread_info *entry)
{
	if (l->count < l->capacity)
		l->entry[l->count] = *entry;
	l->count++;
}

static u64 monotonic_here(u64 ns)
{
	return ns ? ns + shs_clock_offset(CLOCK_MONOTONIC) : 0;
}

/* thread NULL: not known which of the process.  sure: that one, and no other. */
static void add_holder(struct list *l, const struct shs_attachment *att, struct pid *thread,
		       bool sure, u32 mode, u64 since_ns, u64 count)
{
	struct shs_thread_info entry = {
		.mode = mode,
		.flags = sure ? 0 : SHS_THREAD_POSSIBLE,
		.pid = pid_vnr(att->pid),
		.tid = pid_vnr(thread),
		.since_ns = monotonic_here(since_ns),
		.count = count,
		.object = l->obj->serial,
	};

	strscpy(entry.comm, att->comm, sizeof(entry.comm));
	add(l, &entry);
}

/* A word that user space may change has perhaps been through other hands meanwhile. */
static bool sees_all(const struct shs_object *obj)
{
	return (obj->kind != SHS_KIND_MUTEX && obj->kind != SHS_KIND_CELL) ||
	       shs_mutex_new_word(obj->flags);
}

static void add_exclusive(struct list *l)
{
	const struct shs_attachment *att = shs_holder(l->obj);
	const struct shs_hold *h = shs_hold_of(l->obj, att);
	u32 mode = l->obj->kind == SHS_KIND_RWLOCK && att && att->id == l->obj->rwlock.upgrader ?
		   SHS_MODE_UPGRADABLE : SHS_MODE_EXCLUSIVE;

	if (h)
		add_holder(l, att, h->thread, sees_all(l->obj), mode, h->since_ns, h->depth);
	else if (att)
		add_holder(l, att, NULL, false, mode, 0, 1);
}

/* By lane where the kernel knows the threads, else by process. */
static void add_reader(struct list *l, const struct shs_attachment *att)
{
	u64 others = 0, count, left;
	u32 i;

	for (left = shs_lanes_in_use(att); left; left &= left - 1) {
		i = __ffs64(left);
		count = min_t(u64, atomic64_read(shs_lane(att, i)), U32_MAX);
		if (count && shs_reads(att, i) && att->reads[i].thread)
			add_holder(l, att, att->reads[i].thread, true, SHS_MODE_READ,
				   att->reads[i].since_ns, count);
		else
			others += count;
	}
	if (others)
		add_holder(l, att, NULL, false, SHS_MODE_READ, 0, others);
}

/* Readers, or who has permits, of which no thread is known. */
static void add_one_of_many(struct list *l, const struct shs_attachment *att)
{
	if (l->obj->kind == SHS_KIND_RWLOCK)
		add_reader(l, att);
	else if (att->held)
		add_holder(l, att, NULL, false, SHS_MODE_EXCLUSIVE, 0, att->held);
}

static void add_waiters(struct list *l)
{
	struct shs_thread_info entry;
	const struct shs_waiter *w;

	list_for_each_entry(w, &l->obj->queue, node) {
		shs_describe(&entry, l->obj, w);
		add(l, &entry);
	}
}

static void list_threads(struct list *l, struct shs_object *obj)
{
	struct shs_attachment *att;
	unsigned long id;

	spin_lock(&obj->lock);
	add_exclusive(l);
	if (obj->kind == SHS_KIND_RWLOCK || obj->kind == SHS_KIND_SEMAPHORE)
		shs_for_each_att(obj, id, att)
			if (att->state == SHS_ATT_LIVE)
				add_one_of_many(l, att);
	add_waiters(l);
	spin_unlock(&obj->lock);
}

/* The entries, and then the struct with their number. */
static int reply(const struct list *l, u64 addr)
{
	size_t bytes = min(l->count, l->capacity) * sizeof(*l->entry);

	return copy_to_user(u64_to_user_ptr(addr), l->entry, bytes) ? -EFAULT : 0;
}

long shs_threads(struct shs_object *obj, void __user *argp)
{
	struct list l = { .obj = obj };
	struct shs_ioc_threads t;
	int ret;

	ret = shs_copy_in(&t, sizeof(t), argp);
	if (ret)
		return ret;
	if (t.flags || t.count || t.capacity > SHS_THREAD_INFO_MAX || (!t.capacity && t.addr))
		return -EINVAL;
	l.capacity = t.capacity;
	l.entry = kvcalloc(max(t.capacity, 1U), sizeof(*l.entry), SHS_GFP);
	if (!l.entry)
		return -ENOMEM;
	list_threads(&l, obj);
	t.count = l.count;
	ret = reply(&l, t.addr) ?: shs_copy_out(argp, &t, sizeof(t));
	kvfree(l.entry);
	return ret;
}

long shs_cycle(struct shs_attachment *att, void __user *argp)
{
	struct shs_thread_info entry[SHS_CYCLE_MAX];
	struct list l = { .obj = att->obj, .entry = entry };
	struct shs_ioc_cycle c;
	int ret;

	ret = shs_copy_in(&c, sizeof(c), argp);
	if (ret)
		return ret;
	if (c.flags || c.count || c.capacity > SHS_CYCLE_MAX || (!c.capacity && c.addr))
		return -EINVAL;
	if (!att->cycle)
		return -EOPNOTSUPP;
	spin_lock(&att->obj->lock);
	memcpy(entry, att->cycle, sizeof(entry));
	l.count = att->cycle_length;
	spin_unlock(&att->obj->lock);
	if (!l.count)
		return -ENODATA;
	l.capacity = min_t(u32, c.capacity, SHS_CYCLE_MAX);
	c.count = l.count;
	return reply(&l, c.addr) ?: shs_copy_out(argp, &c, sizeof(c));
}
