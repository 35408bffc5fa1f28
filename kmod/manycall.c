// SPDX-License-Identifier: GPL-2.0-only
/*
 * SHS_IOC_MANY, the call: what it asks for, of which objects, by which door.
 */
#include <linux/file.h>
#include <linux/nospec.h>
#include "many.h"

static int fill_lock(struct shs_many_one *it, struct shs_attachment *att,
		     const struct shs_many_item *in, bool all, const struct shs_door *door)
{
	const struct shs_ioc_lock lock = {
		.flags = in->flags, .mode = in->mode, .lane = in->lane, .permits = in->permits,
	};
	int ret;

	if (in->index || in->expected ||
	    in->flags & ~(SHS_LOCK_RECURSIVE | SHS_LOCK_NO_UNDO))
		return -EINVAL;
	ret = shs_lock_waiter(&it->w, att, &lock, door);
	it->no_undo = all && it->w.no_undo;
	it->w.no_undo &= !all;
	return ret;
}

/* A once that is done; a value in the relation mode to expected, or (0) another than it. */
static int fill_condition(struct shs_many_one *it, const struct shs_attachment *att,
			  const struct shs_many_item *in)
{
	const struct shs_object *obj = att->obj;
	int ret = 0;

	if (in->flags || in->lane || in->permits)
		return -EINVAL;
	it->condition = true;
	if (obj->kind == SHS_KIND_ONCE) {
		it->w.watch = true;
		return in->mode || in->index || in->expected ? -EINVAL : 0;
	}
	if (in->index >= obj->count)
		return -EINVAL;
	it->w.index = array_index_nospec(in->index, obj->count);
	it->w.expected = in->expected;
	if (in->mode || obj->kind == SHS_KIND_COUNTER)
		ret = shs_await_check(obj, in->mode, in->expected);
	if (ret)
		return ret;
	if (!shs_number_fits(obj->type, in->expected))
		return -ERANGE;
	it->w.until = in->mode;
	return in->mode ? shs_await_prepare(att->obj) : 0;
}

static int fill(struct shs_many_one *it, struct shs_attachment *att,
		const struct shs_many_item *in, bool all, const struct shs_door *door)
{
	switch (att->obj->kind) {
	case SHS_KIND_MUTEX:
	case SHS_KIND_RWLOCK:
	case SHS_KIND_SEMAPHORE:
		return fill_lock(it, att, in, all, door);
	case SHS_KIND_ONCE:
	case SHS_KIND_ATOMIC:
	case SHS_KIND_COUNTER:
		return fill_condition(it, att, in);
	}
	return -EOPNOTSUPP;
}

static bool is_there_before(const struct shs_many_wait *m, const struct shs_many_one *it,
			    const struct shs_object *obj)
{
	const struct shs_many_one *before;

	for (before = m->one; before < it; before++)
		if (before->obj == obj)
			return true;
	return false;
}

static void fill_waiter(struct shs_many_wait *m, struct shs_waiter *w, const struct shs_door *door)
{
	INIT_LIST_HEAD(&w->node);
	w->many = &m->many;
	w->task = current;
	w->thread = shs_caller(door);
	w->process = current->mm;
	w->call = (uintptr_t)m->user;
	w->by_ring = door;
}

static int fill_one(struct shs_many_wait *m, struct shs_many_one *it, struct shs_attachment *att,
		    const struct shs_many_item *in, const struct shs_door *door)
{
	int ret = shs_att_check(att);

	if (ret)
		return ret;
	if (att->obj->sb != m->sb)
		return -EXDEV;
	if (is_there_before(m, it, att->obj))
		return -EINVAL;
	ret = fill(it, att, in, m->many.all, door);
	fill_waiter(m, &it->w, door);
	it->w.counts = att->may_write && !m->many.all;	/* a scout uses up none */
	it->file = get_file(att->obj_file);
	it->obj = att->obj;
	it->id = att->id;
	return ret;
}

static int item_in(struct shs_many_wait *m, struct shs_many_one *it, const struct shs_door *door)
{
	struct shs_many_item __user *user = shs_many_user_item(m, it - m->one);
	struct shs_many_item in;
	struct file *file;
	int ret;

	ret = copy_struct_from_user(&in, sizeof(in), user, m->item_size);
	if (ret)
		return ret;
	if (in.result || in.pad)
		return -EINVAL;
	if (put_user(0, &user->result))	/* a bad pointer fails before anything happens */
		return -EFAULT;
	file = fget(in.fd);
	if (!file)
		return -EBADF;
	ret = file->f_op == &shs_att_fops ? fill_one(m, it, file->private_data, &in, door) :
					    -EINVAL;
	fput(file);
	return ret;
}

static int items_in(struct shs_many_wait *m, const struct shs_door *door)
{
	int ret = 0;

	for (m->index = 0; m->index < m->nr; m->index++) {
		ret = item_in(m, &m->one[m->index], door);
		if (ret)
			return ret;
	}
	m->index = 0;
	return 0;
}

static struct shs_many_wait *wait_new(const struct shs_attachment *att, void __user *argp,
				      const struct shs_ioc_many *args,
				      const struct shs_door *door)
{
	struct shs_many_wait *m = kvzalloc(struct_size(m, one, args->nr), SHS_GFP);

	if (!m)
		return NULL;
	m->sb = att->obj->sb;
	m->user = argp;
	m->user_items = u64_to_user_ptr(args->items);
	m->item_size = args->item_size;
	m->nr = args->nr;
	m->many.all = args->flags & SHS_MANY_ALL;
	m->may_wait = !(args->flags & SHS_MANY_NOWAIT);
	INIT_LIST_HEAD(&m->node);
	spin_lock_init(&m->lock);
	init_completion(&m->told);
	fill_waiter(m, &m->many.bell, door);
	return m;
}

/* Who comes again, with the struct as it was, is told nothing. */
static int run(struct shs_many_wait *m)
{
	int ret = shs_many_run(m);

	return ret == -ERESTARTSYS ? ret : shs_many_end(m, false);
}

long shs_many(struct shs_attachment *att, void __user *argp, struct shs_door *door)
{
	struct shs_ioc_many args;
	struct shs_many_wait *m;
	int ret;

	ret = shs_copy_in(&args, sizeof(args), argp);
	if (ret)
		return ret;
	if (args.flags & ~(SHS_MANY_ALL | SHS_MANY_NOWAIT) || !args.nr ||
	    args.nr > SHS_MANY_MAX || memchr_inv(args.pad, 0, sizeof(args.pad)) ||
	    args.index || args.pad1 || args.notice ||
	    args.item_size < sizeof(struct shs_many_item))
		return -EINVAL;
	if (args.item_size > PAGE_SIZE)
		return -E2BIG;
	if (door && door->att && args.flags & SHS_MANY_NOWAIT)
		return -EINVAL;
	ret = shs_copy_out(argp, &args, sizeof(args));
	if (ret)
		return ret;
	m = wait_new(att, argp, &args, door);
	if (!m)
		return -ENOMEM;
	ret = shs_deadline_set(&m->deadline, args.deadline, args.clock) ?:
	      items_in(m, door);
	if (ret)
		put_user(m->index, &m->user->index);
	else
		ret = door && m->may_wait ? door->ops->many(m, door) : run(m);
	if (ret != -EIOCBQUEUED)	/* else it is the request's */
		shs_many_free(m);
	return ret;
}
