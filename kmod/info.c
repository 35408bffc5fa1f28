// SPDX-License-Identifier: GPL-2.0-only
/* What an object tells about itself: SHS_IOC_ABI, INFO, DEATH, META and fdinfo. */
#include <linux/pid.h>
#include "shstate.h"

long shs_abi(void __user *argp)
{
	struct shs_ioc_abi a;
	int ret = shs_copy_in(&a, sizeof(a), argp);

	if (ret)
		return ret;
	a.abi_level = SHS_ABI_LEVEL;
	a.features = SHS_FEATURE_SEMAPHORE | SHS_FEATURE_BARRIER | SHS_FEATURE_AWAIT |
		     SHS_FEATURE_ARM | SHS_FEATURE_MANY;
	if (IS_ENABLED(CONFIG_IO_URING))
		a.features |= SHS_FEATURE_URING | SHS_FEATURE_URING_WAIT;
	if (SHS_URING_ASYNC)
		a.features |= SHS_FEATURE_ASYNC;
	return shs_copy_out(argp, &a, sizeof(a));
}

/* Id of the owner, writer or initialiser; 0: none. */
static u32 holder_id(const struct shs_object *obj)
{
	switch ((enum shs_kind)obj->kind) {
	case SHS_KIND_MUTEX:
	case SHS_KIND_CELL:
		return shs_mutex_owner(obj);
	case SHS_KIND_RWLOCK:
		return shs_rwlock_writer(obj) ?: obj->rwlock.upgrader;
	case SHS_KIND_ONCE:
		return shs_once_state(obj) == SHS_ONCE_RUNNING ? obj->once.owner : 0;
	case SHS_KIND_ATOMIC:
	case SHS_KIND_COUNTER:
	case SHS_KIND_CONDVAR:
	case SHS_KIND_SEMAPHORE:	/* of many */
	case SHS_KIND_BARRIER:
	case SHS_KIND_NONE:
		break;
	}
	return 0;
}

/* Read locks or permits. */
static u32 held_by_many(struct shs_object *obj)
{
	return obj->kind == SHS_KIND_RWLOCK ? shs_rwlock_readers(obj) :
	       obj->kind == SHS_KIND_SEMAPHORE ? obj->semaphore.held : 0;
}

/* The attachment of the owner, writer, upgrader or initialiser, or NULL. */
const struct shs_attachment *shs_holder(const struct shs_object *obj)
{
	const struct shs_attachment *att = xa_load((struct xarray *)&obj->atts, holder_id(obj));

	return att && att->state == SHS_ATT_LIVE ? att : NULL;
}

/* What the kernel saw of its taking, or NULL if it saw nothing. */
const struct shs_hold *shs_hold_of(const struct shs_object *obj,
				   const struct shs_attachment *holder)
{
	return holder && obj->hold.id == holder->id ? &obj->hold : NULL;
}

static u32 state_bits(const struct shs_object *obj)
{
	u32 state = holder_id(obj) ? SHS_STATE_HELD : 0;

	if (obj->kind == SHS_KIND_RWLOCK && obj->rwlock.upgrader)
		state |= SHS_STATE_UPGRADABLE;
	if (obj->kind == SHS_KIND_SEMAPHORE && obj->semaphore.held)
		state |= SHS_STATE_HELD;
	if (obj->kind == SHS_KIND_BARRIER && obj->barrier.broken)
		state |= SHS_STATE_BROKEN;

	if ((obj->kind == SHS_KIND_MUTEX && shs_mutex_died(obj)) ||
	    (obj->kind == SHS_KIND_RWLOCK && obj->rwlock.died) ||
	    (obj->kind == SHS_KIND_ONCE && obj->once.died))
		state |= SHS_STATE_OWNER_DIED;
	if (obj->kind == SHS_KIND_ONCE && shs_once_state(obj) == SHS_ONCE_DONE)
		state |= SHS_STATE_DONE;
	if (obj->kind == SHS_KIND_ONCE && shs_once_state(obj) == SHS_ONCE_POISONED)
		state |= SHS_STATE_POISONED;
	if (obj->lost)
		state |= SHS_STATE_LOST;
	if (obj->watchers)
		state |= SHS_STATE_WATCHED;
	if (obj->freezers)
		state |= SHS_STATE_FROZEN;
	return state;
}

/* Who holds, and what the kernel knows of how he came to. */
static void get_holder(const struct shs_object *obj, struct shs_ioc_info *i)
{
	const struct shs_attachment *holder = shs_holder(obj);
	const struct shs_hold *h = shs_hold_of(obj, holder);

	i->holder_pid = 0;
	memset(i->holder_comm, 0, sizeof(i->holder_comm));
	i->holder_tid = 0;
	i->depth = 0;
	i->held_ns = 0;
	if (holder) {
		i->holder_pid = pid_vnr(holder->pid);
		strscpy_pad(i->holder_comm, holder->comm, sizeof(i->holder_comm));
	}
	if (h) {
		i->holder_tid = pid_vnr(h->thread);
		i->depth = obj->flags & SHS_INIT_RECURSIVE ? h->depth : 0;
		i->held_ns = shs_time_since(h->since_ns);
	}
}

static void get_info(struct shs_object *obj, struct shs_ioc_info *i)
{
	spin_lock(&obj->lock);
	i->kind = obj->kind;
	i->type = obj->type;
	i->count = obj->count;
	i->flags = obj->flags;
	i->value_size = obj->geo.value_size;
	i->meta_size = obj->meta_size;
	i->links = obj->names;
	i->opens = obj->opens;
	i->attachments = obj->attachments;
	i->waiters = obj->waiters;
	i->state = state_bits(obj);
	i->readers = held_by_many(obj);
	get_holder(obj, i);
	i->created_ns = obj->created_ns;
	i->deaths = obj->death.deaths;
	i->waits = obj->waits;
	i->wakes = obj->wakes;
	spin_unlock(&obj->lock);
}

