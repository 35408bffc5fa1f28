// SPDX-License-Identifier: GPL-2.0-only
/* How processes come, die and come again. */
#include "world.h"

void world_begin_life(struct process *p)
{
	struct shs_attachment *att = &p->att;

	memset(p, 0, sizeof(*p));
	p->mm.mm_users = 1;
	att->obj = &world.obj;
	att->id = ++world.next_id;
	if (world.next_id == XA_SLOTS - 1)
		world.next_id = 0;
	att->state = SHS_ATT_LIVE;
	att->may_write = true;
	att->private_mem = &p->head;
	p->head.used = world_config->marks ? 0 : ~0ULL;
	att->used = p->head.used;	/* so that it is no state of its own */
	att->mm = &p->mm;
	INIT_LIST_HEAD(&att->tickets);
	xa_store(&world.obj.atts, att->id, att);
}

static bool threads_stopped(const struct process *p)
{
	const struct actor *a;

	for_each_actor(a)
		if (world_process(a) == p && world_in_kernel(a))
			return false;
	return true;
}

static void kill_process(struct process *p)
{
	struct actor *a;

	world.kills--;
	p->state = KILLED;
	for_each_actor(a)
		if (world_process(a) == p) {
			a->task.killed = true;
			a->task.asleep = false;
		}
}

static bool is_news(void)
{
	switch ((enum shs_kind)world.obj.kind) {
	case SHS_KIND_CELL:
	case SHS_KIND_SEMAPHORE:
	case SHS_KIND_BARRIER:	/* but to all */
		return false;
	default:
		return !(world_config->flags & SHS_INIT_IGNORE);
	}
}

/* Once its last user is gone, whatever it held is a death's. */
static void note_death(const struct process *p)
{
	if (p->att.state != SHS_ATT_LIVE || !world_kind->owns(p))
		return;
	world.dirty |= is_news();
	world.poisoned = world_config->flags & SHS_INIT_POISON;
}

static void last_user(struct process *p)
{
	note_death(p);
	p->mm.mm_users = 0;
	p->state = NO_USERS;
}

static void close_mapping(struct process *p)
{
	struct shs_wakes wakes = { };
	bool owned = p->att.state == SHS_ATT_LIVE && world_kind->owns(p);

	p->unmapped = true;
	note_death(p);
	spin_lock(&world.obj.lock);
	shs_att_die(&p->att, &wakes);
	if (!world_config->hostile && owned)
		CHECK(env.death_ids & 1ULL << p->att.id % 64);	/* pass may find more */
	spin_unlock(&world.obj.lock);
	shs_wakes_flush(&wakes);
	CHECK_EQ(p->att.state, SHS_ATT_DEAD);
}

/* The processes that did not die but unmapped lose their attachment all the same. */
void world_release(struct process *p)
{
	close_mapping(p);
	xa_erase(&world.obj.atts, p->att.id);
	memset(&p->att, POISON, sizeof(p->att));
	p->att.id = 0;
	p->state = RELEASED;
}

static void attach_again(struct process *p)
{
	struct actor *a;

	while (xa_load(&world.obj.atts, world.next_id + 1))
		world.next_id = (world.next_id + 1) % (XA_SLOTS - 1);
	world_begin_life(p);
	for_each_actor(a)
		if (world_process(a) == p) {
			a->task.killed = false;
			a->state = IDLE;
			a->cycles = world_config->script[a - world.actor].cycles + 1;
			world_cycle(a);
			p->att.may_write = !(a->does & RDONLY);
		}
}

/* What can happen while another CPU is in the kernel. */
void world_process_races(const struct process *p)
{
	if (p->state == KILLED && threads_stopped(p))
		world_add_event(LAST_USER, -1, p - world.process);
}

void world_process_events(const struct process *p)
{
	s8 i = p - world.process;

	if (!p->att.obj && p->state == RUNS)
		return;		/* not in this world */
	if (p->state == RUNS && world.kills)
		world_add_event(KILL, -1, i);
	if (p->state == RUNS && world.unmaps && p->att.state == SHS_ATT_LIVE)
		world_add_event(UNMAP, -1, i);
	world_process_races(p);
	if ((p->state == KILLED || p->state == NO_USERS) && threads_stopped(p))
		world_add_event(UNMAP, -1, i);
	if (p->state == CLOSED)
		world_add_event(RELEASE, -1, i);
	if (p->state == RELEASED && world_config->again)
		world_add_event(ATTACH, -1, i);
}

void world_do_process(struct process *p, unsigned int event)
{
	static const char * const what[] = {
		[KILL] = "is killed", [LAST_USER] = "has no users left",
		[UNMAP] = "is unmapped", [RELEASE] = "is released", [ATTACH] = "attaches again",
	};

	explore_say("process %d %s", (int)(p - world.process), what[event]);
	switch (event) {
	case KILL:
		kill_process(p);
		break;
	case LAST_USER:
		last_user(p);
		break;
	case UNMAP:
		if (p->state == RUNS)
			world.unmaps--;
		else
			p->state = CLOSED;
		close_mapping(p);
		break;
	case RELEASE:
		world_release(p);
		break;
	case ATTACH:
		attach_again(p);
		break;
	}
}
