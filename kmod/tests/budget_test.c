// SPDX-License-Identifier: GPL-2.0-only
/*
 * How long a search for a deadlock takes, which runs with spinlocks held: the thread that
 * begins to wait wants to write what many read, and each of these waits for one mutex, in
 * whose queue it looks at all who are ahead.  Its owner waits for a second owner, and that
 * one for a third, who waits for that thread; a reader may wait for the third at once.
 */
#include "core.h"
#include "test.h"

#define MANY	600
#define BUDGET	16384	/* looks, as detect.c has it */

static struct {
	struct shs_graph graph;
	struct shs_object read, held[4];	/* by owner[i], who waits for held[i + 1] */
	struct shs_control control;	/* of each */
	struct task_struct reader[MANY], owner[4];
	struct shs_waiter wait[MANY], owner_wait[3], last;
	struct shs_read reads[MANY];
	u64 lane[MANY];
} big;

static unsigned int looks;

/* A reader's lane is one look, and who is ahead in a queue is asked whether it was killed. */
static void count_look(enum env_access access, const void *p)
{
	if ((const u64 *)p >= big.lane && (const u64 *)p < big.lane + MANY)
		looks++;
}

static void make(struct shs_object *obj, u32 kind, struct task_struct *owner)
{
	obj->kind = kind;
	obj->flags = SHS_INIT_DETECT;
	obj->graph = &big.graph;
	obj->control = &big.control;
	INIT_LIST_HEAD(&obj->queue);
	INIT_LIST_HEAD(&obj->reads);
	if (owner)
		obj->hold = (struct shs_hold){ .thread = &owner->pid, .id = 1, .depth = 1 };
}

static void enqueue(struct shs_object *obj, struct shs_waiter *w, struct task_struct *task)
{
	*w = (struct shs_waiter){ .task = task, .thread = &task->pid };
	spin_lock(&obj->lock);
	shs_enqueue(obj, w);
	spin_unlock(&obj->lock);
}

/* owner[3] is the one that begins to wait; of n readers number near waits for owner[2]. */
static void start(unsigned int n, unsigned int near)
{
	unsigned int i;

	memset(&big, 0, sizeof(big));
	env_wide_hash = true;
	shs_graph_init(&big.graph);
	make(&big.read, SHS_KIND_RWLOCK, NULL);
	for (i = 0; i < 4; i++)
		make(&big.held[i], SHS_KIND_MUTEX, &big.owner[i]);
	for (i = 0; i < 3; i++)
		enqueue(&big.held[i + 1], &big.owner_wait[i], &big.owner[i]);
	for (i = 0; i < n; i++) {
		big.lane[i] = 1;
		big.reads[i] = (struct shs_read){
			.lane = (const atomic64_t *)&big.lane[i], .thread = &big.reader[i].pid,
		};
		list_add_tail(&big.reads[i].node, &big.read.reads);
		enqueue(&big.held[i == near ? 2 : 0], &big.wait[i], &big.reader[i]);
	}
}

static bool closes(void)
{
	bool found;

	enqueue(&big.read, &big.last, &big.owner[3]);
	looks = 0;
	env_asked = 0;
	env_race = count_look;
	spin_lock(&big.read.lock);
	found = shs_graph_closes(&big.read, &big.last);
	spin_unlock(&big.read.lock);
	env_race = NULL;
	looks += env_asked;
	return found;
}

/* As long as it has not looked too often it finds what there is; then it gives up. */
TEST(budget_of_search)
{
	start(100, MANY);
	CHECK(closes());
	if (looks < 100 * 100 / 2 || looks > BUDGET)
		env_fail("%u looks at 100 who queue", looks);
	start(MANY, MANY);
	CHECK(!closes());
	if (looks < BUDGET / 2 || looks > BUDGET + 2 * MANY)
		env_fail("%u looks at %u who queue", looks, MANY);
}

/* The shortest cycle first: it is found however many others wait. */
TEST(budget_is_enough)
{
	start(MANY, 0);
	CHECK(closes());
	start(MANY, 50);
	CHECK(closes());
}
