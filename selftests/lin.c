// SPDX-License-Identifier: GPL-2.0-only
/*
 * The search of J. M. Wing and C. Gong, "Testing and verifying concurrent objects",
 * Journal of Parallel and Distributed Computing 17 (1993), with the pruning of G. Lowe,
 * "Testing for linearizability", Concurrency and Computation: Practice and Experience
 * 29(4) (2017).
 *
 * The history is a list of calls and returns in their order. Whatever call stands
 * before the first return may be the next operation: one that the model allows is
 * lifted out of the list together with its return, and the search begins at the front
 * again. Coming to a return means that this operation had to be before everything that
 * is still there, and could not: the last one lifted is put back, and the search goes
 * on behind it.
 *
 * Lowe's addition: what can follow depends only on which operations were lifted and on
 * the state that they left, not on their order. Such a pair that was met before was
 * not of use then and is not now.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "lin.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define SEEN	(1U << 17)	/* states, at most */
#define PLACES	(SEEN / 2 * 3)

/* Calls at 0 to n - 1, returns behind them; of an optional operation none. */
struct event {
	struct event *prev, *next;
	unsigned int when, op;
	bool is_return;
};

struct set {
	uint64_t word[LIN_OPS / 64];
};

struct seen {
	struct set lifted;
	_Alignas(8) unsigned char state[LIN_STATE];
};

/* Of a hash table; one of an older history is free. */
struct place {
	unsigned int history, number;
};

struct frame {
	unsigned int op, way;
	_Alignas(8) unsigned char before[LIN_STATE];
};

struct search {
	const struct lin_model *model;
	const struct lin_op *ops;
	const void *context;
	struct event head, event[2 * LIN_OPS];
	struct set lifted;
	_Alignas(8) unsigned char state[LIN_STATE];
	struct frame frame[LIN_OPS];
	unsigned int n, depth, left, states;
};

static struct seen *seen;
static struct place *place;
static unsigned int history;

static int by_time(const void *a, const void *b)
{
	const struct event *x = *(struct event *const *)a, *y = *(struct event *const *)b;

	return x->when < y->when ? -1 : x->when > y->when;
}

static void link_events(struct search *s)
{
	struct event *order[2 * LIN_OPS], *last = &s->head;
	unsigned int total = 0, i;

	for (i = 0; i < s->n; i++) {
		s->event[i] = (struct event){ .op = i, .when = s->ops[i].call };
		order[total++] = &s->event[i];
		if (s->ops[i].optional)
			continue;
		s->left++;
		s->event[s->n + i] = (struct event){ .op = i, .when = s->ops[i].ret,
						     .is_return = true };
		order[total++] = &s->event[s->n + i];
	}
	qsort(order, total, sizeof(order[0]), by_time);
	for (i = 0; i < total; i++) {
		last->next = order[i];
		order[i]->prev = last;
		last = order[i];
	}
	last->next = NULL;
}

static void take_out(struct event *e)
{
	e->prev->next = e->next;
	if (e->next)
		e->next->prev = e->prev;
}

/* Its neighbours are still the ones that it knows: the last one out is the first in. */
static void put_back(struct event *e)
{
	e->prev->next = e;
	if (e->next)
		e->next->prev = e;
}

static void lift(struct search *s, unsigned int op)
{
	s->lifted.word[op / 64] |= 1ULL << op % 64;
	take_out(&s->event[op]);
	if (s->ops[op].optional)
		return;
	take_out(&s->event[s->n + op]);
	s->left--;
}

static void unlift(struct search *s, unsigned int op)
{
	s->lifted.word[op / 64] &= ~(1ULL << op % 64);
	if (!s->ops[op].optional) {
		put_back(&s->event[s->n + op]);
		s->left++;
	}
	put_back(&s->event[op]);
}

