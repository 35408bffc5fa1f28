// SPDX-License-Identifier: GPL-2.0-only
/*
 * Who holds, since when, and by which thread, as far as the kernel saw it: for
 * recursion, for the search for deadlocks, and for whoever asks.  No grant depends on
 * it but that of a recursive lock, whose word user space may not touch (bit K).
 *
 * With SHS_INIT_DETECT a search reads it under graph->lock alone, so changes are made
 * under that and object->lock.
 */
#include "core.h"

/* 0 if ns is; the fast clock may step back a little. */
u64 shs_time_since(u64 ns)
{
	u64 now = shs_now_ns();

	return ns && now > ns ? now - ns : 0;
}

/* w became the owner, writer, upgrader or runner; before it an upgrader may have held. */
void shs_hold_begin(struct shs_object *obj, struct shs_waiter *w)
{
	struct shs_hold *h = &obj->hold;

	if (!w->att)
		return;		/* a single operation: it does not wait while it holds */
	shs_graph_lock(obj);
	put_pid(h->thread);
	*h = (struct shs_hold) {
		.thread = get_pid(w->thread),
		.since_ns = shs_now_ns(),
		.id = w->att->id,
		.mode = w->mode,
		.depth = 1,
	};
	shs_graph_unlock(obj);
	shs_trace(obj, SHS_EVENT_ACQUIRE, h->id, w->mode, shs_time_since(w->since_ns));
}

void shs_hold_mode(struct shs_object *obj, u32 mode)
{
	shs_graph_lock(obj);
	obj->hold.mode = mode;
	shs_graph_unlock(obj);
}

void shs_hold_forget(struct shs_object *obj)
{
	struct shs_hold *h = &obj->hold;

	if (!h->id)
		return;
	shs_graph_lock(obj);
	put_pid(h->thread);
	*h = (struct shs_hold) { };
	shs_graph_unlock(obj);
}

/* id holds no more.  If it took the word without the kernel, hold is an earlier one's. */
void shs_hold_end(struct shs_object *obj, u32 id, u32 mode, enum shs_event why)
{
	struct shs_hold *h = &obj->hold;

	shs_trace(obj, why, id, mode, h->id == id ? shs_time_since(h->since_ns) : 0);
	shs_hold_forget(obj);
}

/* w's lane counts a reader more. */
void shs_read_begin(struct shs_object *obj, struct shs_waiter *w)
{
	bool first = atomic64_read(shs_lane(w->att, w->lane)) == 1;
	struct shs_read *r;

	shs_trace(obj, SHS_EVENT_ACQUIRE, w->att->id, SHS_MODE_READ,
		  shs_time_since(w->since_ns));
	if (!w->att->reads)
		return;
	r = &w->att->reads[w->lane];
	shs_graph_lock(obj);
	if (first || r->thread != w->thread) {
		put_pid(r->thread);	/* a lane that threads share: nobody knows who is left */
		r->thread = first ? get_pid(w->thread) : NULL;
	}
	if (first)			/* user space may have given the lane back before */
		r->since_ns = shs_now_ns();
	if (list_empty(&r->node))
		list_add_tail(&r->node, &obj->reads);
	shs_graph_unlock(obj);
}

/* The lane counts one reader less; the last one's time is told. */
void shs_read_end(struct shs_attachment *att, u32 lane, enum shs_event why)
{
	struct shs_object *obj = att->obj;
	struct shs_read *r;
	u64 since = 0;

	if (shs_reads(att, lane) && !atomic64_read(shs_lane(att, lane))) {
		r = &att->reads[lane];
		since = r->since_ns;
		shs_graph_lock(obj);
		list_del_init(&r->node);
		put_pid(r->thread);
		r->thread = NULL;
		shs_graph_unlock(obj);
	}
	shs_trace(obj, why, att->id, SHS_MODE_READ, shs_time_since(since));
}
