// SPDX-License-Identifier: GPL-2.0-only
/*
 * Life of an object.
 *
 *   shell --INIT--> ready --no opens and no names--> gone
 *
 * opens counts open files (an O_PATH file is none), names the directory entries.
 * At zero of both the value is freed and uncharged; nobody can reach it any more.
 * The inode may live on under an O_PATH file, whose re-open then fails:
 *
 *   last close                      re-open through /proc/self/fd
 *   lock; opens 1 -> 0; gone
 *                                   lock; gone: -ENOENT
 *   free the value
 *
 * An ephemeral object is gone with the last open file, its one name notwithstanding:
 * that is removed afterwards (shs_remove_name), and whoever opens it in between gets
 * -ENOENT as well.
 *
 * The first attach moves control and shared from one kernel allocation into pages
 * (shs_object_page_in), which then stay for the life of the value.
 */
#include <linux/cred.h>
#include "shstate.h"

#define NAME_BYTES	256ULL	/* charged for a name, which pins a directory entry */

struct kmem_cache *shs_object_cache;
static atomic64_t last_serial = ATOMIC64_INIT(SHS_ROOT_INO);

static void guard_init(struct shs_object *obj, u32 kind)
{
	if (kind == SHS_KIND_RWLOCK)
		init_rwsem(&obj->guard.rwsem);
	else
		mutex_init(&obj->guard.mutex);
}

/* shared: rwlock readers may be in together; the other kinds have no such mode. */
void shs_guard_lock(struct shs_object *obj, bool shared)
{
	if (obj->kind != SHS_KIND_RWLOCK)
		mutex_lock(&obj->guard.mutex);
	else if (shared)
		down_read(&obj->guard.rwsem);
	else
		down_write(&obj->guard.rwsem);
}

void shs_guard_unlock(struct shs_object *obj, bool shared)
{
	if (obj->kind != SHS_KIND_RWLOCK)
		mutex_unlock(&obj->guard.mutex);
	else if (shared)
		up_read(&obj->guard.rwsem);
	else
		up_write(&obj->guard.rwsem);
}

/* A shell, charged to its owner as one object. */
struct shs_object *shs_object_new(struct super_block *sb, kuid_t uid)
{
	struct shs_object *obj;
	int ret = shs_charge(sb, uid, 1, 0);

	if (ret)
		return ERR_PTR(ret);
	obj = kmem_cache_zalloc(shs_object_cache, GFP_KERNEL_ACCOUNT);
	if (!obj) {
		shs_uncharge(sb, uid, 1, 0);
		return ERR_PTR(-ENOMEM);
	}
	spin_lock_init(&obj->lock);
	INIT_LIST_HEAD(&obj->queue);
	INIT_LIST_HEAD(&obj->reads);
	xa_init_flags(&obj->atts, XA_FLAGS_ALLOC1);
	obj->serial = atomic64_inc_return(&last_serial);
	obj->uid = uid;
	obj->sb = sb;
	return obj;
}

static size_t control_pages_size(const struct shs_object *obj)
{
	return PAGE_ALIGN(obj->geo.control_bytes);
}

static size_t shared_pages_size(const struct shs_object *obj)
{
	return PAGE_ALIGN(obj->geo.shared_bytes);
}

static size_t data_size(const struct shs_object *obj)
{
	return ALIGN(obj->geo.control_bytes, 64) + obj->geo.shared_bytes;
}

size_t shs_private_size(const struct shs_object *obj)
{
	return PAGE_ALIGN(SHS_LANES_OFFSET + obj->geo.lanes_bytes +
			  SHS_THREADS_MAX * sizeof(struct shs_thread));
}

static u64 pages_size(const struct shs_object *obj)
{
	return control_pages_size(obj) + shared_pages_size(obj);
}

static u64 charge_of_value(const struct shs_object *obj)
{
	return (obj->paged ? pages_size(obj) : data_size(obj)) + obj->meta_size;
}

/* Nobody can reach the value any more: gone is set, or the inode is being evicted. */
static void free_value(struct shs_object *obj)
{
	if (!shs_is_ready(obj))
		return;
	if (obj->paged) {
		free_pages_exact(obj->control, control_pages_size(obj));
		if (obj->shared)
			free_pages_exact(obj->shared, shared_pages_size(obj));
	}
	kvfree(obj->data);
	kvfree(obj->meta);
	shs_object_uncharge(obj, charge_of_value(obj));
}

