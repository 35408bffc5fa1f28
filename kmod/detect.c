// SPDX-License-Identifier: GPL-2.0-only
/*
 * Deadlocks, among the objects of a mount that were created with SHS_INIT_DETECT.
 *
 * A thread waits for an object; an object is held by threads.  Both are recorded by the
 * kernel, for bit K keeps user space from taking these locks alone.  Threads, not
 * processes: two threads of a process that lock crosswise with two of another are no
 * cycle unless the same thread holds the one and waits for the other.
 *
 * A wait waits for the holders that exclude its mode, and for those that exclude a
 * wait before it in the queue, which goes first.  (Of a mutex without FIFO it need
 * not, but there everybody excludes everybody.)  So who waits ahead adds no node of
 * its own.
 *
 * A cycle is closed by the one who begins to wait, never by one who begins to hold, for
 * that one runs.  So it is sought there (and where one who was woken for nothing waits
 * on), and the one who would close it is told -EDEADLK; not a condvar's wait that takes
 * its mutex back, which has nowhere to go with it.  It is a true one: waits and holds
 * change under graph->lock, and the search runs under it.  What it may see late is a
 * holder that is just releasing, and that one does not wait.  A killed task that has not
 * left its wait is taken to have left.
 *
 * The search is breadth first, follows each wait once, and gives up (finds nothing)
 * after SEARCH_MAX looks at a wait or hold, for it runs with spinlocks held.  A cycle
 * counts whatever deadlines its waits have.
 *
 * Holt, "Some deadlock properties of computer systems" (1972), for single resources.
 */
#include <linux/hash.h>
#include "core.h"

#define SEARCH_MAX	16384

void shs_graph_init(struct shs_graph *graph)
{
	size_t i;

	spin_lock_init(&graph->lock);
	for (i = 0; i < ARRAY_SIZE(graph->waits); i++)
		INIT_LIST_HEAD(&graph->waits[i]);
}

static struct list_head *bucket(struct shs_graph *graph, const struct pid *thread)
{
	return &graph->waits[hash_ptr(thread, 6)];
}

/* Modes of holders that exclude w. */
static u32 excluders(const struct shs_waiter *w)
{
	switch ((enum shs_mode)w->mode) {
	case SHS_MODE_READ:
		return BIT(SHS_MODE_EXCLUSIVE);
	case SHS_MODE_UPGRADABLE:
		return BIT(SHS_MODE_EXCLUSIVE) | BIT(SHS_MODE_UPGRADABLE);
	case SHS_MODE_EXCLUSIVE:
		break;
	}
	return BIT(SHS_MODE_EXCLUSIVE) | BIT(SHS_MODE_READ) |
	       (w->upgrade ? 0 : BIT(SHS_MODE_UPGRADABLE));
}

struct search {
	struct shs_graph *graph;
	struct shs_waiter *start, *last;	/* of the waits seen, by step.then */
	u32 looks;				/* that are left */
};

static bool look(struct search *s)
{
	return s->looks && s->looks--;
}

/* The same of w and of all that are ahead of it. */
static u32 waits_for(struct search *s, const struct shs_waiter *w)
{
	const struct shs_waiter *ahead;
	u32 modes = excluders(w);

	list_for_each_entry(ahead, &w->step.obj->queue, node) {
		if (ahead == w || !look(s))
			break;
		if (!shs_is_dying(ahead->task) && !ahead->many)	/* that may go elsewhere */
			modes |= excluders(ahead);
	}
	return modes;
}

/* Where thread waits, or NULL. */
static struct shs_waiter *wait_of(struct search *s, const struct pid *thread)
{
	struct shs_waiter *w;

	list_for_each_entry(w, bucket(s->graph, thread), step.node) {
		if (!look(s))
			break;
		if (w->thread == thread && w->state == SHS_QUEUED && !shs_is_dying(w->task))
			return w;
	}
	return NULL;
}

/* from waits for thread; true if that is where the search started. */
static bool follow(struct search *s, struct shs_waiter *from, const struct pid *thread)
{
	struct shs_waiter *w;

	if (!thread)
		return false;
	if (thread == s->start->thread)
		return true;
	w = wait_of(s, thread);
	if (!w || w->step.round == s->graph->round)
		return false;
	w->step.round = s->graph->round;
	w->step.from = from;
	w->step.then = NULL;
	s->last->step.then = w;
	s->last = w;
	return false;
}

/* All that w waits for; true if the search has come round. */
static bool follow_all(struct search *s, struct shs_waiter *w)
{
	const struct shs_object *obj = w->step.obj;
	const struct shs_hold *h = &obj->hold;
	const struct shs_read *r;
	u32 modes = waits_for(s, w);

	if (h->id && modes & BIT(h->mode) && follow(s, w, h->thread))
		return true;
	if (!(modes & BIT(SHS_MODE_READ)))
		return false;
	list_for_each_entry(r, &obj->reads, node) {
		if (!look(s))
			break;
		if (atomic64_read(r->lane) && follow(s, w, r->thread))
			return true;
	}
	return false;
}

/* The wait from which the search came back to start, or NULL. */
static struct shs_waiter *search(struct shs_graph *graph, struct shs_waiter *start)
{
	struct search s = {
		.graph = graph, .start = start, .last = start, .looks = SEARCH_MAX,
	};
	struct shs_waiter *w;

	start->step.round = ++graph->round;
	start->step.from = NULL;
	start->step.then = NULL;
	for (w = start; w; w = w->step.then)
		if (follow_all(&s, w))
			return w;
	return NULL;
}

/* Writes the cycle that ends with last down for the attachment that closed it. */
static void record(struct shs_attachment *att, const struct shs_waiter *last)
{
	const struct shs_waiter *w;
	u32 n = 0, at;

	for (w = last; w; w = w->step.from)
		n++;
	att->cycle_length = n;
	at = n;
	for (w = last; w; w = w->step.from)
		if (--at < SHS_CYCLE_MAX)
			shs_describe(&att->cycle[at], w->step.obj, w);
}

/*
 * One that waits for any of several is in no deadlock as long as another can come, and
 * one that waits for all may wait for others by now than its scout's object says.
 */
static bool is_edge(const struct shs_object *obj, const struct shs_waiter *w)
{
	return obj->graph && !w->by_ring && !w->many;
}

void shs_graph_wait(struct shs_object *obj, struct shs_waiter *w)
{
	if (!is_edge(obj, w))
		return;
	w->step.obj = obj;
	list_add_tail(&w->step.node, bucket(obj->graph, w->thread));
}

void shs_graph_leave(struct shs_object *obj, struct shs_waiter *w)
{
	if (is_edge(obj, w))
		list_del_init(&w->step.node);
}

/* Whether the queued w closes a cycle; if it does, its attachment can tell which. */
bool shs_graph_closes(struct shs_object *obj, struct shs_waiter *w)
{
	struct shs_waiter *last;

	lockdep_assert_held(&obj->lock);
	if (!is_edge(obj, w) || w->patient)
		return false;
	spin_lock(&obj->graph->lock);
	last = search(obj->graph, w);
	if (last && w->att)
		record(w->att, last);
	spin_unlock(&obj->graph->lock);
	return last;
}
