// SPDX-License-Identifier: GPL-2.0-only
/*
 * A process that writes what it likes wherever it can, and what it must not change:
 * another object, and the use of this one once it is gone.
 */
#include "box.h"
#include "world.h"

#define K	SHS_WORD_KERNEL

/*
 * Values that mean something make more trouble than random ones.  A hostile writer
 * reaches the whole shared region and its own lanes; it is process 0.
 */
void hostile_scribble(void)
{
	static const u32 bits[] = { 0, SHS_WORD_WAITERS, SHS_WORD_DIED, SHS_WORD_KERNEL, ~0U };
	struct process *p = &world.process[0];
	u32 word = explore_choose(XA_SLOTS);

	switch (explore_choose(8)) {
	case 0:
		word = SHS_ID_KERNEL;
		break;
	case 1:
		word = explore_choose(1 << 16) << 13 | explore_choose(1 << 13);
		break;
	case 2:
		word = 0;
		break;
	case 3:
		world.shared.head.sequence = (u64)explore_choose(1 << 16) << 48 | word;
		break;
	}
	word |= bits[explore_choose(5)];
	world.shared.head.word = word;
	p->lanes[explore_choose(LANES)][0] = explore_choose(4) ? explore_choose(3) : ~0ULL - word;
}

/* Every sleep is killable, whatever a hostile process did. */
static void end_all(void)
{
	struct process *p;
	struct actor *a;

	for_each_actor(a) {
		a->task.killed = true;
		if (a->state == WAITS)
			world_leave(a, -ERESTARTSYS);
		if (a->state == HOLDS && a->process < 0)
			world_unlock(a, 0);
	}
	for_each_process(p)
		if (p->att.obj && p->state != RELEASED) {
			p->mm.mm_users = 0;
			world_release(p);
		}
}

/*
 * Once the hostile process is gone, the object is as good as ever; but it may have
 * left the lock in the name of an attachment to come, which then has it to give back.
 */
void hostile_end(void)
{
	struct process *p = &world.process[0];
	struct shs_waiter w = { .att = &p->att };
	int ret;

	end_all();
	CHECK_EQ(world.obj.waiters, 0);
	world_attach(p);
	if (world.obj.kind != SHS_KIND_RWLOCK && shs_mutex_owner(&world.obj) == p->att.id)
		CHECK_EQ(waits_release_mutex(&p->att), 0);
	ret = waits_enter(&world.obj, &w, false);
	CHECK(!ret || ret == -EOWNERDEAD);
}

/* ---- a bystander: another object, which it has no part in ---- */

static struct box box;
static unsigned int at;

void hostile_start(void)
{
	box_init(&box, SHS_KIND_MUTEX, SHS_INIT_FIFO, 2);
	box.shared.head.word = K;
	at = 0;
}

/* One contended lock and unlock after the other, each result known. */
void hostile_check_bystander(void)
{
	switch (at++ % 6) {
	case 0:
		CHECK_EQ(box_try(&box, 0, 0), 0);
		CHECK_EQ(box.shared.head.word, 1 | K);
		break;
	case 1:
		CHECK_EQ(box_lock(&box, 1, 0), -EBUSY);
		CHECK_EQ(box.shared.head.word, 1 | K | SHS_WORD_WAITERS);
		break;
	case 2:
		CHECK_EQ(box_unlock(&box, 0, 0), 0);
		CHECK_EQ(box.shared.head.word, 2 | K);
		break;
	case 3:
		CHECK_EQ(box_wake(&box, 1, 0), 0);
		CHECK_EQ(box.shared.head.word, 2 | K);
		break;
	case 4:
		CHECK_EQ(box_try(&box, 0, 0), -EBUSY);
		break;
	case 5:
		CHECK_EQ(box_unlock(&box, 1, 0), 0);
		CHECK_EQ(box.shared.head.word, K);
		CHECK_EQ(box.obj.waiters, 0);
		break;
	}
}
