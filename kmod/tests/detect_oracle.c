// SPDX-License-Identifier: GPL-2.0-only
/*
 * Who would wait for ever, found without edges and cycles: every thread that runs gives
 * back all that it holds, the queues are served, and so on until nothing changes.
 */
#include "detect_world.h"

struct sim {
	bool waits[THREADS], gone[THREADS];	/* gone: it gave back what it held */
	u8 queue[OBJECTS][THREADS];
	u8 n[OBJECTS];
};

static u32 index_of(const struct thread *t)
{
	return t - detect.thread;
}

static const struct thread *thread_of(const struct shs_waiter *w)
{
	const struct thread *t;

	for_each_thread(t)
		if (&t->w == w)
			return t;
	env_fail("the queue holds a waiter of nobody");
}

static bool is_queued(const struct shs_object *obj, const struct thread *t)
{
	const struct shs_waiter *w;

	list_for_each_entry(w, &obj->queue, node)
		if (w == &t->w)
			return true;
	return false;
}

static void append(struct sim *s, u32 o, const struct thread *t)
{
	s->queue[o][s->n[o]++] = index_of(t);
	s->waits[index_of(t)] = true;
}

/* A killed task leaves by itself, and what its process holds is free then. */
static void fill_queue(struct sim *s, u32 o, const struct thread *extra)
{
	const struct shs_object *obj = &detect.object[o].obj;
	bool is_extra = extra->object == o && extra->w.state == SHS_QUEUED &&
			!is_queued(obj, extra);
	const struct shs_waiter *w;
	const struct thread *t;

	if (is_extra && extra->w.upgrade)
		append(s, o, extra);
	for_each_thread(t)	/* another CPU has it off the queue, to put it back */
		if (t != extra && t->state == WAITS && t->object == o && !t->task.killed &&
		    t->w.state == SHS_QUEUED && !is_queued(obj, t))
			append(s, o, t);
	list_for_each_entry(w, &obj->queue, node)
		if (!thread_of(w)->task.killed)
			append(s, o, thread_of(w));
	if (is_extra && !extra->w.upgrade)
		append(s, o, extra);
}

static bool somebody(const struct sim *s, u32 o, const struct thread *but, u32 mode)
{
	const struct thread *t;

	for_each_thread(t) {
		if (t == but || s->gone[index_of(t)])
			continue;
		if ((mode == SHS_MODE_READ && t->reads[o]) ||
		    (mode == SHS_MODE_UPGRADABLE && t->upgradable[o]) ||
		    (mode == SHS_MODE_EXCLUSIVE && t->writes[o]))
			return true;
	}
	return false;
}

/* Whether t, first in line, would get what it wants. */
static bool is_free(const struct sim *s, u32 o, const struct thread *t)
{
	if (somebody(s, o, NULL, SHS_MODE_EXCLUSIVE))
		return false;
	switch (t->w.mode) {
	case SHS_MODE_READ:
		return true;
	case SHS_MODE_UPGRADABLE:
		return !somebody(s, o, NULL, SHS_MODE_UPGRADABLE);
	}
	return !somebody(s, o, NULL, SHS_MODE_READ) &&
	       !somebody(s, o, t->w.upgrade ? t : NULL, SHS_MODE_UPGRADABLE);
}

static bool serve(struct sim *s, u32 o)
{
	const struct thread *head = &detect.thread[s->queue[o][0]];

	if (!s->n[o] || !is_free(s, o, head))
		return false;
	s->waits[index_of(head)] = false;
	memmove(s->queue[o], s->queue[o] + 1, --s->n[o]);
	return true;
}

static bool let_go(struct sim *s)
{
	bool changed = false;
	u32 i;

	for (i = 0; i < detect_config->threads; i++) {
		changed |= !s->waits[i] && !s->gone[i];
		s->gone[i] |= !s->waits[i];
	}
	return changed;
}

bool oracle_is_stuck(const struct thread *t)
{
	struct sim s = { };
	bool changed;
	u32 o;

	for_each_object(o)
		fill_queue(&s, o, t);
	do {
		changed = let_go(&s);
		for_each_object(o)
			while (serve(&s, o))
				changed = true;
	} while (changed);
	return s.waits[index_of(t)];
}

void oracle_check_cycle(const struct thread *t, const struct shs_thread_info *cycle, u32 n)
{
	const struct thread *next;
	u32 i, o;

	if (!n || n > detect_config->threads)
		env_fail("a cycle of %u", n);
	CHECK_EQ(cycle[0].tid, t->task.pid.nr);
	for (i = 0; i < n; i++) {
		next = &detect.thread[cycle[(i + 1) % n].tid - 1];
		o = cycle[i].object;
		CHECK_EQ(cycle[i].flags, SHS_THREAD_WAITS);
		if (!next->reads[o] && !next->upgradable[o] && !next->writes[o])
			env_fail("entry %u of the cycle waits for %u, which the next one does not hold",
				 i, o);
		next = &detect.thread[cycle[i].tid - 1];
		if (next->object != o || cycle[i].mode != next->w.mode)
			env_fail("entry %u of the cycle does not wait so", i);
	}
}