static uint64_t mix(uint64_t hash, const void *bytes, size_t size)
{
	const unsigned char *p = bytes;

	while (size--)
		hash = (hash ^ *p++) * 0x100000001b3ULL;
	return hash;
}

/* Whether the set with this state is new; it is not new any more. */
static bool is_new(struct search *s, const struct set *lifted, const void *state)
{
	size_t size = s->model->state_size;
	uint64_t hash = mix(0xcbf29ce484222325ULL, lifted, sizeof(*lifted));
	struct seen *at;
	unsigned int i;

	hash = mix(hash, state, size);
	for (i = (hash ^ hash >> 32) % PLACES; place[i].history == history; i = (i + 1) % PLACES) {
		at = &seen[place[i].number];
		if (!memcmp(&at->lifted, lifted, sizeof(*lifted)) &&
		    !memcmp(at->state, state, size))
			return false;
	}
	place[i] = (struct place){ history, s->states };
	at = &seen[s->states++];
	at->lifted = *lifted;
	memcpy(at->state, state, size);
	return true;
}

/* Makes op the next one, if it may be. */
static bool advance(struct search *s, unsigned int op, unsigned int way)
{
	struct frame *frame = &s->frame[s->depth];
	struct set lifted = s->lifted;
	size_t size = s->model->state_size;
	_Alignas(8) unsigned char state[LIN_STATE];

	memcpy(state, s->state, size);
	if (!s->model->apply(state, &s->ops[op], way, s->context))
		return false;
	lifted.word[op / 64] |= 1ULL << op % 64;
	if (!is_new(s, &lifted, state))
		return false;
	frame->op = op;
	frame->way = way;
	memcpy(frame->before, s->state, size);
	memcpy(s->state, state, size);
	s->depth++;
	lift(s, op);
	return true;
}

static void remember(const struct search *s, struct lin_order *order)
{
	unsigned int i;

	order->states = s->states;
	if (s->depth < order->n)
		return;
	order->n = s->depth;
	for (i = 0; i < s->depth; i++)
		order->op[i] = s->frame[i].op;
}

static enum lin_verdict search(struct search *s, struct lin_order *order)
{
	struct event *at = s->head.next;
	const struct frame *last;
	unsigned int way = 0;

	while (s->left) {
		if (!at->is_return && way < s->ops[at->op].ways) {
			if (s->states == SEEN)
				return LIN_TOO_LARGE;
			if (advance(s, at->op, way)) {
				remember(s, order);
				at = s->head.next;
				way = 0;
			} else {
				way++;
			}
		} else if (!at->is_return) {
			at = at->next;
			way = 0;
		} else {
			if (!s->depth)
				return LIN_NO;
			last = &s->frame[--s->depth];
			unlift(s, last->op);
			memcpy(s->state, last->before, s->model->state_size);
			at = &s->event[last->op];
			way = last->way + 1;
		}
	}
	return LIN_YES;
}

/* Children have no use for it, and would make every page of it a fault. */
static void *own_memory(size_t size)
{
	void *map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (map == MAP_FAILED)
		abort();
	madvise(map, size, MADV_DONTFORK);
	return map;
}

enum lin_verdict lin_check(const struct lin_model *model, const void *initial,
			   const void *context, const struct lin_op *ops, unsigned int n,
			   struct lin_order *order)
{
	static struct search s;

	order->n = order->states = 0;
	if (n > LIN_OPS || model->state_size > LIN_STATE)
		return LIN_TOO_LARGE;
	if (!seen) {
		seen = own_memory(SEEN * sizeof(*seen));
		place = own_memory(PLACES * sizeof(*place));
	}
	history++;
	s.model = model;
	s.ops = ops;
	s.context = context;
	s.n = n;
	s.depth = s.left = s.states = 0;
	memset(&s.lifted, 0, sizeof(s.lifted));
	memset(s.state, 0, sizeof(s.state));
	memcpy(s.state, initial, model->state_size);
	link_events(&s);
	return search(&s, order);
}