long shs_info(struct shs_object *obj, void __user *argp)
{
	struct shs_ioc_info i;
	int ret = shs_copy_in(&i, sizeof(i), argp);

	if (ret)
		return ret;
	get_info(obj, &i);
	return shs_copy_out(argp, &i, sizeof(i));
}

static int get_death(struct shs_object *obj, struct shs_ioc_death *d)
{
	const struct shs_death_record *r = &obj->death;
	int ret = -ENODATA;

	spin_lock(&obj->lock);
	if (r->deaths) {
		d->why = r->why;
		d->code = r->code;
		d->mode = r->mode;
		d->pid = pid_vnr(r->pid);
		strscpy_pad(d->comm, r->comm, sizeof(d->comm));
		d->when_monotonic_ns = r->mono_ns + shs_clock_offset(CLOCK_MONOTONIC);
		d->when_realtime_ns = r->real_ns;
		d->deaths = r->deaths;
		ret = 0;
	}
	spin_unlock(&obj->lock);
	return ret;
}

long shs_death(struct shs_object *obj, void __user *argp)
{
	struct shs_ioc_death d;
	int ret = shs_copy_in(&d, sizeof(d), argp);

	if (ret)
		return ret;
	if (d.pad)
		return -EINVAL;
	ret = get_death(obj, &d);
	return ret ?: shs_copy_out(argp, &d, sizeof(d));
}

long shs_meta(struct shs_object *obj, void __user *argp)
{
	struct shs_ioc_meta m;
	int ret = shs_copy_in(&m, sizeof(m), argp);

	if (ret)
		return ret;
	if (m.pad)
		return -EINVAL;
	m.meta_size = obj->meta_size;
	ret = shs_copy_out(argp, &m, sizeof(m));
	if (ret)
		return ret;
	if (m.capacity < obj->meta_size)
		return -ENOSPC;
	return copy_to_user(u64_to_user_ptr(m.addr), obj->meta, obj->meta_size) ? -EFAULT : 0;
}

static const char * const kind_name[] = {
	[SHS_KIND_ATOMIC] = "atomic", [SHS_KIND_COUNTER] = "counter", [SHS_KIND_MUTEX] = "mutex",
	[SHS_KIND_RWLOCK] = "rwlock", [SHS_KIND_CONDVAR] = "condvar", [SHS_KIND_ONCE] = "once",
	[SHS_KIND_CELL] = "cell", [SHS_KIND_SEMAPHORE] = "semaphore",
	[SHS_KIND_BARRIER] = "barrier",
};

static const char * const type_name[] = {
	[SHS_TYPE_NONE] = "none", [SHS_TYPE_BYTES] = "bytes", [SHS_TYPE_BOOL] = "bool",
	[SHS_TYPE_U8] = "u8", [SHS_TYPE_I8] = "i8", [SHS_TYPE_U16] = "u16",
	[SHS_TYPE_I16] = "i16", [SHS_TYPE_U32] = "u32", [SHS_TYPE_I32] = "i32",
	[SHS_TYPE_U64] = "u64", [SHS_TYPE_I64] = "i64",
};

static const char * const why_name[] = {
	[SHS_WHY_UNKNOWN] = "unknown", [SHS_WHY_SIGNAL] = "signal", [SHS_WHY_EXIT] = "exit",
	[SHS_WHY_EXEC] = "exec", [SHS_WHY_UNMAP] = "unmap",
};

static void show_value(struct seq_file *m, struct shs_object *obj)
{
	bool once = obj->kind == SHS_KIND_ONCE, known = true;
	u64 v;

	if (!once && (!shs_type_is_number(obj->type) || obj->kind == SHS_KIND_CELL))
		return;
	spin_lock(&obj->lock);
	if (once)
		v = shs_once_state(obj);
	else if (obj->kind == SHS_KIND_COUNTER)
		shs_counter_sum(obj, 0, &v);
	else
		known = shs_number_snapshot(obj, 0, &v);
	spin_unlock(&obj->lock);
	if (once)
		seq_printf(m, "once:\t%llu\n", v);
	else if (known)
		seq_printf(m, shs_type_is_signed(obj->type) ? "value:\t%lld\n" :
			   "value:\t%llu\n", v);
}

void shs_show_object(struct seq_file *m, struct shs_object *obj, bool readable)
{
	struct shs_ioc_death d = { };
	struct shs_ioc_info i = { };

	if (!shs_is_ready(obj)) {
		seq_puts(m, "kind:\tnone\n");
		return;
	}
	get_info(obj, &i);
	seq_printf(m, "kind:\t%s\ntype:\t%s\ncount:\t%u\nflags:\t%#x\n",
		   kind_name[i.kind], type_name[i.type], i.count, i.flags);
	if (readable)
		show_value(m, obj);
	seq_printf(m, "state:\t%#x\nwaiters:\t%u\nreaders:\t%u\nattachments:\t%u\n",
		   i.state, i.waiters, i.readers, i.attachments);
	if (i.holder_pid || i.holder_comm[0])
		seq_printf(m, "holder:\t%d %s\n", i.holder_pid, i.holder_comm);
	if (i.held_ns)
		seq_printf(m, "thread:\t%d\nheld:\t%llu\n", i.holder_tid, i.held_ns);
	seq_printf(m, "waits:\t%llu\nwakes:\t%llu\n", i.waits, i.wakes);
	if (!get_death(obj, &d))
		seq_printf(m, "death:\t%d %s %u at %llu of %llu %s\n", d.pid, why_name[d.why],
			   d.code, d.when_realtime_ns, d.deaths, d.comm);
}