/* ---- books ---- */

static bool is_repaired(const struct detect_process *p, u32 o)
{
	return p->att[o].state == SHS_ATT_DEAD;
}

/* The hold of an object is the thread's that wrote or upgrades, and of the dead till repair. */
static void check_hold(u32 o)
{
	const struct shs_object *obj = &detect.object[o].obj;
	const struct shs_hold *h = &obj->hold;
	const struct thread *t, *holder = NULL;
	u32 mode;

	for_each_thread(t)
		if (t->state != DEAD && (t->writes[o] || t->upgradable[o] ||
		    (t->state == WAITS && t->object == o && t->w.att &&
		     t->w.state == SHS_SETTLED && t->w.mode != SHS_MODE_READ &&
		     (!t->w.result || t->w.result == -EOWNERDEAD) &&
		     t->w.att->state == SHS_ATT_LIVE)))
			holder = t;
	if (!holder) {
		if (h->id && is_repaired(&detect.process[h->id - 1], o))
			env_fail("%u is remembered as holder of %u", h->id, o);
		if (h->id && !detect.process[h->id - 1].gone)
			env_fail("%u is remembered as holder of %u", h->id, o);
		return;
	}
	mode = holder->upgradable[o] ? SHS_MODE_UPGRADABLE : SHS_MODE_EXCLUSIVE;
	if (holder->state == WAITS && holder->object == o && holder->w.att &&
	    holder->w.state == SHS_SETTLED && !holder->w.result)
		mode = holder->w.mode;
	CHECK(h->thread == &holder->task.pid);
	CHECK_EQ(h->id, holder->process + 1);
	if (holder->writes[o] || holder->upgradable[o])
		CHECK_EQ(h->mode, mode);
}

static bool is_listed(const struct shs_object *obj, const struct shs_read *r)
{
	const struct shs_read *other;

	list_for_each_entry(other, &obj->reads, node)
		if (other == r)
			return true;
	return false;
}

static void check_lane(const struct shs_object *obj, const struct shs_read *r, u64 count)
{
	if (count && !is_listed(obj, r))
		env_fail("a reader of %llu is not in the books", obj->serial);
	if (!count && is_listed(obj, r) && !(detect_config->does & LANES_DOWN))
		env_fail("a reader of %llu is in the books, and reads no more", obj->serial);
}

/* A lane that counts somebody is listed, and another only if user space took it back. */
static void check_reads(u32 o)
{
	const struct shs_object *obj = &detect.object[o].obj;
	const struct shs_attachment *att;
	u32 p, lane;

	for (p = 0; p < detect_config->threads; p++) {
		att = &detect.process[p].att[o];
		for (lane = 0; att->reads && lane < DETECT_LANES; lane++)
			check_lane(obj, &att->reads[lane], detect.process[p].private[o].lanes[lane]);
	}
}

static u32 count_in_graph(const struct shs_step *step)
{
	const struct shs_step *other;
	u32 n = 0;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(detect.graph.waits); i++)
		list_for_each_entry(other, &detect.graph.waits[i], node)
			n += !step || other == step;
	return n;
}

/* Who is queued waits in the graph, once, and nobody else does. */
static void check_graph(void)
{
	const struct shs_waiter *w;
	u32 n = 0, o, queued;

	for_each_object(o) {
		queued = 0;
		list_for_each_entry(w, &detect.object[o].obj.queue, node) {
			queued++;
			if (!detect.object[o].obj.graph)
				continue;
			CHECK_EQ(count_in_graph(&w->step), 1);
			CHECK(w->step.obj == &detect.object[o].obj);
			n++;
		}
		CHECK_EQ(detect.object[o].obj.waiters, queued);
		if (detect.object[o].obj.graph)
			CHECK_EQ(detect.object[o].control.bias, 0);
	}
	CHECK_EQ(count_in_graph(NULL), n);
}

static u32 remembered(const struct pid *thread)
{
	const struct shs_read *r;
	u32 n = 0, o;

	for_each_object(o) {
		n += detect.object[o].obj.hold.thread == thread;
		list_for_each_entry(r, &detect.object[o].obj.reads, node)
			n += r->thread == thread;
	}
	return n;
}

void oracle_check(void)
{
	const struct thread *t;
	u32 o;

	for_each_object(o) {
		check_hold(o);
		check_reads(o);
	}
	check_graph();
	for_each_thread(t)
		CHECK_EQ(t->task.pid.count, remembered(&t->task.pid));
}