/* With the inode: ends what is left, the value too if a name held it until umount. */
void shs_object_free(struct shs_object *obj)
{
	if (obj->kind == SHS_KIND_ATOMIC || obj->kind == SHS_KIND_COUNTER)
		shs_await_free(obj);
	if (!obj->gone)
		free_value(obj);
	WARN_ON_ONCE(!xa_empty(&obj->atts) || !list_empty(&obj->queue));
	xa_destroy(&obj->atts);
	put_pid(obj->death.pid);
	put_pid(obj->hold.thread);
	/* the rest: itself, and names, if the mount goes */
	shs_uncharge(obj->sb, obj->uid, 1, obj->charged);
	kmem_cache_free(shs_object_cache, obj);
}

int shs_object_open(struct shs_object *obj)
{
	int ret = 0;

	spin_lock(&obj->lock);
	if (obj->gone)
		ret = -ENOENT;
	else
		obj->opens++;
	spin_unlock(&obj->lock);
	return ret;
}

/* True if that ended the object: the value is freed, a name may still be there. */
static bool drop_count(struct shs_object *obj, u32 *count)
{
	bool last;

	spin_lock(&obj->lock);
	--*count;
	last = !obj->gone && !obj->opens &&
	       (!obj->names || obj->flags & SHS_INIT_EPHEMERAL);
	if (last)
		obj->gone = true;
	spin_unlock(&obj->lock);
	if (last)
		free_value(obj);
	return last;
}

/* True if an ephemeral object is gone whose name the caller must remove. */
bool shs_object_release(struct shs_object *obj)
{
	return drop_count(obj, &obj->opens) && obj->flags & SHS_INIT_EPHEMERAL;
}

void shs_object_unlink(struct shs_object *obj)
{
	drop_count(obj, &obj->names);
	shs_object_uncharge(obj, NAME_BYTES);
}

int shs_object_link(struct shs_object *obj)
{
	int ret;

	if (!shs_is_ready(obj))
		return -EINVAL;
	ret = shs_object_charge(obj, NAME_BYTES);
	if (ret)
		return ret;
	spin_lock(&obj->lock);
	if (obj->gone)
		ret = -ENOENT;
	else if (obj->names && obj->flags & SHS_INIT_EPHEMERAL)
		ret = -EMLINK;
	else
		obj->names++;
	spin_unlock(&obj->lock);
	if (ret)
		shs_object_uncharge(obj, NAME_BYTES);
	return ret;
}

/* ---- SHS_IOC_INIT ---- */

static bool value_allowed(const struct shs_ioc_init *in, u64 bytes)
{
	bool number = shs_type_is_number(in->type);
	bool data = number || in->type == SHS_TYPE_BYTES;
	bool none = in->type == SHS_TYPE_NONE && !in->count;

	switch ((enum shs_kind)in->kind) {
	case SHS_KIND_ATOMIC:
		return number && bytes && bytes <= SHS_VALUE_MAX;
	case SHS_KIND_COUNTER:
		return in->type == SHS_TYPE_I64 && in->count && in->count <= SHS_COUNTER_MAX;
	case SHS_KIND_MUTEX:
	case SHS_KIND_RWLOCK:
		return none || (data && bytes && bytes <= SHS_VALUE_MAX);
	case SHS_KIND_ONCE:
		return none || (data && bytes && bytes <= SHS_VALUE_MAX);
	case SHS_KIND_CONDVAR:
		return none;
	case SHS_KIND_CELL:
		return data && bytes && bytes <= SHS_CELL_MAX;
	case SHS_KIND_SEMAPHORE:
		return in->type == SHS_TYPE_U32 && in->count == 2;
	case SHS_KIND_BARRIER:
		return in->type == SHS_TYPE_U32 && in->count == 1;
	case SHS_KIND_NONE:
		break;
	}
	return false;
}

static u32 flags_allowed(u32 kind)
{
	u32 lock = SHS_INIT_STRICT | SHS_INIT_IGNORE | SHS_INIT_COMMIT | SHS_INIT_DETECT;

	switch (kind) {
	case SHS_KIND_MUTEX:
		return lock | SHS_INIT_FIFO | SHS_INIT_RECURSIVE;
	case SHS_KIND_RWLOCK:
		return lock;
	case SHS_KIND_ONCE:
		return SHS_INIT_POISON | SHS_INIT_DONE;
	case SHS_KIND_COUNTER:
		return SHS_INIT_SATURATE | SHS_INIT_CHECK | SHS_INIT_SERIAL | SHS_INIT_LIVE;
	case SHS_KIND_SEMAPHORE:
		return SHS_INIT_FIFO;
	}
	return 0;
}

