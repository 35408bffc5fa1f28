// SPDX-License-Identifier: GPL-2.0-only
/*
 * What await.c needs of the kernel: that all conditions of an object are looked at, soon, or
 * once all processors passed a full fence.
 *
 * The fence is a grace period: before it ends each processor has switched tasks, was idle,
 * or took an interrupt in user space and told RCU so, and it tells under a lock of RCU's
 * with full barriers; membarrier(MEMBARRIER_CMD_GLOBAL) rests on the same.  Where context is
 * tracked (nohz_full) a processor in user space counts as quiet without that, so there they
 * are all interrupted as well.
 *
 * Who waits keeps the object, but the work may be under way when he has left, so the object
 * waits for it at its end.
 */
#include <linux/context_tracking_state.h>
#include <linux/smp.h>
#include <linux/workqueue.h>
#include "shstate.h"

struct shs_await {
	struct shs_object *obj;
	struct work_struct soon;
	struct rcu_work fenced;
};

static struct workqueue_struct *tellers;

/* A sum at a time, so that the lock is not held for long. */
static void tell_all(struct shs_object *obj)
{
	u32 n = obj->kind == SHS_KIND_COUNTER ? 1 : obj->count, i;

	for (i = 0; i < obj->count; i += n) {
		struct shs_wakes wakes = { };

		spin_lock(&obj->lock);
		shs_await_tell(obj, i, n, &wakes);
		spin_unlock(&obj->lock);
		shs_wakes_flush(&wakes);
		cond_resched();
	}
}

static void tell_soon(struct work_struct *work)
{
	tell_all(container_of(work, struct shs_await, soon)->obj);
}

static void fence_here(void *unused)
{
	smp_mb();	/* F in await.c */
}

static void tell_fenced(struct work_struct *work)
{
	struct shs_object *obj = container_of(to_rcu_work(work), struct shs_await, fenced)->obj;

	if (context_tracking_enabled())
		on_each_cpu(fence_here, NULL, 1);
	spin_lock(&obj->lock);
	shs_await_fenced(obj);
	spin_unlock(&obj->lock);
	tell_all(obj);
}

void shs_await_soon(struct shs_object *obj)
{
	queue_work(tellers, &obj->await.work->soon);
}

void shs_await_fence(struct shs_object *obj)
{
	queue_rcu_work(tellers, &obj->await.work->fenced);
}

/* Before the first who waits so queues: 0 or -ENOMEM. */
int shs_await_prepare(struct shs_object *obj)
{
	struct shs_await *new;

	if (smp_load_acquire(&obj->await.work))		/* pairs with the end of this */
		return 0;
	new = kzalloc(sizeof(*new), SHS_GFP);
	if (!new)
		return -ENOMEM;
	new->obj = obj;
	INIT_WORK(&new->soon, tell_soon);
	INIT_RCU_WORK(&new->fenced, tell_fenced);
	if (cmpxchg(&obj->await.work, NULL, new))
		kfree(new);
	return 0;
}

/* Nobody waits any more, nor will. */
void shs_await_free(struct shs_object *obj)
{
	struct shs_await *work = obj->await.work;

	if (!work)
		return;
	cancel_work_sync(&work->soon);
	flush_rcu_work(&work->fenced);
	kfree(work);
}

int shs_await_init(void)
{
	/* reclaim may evict an inode, and that waits */
	tellers = alloc_workqueue("shstate_await", WQ_UNBOUND | WQ_MEM_RECLAIM, 0);
	return tellers ? 0 : -ENOMEM;
}

void shs_await_exit(void)
{
	destroy_workqueue(tellers);
}
