// SPDX-License-Identifier: GPL-2.0-only
#include "box.h"

void box_init(struct box *b, u32 kind, u32 flags, unsigned int atts)
{
	unsigned int i;

	memset(b, 0, sizeof(*b));
	b->obj.kind = kind;
	b->obj.flags = flags;
	b->obj.control = &b->control.head;
	if (kind != SHS_KIND_ONCE && kind != SHS_KIND_SEMAPHORE && kind != SHS_KIND_BARRIER)
		b->obj.shared = &b->shared.head;
	b->obj.geo.lanes = BOX_LANES;
	b->obj.geo.lane_stride = BOX_STRIDE;
	INIT_LIST_HEAD(&b->obj.queue);
	INIT_LIST_HEAD(&b->obj.reads);
	for (i = 0; i < atts; i++) {
		b->mm[i].mm_users = 1;
		b->att[i] = (struct shs_attachment){
			.obj = &b->obj, .id = i + 1, .state = SHS_ATT_LIVE, .may_write = true,
			.private_mem = &b->private[i], .mm = &b->mm[i],
		};
		b->private[i].head.used = ~0ULL;
		INIT_LIST_HEAD(&b->att[i].tickets);
		xa_store(&b->obj.atts, i + 1, &b->att[i]);
	}
}

struct shs_waiter *box_waiter(struct box *b, unsigned int i, u32 mode)
{
	struct task_struct *task = &b->task[i];

	b->w[i] = (struct shs_waiter){
		.att = i >= BOX_SINGLE ? NULL : &b->att[i], .task = task, .mode = mode,
		.thread = &task->pid,
	};
	task->waits = &b->w[i];
	task->asleep = false;
	task->killed = false;
	env.task = task;
	return &b->w[i];
}

int box_lock(struct box *b, unsigned int i, u32 mode)
{
	int ret = waits_enter(&b->obj, box_waiter(b, i, mode), true);

	b->task[i].asleep = ret == -EBUSY && b->w[i].state == SHS_QUEUED && !b->w[i].kicked;
	return ret;
}

int box_try(struct box *b, unsigned int i, u32 mode)
{
	return waits_enter(&b->obj, box_waiter(b, i, mode), false);
}

int box_unlock(struct box *b, unsigned int i, u32 mode)
{
	return box_unlock_as(b, i, i, mode, false);
}

int box_unlock_as(struct box *b, unsigned int i, unsigned int thread, u32 mode, bool abandon)
{
	struct shs_waiter w = {
		.att = i >= BOX_SINGLE ? NULL : &b->att[i], .mode = mode,
		.thread = &b->task[thread].pid,
	};
	struct shs_wakes wakes = { };
	int ret;

	spin_lock(&b->obj.lock);
	ret = shs_kind_ops(b->obj.kind)->release(&b->obj, &w, abandon, &wakes);
	shs_pass(&b->obj, &wakes);
	spin_unlock(&b->obj.lock);
	shs_wakes_flush(&wakes);
	return ret;
}

int box_wake(struct box *b, unsigned int i, int slept)
{
	int ret;

	env.task = &b->task[i];
	ret = waits_leave(&b->obj, &b->w[i], slept);
	b->task[i].asleep = ret == -EBUSY && b->w[i].state == SHS_QUEUED && !b->w[i].kicked;
	return ret;
}

void box_die(struct box *b, unsigned int i)
{
	struct shs_wakes wakes = { };

	spin_lock(&b->obj.lock);
	shs_att_die(&b->att[i], &wakes);
	spin_unlock(&b->obj.lock);
	shs_wakes_flush(&wakes);
}