static bool has_both(u32 flags, u32 a, u32 b)
{
	return flags & a && flags & b;
}

static bool flags_valid(const struct shs_ioc_init *in)
{
	return !(in->flags & ~(flags_allowed(in->kind) | SHS_INIT_EPHEMERAL)) &&
	       !has_both(in->flags, SHS_INIT_SATURATE, SHS_INIT_CHECK) &&
	       !has_both(in->flags, SHS_INIT_LIVE, SHS_INIT_SATURATE | SHS_INIT_CHECK) &&
	       !has_both(in->flags, SHS_INIT_STRICT, SHS_INIT_IGNORE) &&
	       (in->count || !(in->flags & SHS_INIT_COMMIT));
}

static int check_init(const struct shs_ioc_init *in)
{
	u64 bytes = (u64)in->count * shs_type_size(in->type);

	if (in->pad || !value_allowed(in, bytes) || !flags_valid(in))
		return -EINVAL;
	if (in->value_size ? in->value_size != bytes || !in->value : in->value)
		return -EINVAL;
	if (in->kind == SHS_KIND_ONCE && in->value_size && !(in->flags & SHS_INIT_DONE))
		return -EINVAL;
	if (in->meta_size ? in->meta_size > SHS_META_MAX || !in->meta : in->meta)
		return -EINVAL;
	return 0;
}

static void set_geometry(struct shs_geometry *g, const struct shs_ioc_init *in)
{
	size_t area;

	g->value_size = in->count * shs_type_size(in->type);
	g->control_bytes = SHS_VALUE_OFFSET;
	if (in->kind == SHS_KIND_CELL || in->flags & SHS_INIT_COMMIT)
		g->slot_stride = ALIGN(g->value_size, 64);
	switch (in->kind) {
	case SHS_KIND_COUNTER:
		g->control_bytes += g->value_size;
		if (!(in->flags & (SHS_INIT_SATURATE | SHS_INIT_CHECK | SHS_INIT_SERIAL)))
			g->lane_stride = ALIGN(g->value_size, 64);
		break;
	case SHS_KIND_ONCE:
	case SHS_KIND_SEMAPHORE:
	case SHS_KIND_BARRIER:
		g->control_bytes += g->value_size;
		break;
	case SHS_KIND_RWLOCK:
		g->lane_stride = 64;
		fallthrough;
	case SHS_KIND_MUTEX:
	case SHS_KIND_ATOMIC:
	case SHS_KIND_CELL:
		g->shared_bytes = SHS_VALUE_OFFSET + (2 * g->slot_stride ?: g->value_size);
		break;
	}
	if (!g->lane_stride)
		return;
	area = clamp_t(size_t, SHS_LANES_MAX * g->lane_stride, PAGE_SIZE, 65536);
	g->lanes = min_t(u32, SHS_LANES_MAX, area / g->lane_stride);
	g->lanes_bytes = g->lanes * g->lane_stride;
}

/* What the kind makes of its value: 0, or -EINVAL for one to begin with that it has not. */
static int new_value(u32 kind, void *value)
{
	switch (kind) {
	case SHS_KIND_SEMAPHORE:
		return shs_semaphore_new(value);
	case SHS_KIND_BARRIER:
		return shs_barrier_new(value);
	}
	return 0;
}

/* Everything that can fail, into a shell of its own: the object is not touched yet. */
static int prepare(struct shs_object *new, const struct shs_ioc_init *in)
{
	void *value;
	int ret;

	set_geometry(&new->geo, in);
	new->data = kvzalloc(data_size(new), SHS_GFP);
	if (!new->data)
		return -ENOMEM;
	new->control = new->data;
	if (new->geo.shared_bytes)
		new->shared = new->data + ALIGN(new->geo.control_bytes, 64);
	value = shs_value(new);
	if (in->value_size) {
		if (copy_from_user(value, u64_to_user_ptr(in->value), in->value_size))
			return -EFAULT;
		if (!shs_bytes_valid(in->type, value, in->value_size))
			return -ERANGE;
	}
	ret = new_value(in->kind, value);
	if (ret)
		return ret;
	if (in->meta_size) {
		new->meta = kvmalloc(in->meta_size, SHS_GFP);
		if (!new->meta)
			return -ENOMEM;
		new->meta_size = in->meta_size;
		if (copy_from_user(new->meta, u64_to_user_ptr(in->meta), in->meta_size))
			return -EFAULT;
	}
	if (in->kind == SHS_KIND_MUTEX)
		new->shared->word = shs_mutex_new_word(in->flags);
	if (in->flags & SHS_INIT_DONE)
		new->control->once = SHS_ONCE_DONE;
	return 0;
}

