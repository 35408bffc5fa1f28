// SPDX-License-Identifier: GPL-2.0-only
/* A process that writes what it likes wherever it can, and what is left of it. */
#include "waits.h"
#include "world.h"

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
	p->head.used = explore_choose(1 << LANES);
	if (p->mm.mm_users && !p->unmapped)
		p->head.writes = explore_choose(4);
	p->lanes[explore_choose(LANES)][0] = explore_choose(4) ? explore_choose(3) : ~0ULL - word;
}

/* Every sleep is killable, whatever a hostile process did. */
static void end_all(void)
{
	struct process *p;
	struct actor *a;

	for_each_actor(a) {
		env.task = &a->task;
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

/* As shs_op_run() of a WRITE with RECOVER. */
static int recover(struct task_struct *task)
{
	struct shs_waiter w = { .force = true };
	bool notice;
	int ret;

	env.task = task;
	ret = waits_enter(&world.obj, &w, false);
	if (ret)
		return ret;
	ret = waits_check_notice(&world.obj, true, true, &notice);
	shs_release_waiter(&world.obj, &w);
	return ret;
}

/*
 * Once the hostile process is gone, the object is as good as ever; but it may have
 * left the lock in the name of an attachment to come, which then has it to give back,
 * or in a state that has to be recovered.
 */
void hostile_end(void)
{
	struct process *p = &world.process[0];
	struct shs_waiter w = { .att = &p->att };
	struct task_struct task = { };
	int ret;

	end_all();
	world_check_queue();
	CHECK_EQ(world.obj.waiters, 0);
	world_begin_life(p);
	env.task = &task;
	if (world_kind == &mutex_kind && shs_mutex_owner(&world.obj) == p->att.id &&
	    waits_release_mutex(&p->att))	/* refused if it is a thread's own */
		world.shared.head.word = 0;
	ret = waits_enter(&world.obj, &w, false);
	if (ret == -ENOTRECOVERABLE) {
		CHECK_EQ(recover(&task), 0);
		ret = waits_enter(&world.obj, &w, false);
		CHECK_EQ(ret, 0);
	}
	CHECK(!ret || ret == -EOWNERDEAD);
	world_kind->end();
	put_pid(world.obj.hold.thread);		/* task is gone in a moment */
	memset(&world.obj.hold, 0, sizeof(world.obj.hold));
}