/* 0, or -EALREADY: somebody else did. */
static int publish(struct shs_object *obj, const struct shs_object *new,
		   const struct shs_ioc_init *in)
{
	int ret = -EALREADY;

	spin_lock(&obj->lock);
	if (obj->kind == SHS_KIND_NONE) {
		obj->type = in->type;
		obj->count = in->count;
		obj->flags = in->flags;
		obj->graph = in->flags & SHS_INIT_DETECT ? &shs_sbi(obj->sb)->graph : NULL;
		obj->geo = new->geo;
		obj->data = new->data;
		obj->control = new->control;
		obj->shared = new->shared;
		obj->meta = new->meta;
		obj->meta_size = new->meta_size;
		obj->created_ns = ktime_get_real_ns();
		guard_init(obj, in->kind);
		smp_store_release(&obj->kind, in->kind);	/* pairs with shs_is_ready() */
		ret = 0;
	}
	spin_unlock(&obj->lock);
	return ret;
}

long shs_init(struct shs_object *obj, void __user *argp)
{
	struct shs_ioc_init in;
	struct shs_object *new;
	int ret;

	ret = shs_copy_in(&in, sizeof(in), argp);
	if (ret)
		return ret;
	ret = check_init(&in);
	if (ret)
		return ret;
	if (shs_is_ready(obj))
		return -EALREADY;
	new = kmem_cache_zalloc(shs_object_cache, GFP_KERNEL_ACCOUNT);
	if (!new)
		return -ENOMEM;
	ret = prepare(new, &in);
	if (ret)
		goto free;
	ret = shs_object_charge(obj, charge_of_value(new));
	if (ret)
		goto free;
	ret = publish(obj, new, &in);
	if (!ret)
		goto free_shell;
	shs_object_uncharge(obj, charge_of_value(new));
free:
	kvfree(new->data);
	kvfree(new->meta);
free_shell:
	kmem_cache_free(shs_object_cache, new);
	return ret;
}

/* ---- pages ---- */

/* Once so, for good. */
static bool is_paged(struct shs_object *obj)
{
	bool paged;

	spin_lock(&obj->lock);
	paged = obj->paged;
	spin_unlock(&obj->lock);
	return paged;
}

static void move_to_pages(struct shs_object *obj, void *control, void *shared)
{
	spin_lock(&obj->lock);
	memcpy(control, obj->control, obj->geo.control_bytes);
	if (shared)
		memcpy(shared, obj->shared, obj->geo.shared_bytes);
	obj->control = control;
	obj->shared = shared;
	obj->paged = true;
	spin_unlock(&obj->lock);
}

static void free_pages_of(const struct shs_object *obj, void *control, void *shared)
{
	if (control)
		free_pages_exact(control, control_pages_size(obj));
	if (shared)
		free_pages_exact(shared, shared_pages_size(obj));
}

/* True if they are its pages now; false: it has got some meanwhile. */
static bool page_in(struct shs_object *obj, void *control, void *shared)
{
	bool first;

	shs_guard_lock(obj, false);
	first = !obj->paged;
	if (first) {
		move_to_pages(obj, control, shared);
		kvfree(obj->data);
		obj->data = NULL;
	}
	shs_guard_unlock(obj, false);
	return first;
}

/*
 * 0, -ENOSPC, -EDQUOT or -ENOMEM.  Pages are sought before the guard is taken, for it
 * may take long, and others use the object meanwhile.
 */
int shs_object_page_in(struct shs_object *obj)
{
	void *control, *shared = NULL;
	int ret;

	if (is_paged(obj))
		return 0;
	ret = shs_object_charge(obj, pages_size(obj));
	if (ret)
		return ret;
	control = alloc_pages_exact(control_pages_size(obj), SHS_GFP_PAGES);
	if (control && obj->geo.shared_bytes)
		shared = alloc_pages_exact(shared_pages_size(obj), SHS_GFP_PAGES);
	if (!control || (obj->geo.shared_bytes && !shared))
		ret = -ENOMEM;
	if (!ret && page_in(obj, control, shared)) {
		shs_object_uncharge(obj, data_size(obj));
		return 0;
	}
	free_pages_of(obj, control, shared);
	shs_object_uncharge(obj, pages_size(obj));
	return ret;
}
