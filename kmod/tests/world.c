// SPDX-License-Identifier: GPL-2.0-only
#include <stdio.h>
#include "waits.h"
#include "world.h"

#define EVENTS_MAX	64
#define POISON		0x6b	/* what a waiter is once its sleeper left */

struct world world;
const struct world_config *world_config;

enum {
	ENTER,		/* the system call: lock, and wait if need be */
	ENTER_TRY,
	LOOK,		/* shs_sleep() looks whether it has to sleep */
	TIME_OUT,
	SIGNAL,
	UNLOCK,
	KILL,
	LAST_USER,
	UNMAP,
	RELEASE,
	ATTACH,
	TICK,
	SCRIBBLE,
};

struct event {
	u8 event;
	s8 actor;	/* or -1 */
	s8 process;	/* or -1 */
};

static const struct kind *kind;
static struct event events[EVENTS_MAX];
static unsigned int n_events, races_left;
static const struct actor *runs_now;

/* Who was queued when the step began, in order. */
static const struct actor *order[ACTORS];
static unsigned int n_order;
static bool owned_before[ACTORS];

const char *world_name(const struct actor *a)
{
	static const char * const names[ACTORS] = { "A", "B", "C", "D", "E" };

	return names[a - world.actor];
}

struct process *world_process(const struct actor *a)
{
	return a->process < 0 ? NULL : &world.process[a->process];
}

static struct shs_attachment *att_of(const struct actor *a)
{
	return a->process < 0 ? NULL : &world_process(a)->att;
}

static bool lives(const struct actor *a)
{
	return a->process < 0 || world_process(a)->state == RUNS;
}

/* What its process can still act by; a dead one's holding is over. */
bool world_owns(const struct actor *a)
{
	const struct shs_attachment *att = att_of(a);

	if (att && (att->state != SHS_ATT_LIVE || !att->mm->mm_users))
		return false;
	if (a->state != WAITS)
		return a->state == HOLDS;
	if (a->w.state != SHS_SETTLED || (a->w.result && a->w.result != -EOWNERDEAD))
		return false;
	return world.obj.kind != SHS_KIND_ONCE || a->w.reply == SHS_ONCE_RUNNING;
}

static struct actor *actor_of(const struct shs_waiter *w)
{
	struct actor *a;

	for_each_actor(a)
		if (&a->w == w)
			return a;
	env_fail("the queue holds a waiter of nobody");
}

bool world_unrepaired(u32 id)
{
	const struct process *p;

	for_each_process(p)
		if (id && p->att.id == id)
			return p->state == NO_USERS && p->att.state == SHS_ATT_LIVE;
	return false;
}

bool world_notice_under_way(void)
{
	const struct actor *a;

	for_each_actor(a)
		if (a->state == WAITS && world_owns(a) && a->w.result == -EOWNERDEAD &&
		    a->mode == SHS_MODE_EXCLUSIVE)
			return true;
	return false;
}

struct actor *world_head(void)
{
	if (list_empty(&world.obj.queue))
		return NULL;
	return actor_of(list_first_entry(&world.obj.queue, struct shs_waiter, node));
}

/* ---- the kernel's side of the doors ---- */

void world_cycle(struct actor *a)
{
	a->cycles--;
	a->state = a->cycles ? IDLE : DONE;
}

/* The waiter was on the stack of a call that is over. */
static void forget_waiter(struct actor *a)
{
	a->task.waits = NULL;
	if (a->state != HOLDS || a->process >= 0)
		memset(&a->w, POISON, sizeof(a->w));
}

static void returned(struct actor *a, int ret)
{
	const struct shs_attachment *att = att_of(a);

	explore_say("%s returns %d", world_name(a), ret);
	a->task.asleep = false;
	a->state = IDLE;
	switch (ret) {
	case 0:
	case -EOWNERDEAD:
		if (att && att->state != SHS_ATT_LIVE) {
			world_cycle(a);	/* it was unmapped under it */
			break;
		}
		a->state = HOLDS;
		kind->acquired(a, ret);
		break;
	case -ERESTARTSYS:
		break;
	case -ENXIO:
		CHECK(att && att->state == SHS_ATT_DEAD);
		world_cycle(a);
		break;
	case -EBUSY:
	case -ETIMEDOUT:
		world_cycle(a);
		break;
	case -ENOTRECOVERABLE:
	case -EACCES:
		CHECK_EQ(world.obj.kind, SHS_KIND_ONCE);
		if (ret == -EACCES)
			CHECK(!att->may_write);
		else
			CHECK(!a->w.force && world_config->flags & SHS_INIT_POISON);
		world_cycle(a);
		break;
	case -EAGAIN:
		CHECK(world_config->hostile);
		world_cycle(a);
		break;
	default:
		env_fail("a lock call returned %d", ret);
	}
	forget_waiter(a);
}

static void enter(struct actor *a, bool may_wait)
{
	int ret;

	explore_say("%s calls the kernel%s%s", world_name(a), may_wait ? "" : ", not to wait",
		    a->mode == SHS_MODE_READ ? ", to read" : "");
	memset(&a->w, 0, sizeof(a->w));
	a->w.att = att_of(a);
	a->w.task = &a->task;
	a->w.mode = a->mode;
	a->w.lane = a->lane;
	a->w.force = a->does & FORCE;
	a->w.watch = a->does & WATCH;
	a->task.waits = &a->w;
	ret = waits_enter(&world.obj, &a->w, may_wait);
	if (ret == -EBUSY && may_wait)
		a->state = WAITS;
	else
		returned(a, ret);
}

static void leave(struct actor *a, int slept)
{
	int ret;

	explore_say("%s wakes with %d", world_name(a), slept);
	a->task.asleep = false;
	ret = waits_leave(&world.obj, &a->w, slept);
	if (ret != -EBUSY)
		returned(a, ret);
}

/* As in shs_sleep(): the look and the sleep are one, for wakers come after it. */
static void look(struct actor *a)
{
	if (a->task.killed && a->w.state != SHS_SETTLED) {
		leave(a, -ERESTARTSYS);
	} else if (a->w.state == SHS_SETTLED || a->w.kicked) {
		leave(a, 0);
	} else {
		explore_say("%s sleeps", world_name(a));
		a->task.asleep = true;
	}
}

/* As shs_unlock(). */
static int unlock(struct actor *a)
{
	struct shs_waiter w = { .att = att_of(a), .mode = a->mode, .lane = a->lane };
	struct shs_object *obj = &world.obj;
	struct shs_wakes wakes = { };
	int ret = -ENXIO;

	spin_lock(&obj->lock);
	if (w.att->state == SHS_ATT_LIVE) {
		ret = shs_kind_ops(obj->kind)->release(obj, &w, false, &wakes);
		shs_pass(obj, &wakes);
	}
	spin_unlock(&obj->lock);
	shs_wakes_flush(&wakes);
	return ret;
}

void world_unlock(struct actor *a, int expected)
{
	explore_say("%s unlocks by the kernel", world_name(a));
	if (a->process < 0)
		shs_release_waiter(&world.obj, &a->w);
	else if (world_process(a)->att.state != SHS_ATT_LIVE)
		CHECK_EQ(unlock(a), -ENXIO);
	else if (world_config->hostile)
		unlock(a);
	else
		CHECK_EQ(unlock(a), expected);
	world_cycle(a);
	forget_waiter(a);
}

/* ---- life and death ---- */

static void begin_life(struct process *p)
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
	att->private_mem = p->lanes;
	att->mm = &p->mm;
	INIT_LIST_HEAD(&att->tickets);
	xa_store(&world.obj.atts, att->id, att);
}

static bool threads_stopped(const struct process *p)
{
	const struct actor *a;

	for_each_actor(a)
		if (world_process(a) == p && (a->state == WAITS || a == runs_now))
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

static void note_death(const struct process *p)
{
	if (p->att.state != SHS_ATT_LIVE || !kind->owns(p))
		return;
	world.dirty = true;
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
	u32 deaths = env.deaths;
	bool owned = p->att.state == SHS_ATT_LIVE && kind->owns(p);

	note_death(p);
	spin_lock(&world.obj.lock);
	shs_att_die(&p->att, &wakes);
	if (!world_config->hostile && owned)
		CHECK(env.deaths > deaths && env.death_id == p->att.id);
	spin_unlock(&world.obj.lock);
	shs_wakes_flush(&wakes);
	CHECK_EQ(p->att.state, SHS_ATT_DEAD);
}

/* The processes that did not die but unmapped lose their attachment all the same. */
static void release_file(struct process *p)
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
	begin_life(p);
	for_each_actor(a)
		if (world_process(a) == p) {
			a->task.killed = false;
			a->state = IDLE;
			a->cycles = world_config->script[a - world.actor].cycles;
			p->att.may_write = !(a->does & RDONLY);
		}
}

/* ---- events ---- */

static void add_event(unsigned int event, s8 actor, s8 process)
{
	if (n_events == EVENTS_MAX)
		env_fail("too many events");
	events[n_events++] = (struct event){ event, actor, process };
}

void world_event(const struct actor *a, unsigned int event)
{
	add_event(event, a - world.actor, -1);
}

static void waiting_events(const struct actor *a)
{
	if (!a->task.asleep)
		world_event(a, LOOK);
	if (a->task.killed)
		return;
	if (a->does & TIMED)
		world_event(a, TIME_OUT);
	if (world.signals)
		world_event(a, SIGNAL);
}

static void actor_events(struct actor *a)
{
	if (a->state == WAITS)
		waiting_events(a);
	if (!lives(a))
		return;
	if (a->state == IDLE && a->does & SLOW)
		world_event(a, ENTER);
	if (a->state == IDLE && a->does & TRY)
		world_event(a, ENTER_TRY);
	if (a->state == HOLDS && world.obj.kind != SHS_KIND_ONCE)
		world_event(a, UNLOCK);
	if (kind->events)
		kind->events(a);
	if (kind->user_events)
		kind->user_events(a);
}

static void process_events(const struct process *p)
{
	s8 i = p - world.process;

	if (!p->att.obj && p->state == RUNS)
		return;		/* not in this world */
	if (p->state == RUNS && world.kills)
		add_event(KILL, -1, i);
	if (p->state == RUNS && world.unmaps && p->att.state == SHS_ATT_LIVE)
		add_event(UNMAP, -1, i);
	if (p->state == KILLED && threads_stopped(p))
		add_event(LAST_USER, -1, i);
	if ((p->state == KILLED || p->state == NO_USERS) && threads_stopped(p))
		add_event(UNMAP, -1, i);
	if (p->state == CLOSED)
		add_event(RELEASE, -1, i);
	if (p->state == RELEASED && world_config->again)
		add_event(ATTACH, -1, i);
}

static void do_process(struct process *p, unsigned int event)
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
		release_file(p);
		break;
	case ATTACH:
		attach_again(p);
		break;
	}
}

static void do_actor(struct actor *a, unsigned int event)
{
	switch (event) {
	case ENTER:
	case ENTER_TRY:
		enter(a, event == ENTER);
		break;
	case LOOK:
		look(a);
		break;
	case TIME_OUT:
		leave(a, -ETIMEDOUT);
		break;
	case SIGNAL:
		world.signals--;
		leave(a, -ERESTARTSYS);
		break;
	case UNLOCK:
		world_unlock(a, 0);
		break;
	default:
		kind->do_event(a, event);
	}
}

/*
 * Values that mean something make more trouble than random ones.  A hostile writer
 * reaches the whole shared region and its own lanes; it is process 0.
 */
static void scribble(void)
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

static void do_event(const struct event *e)
{
	if (e->event == TICK) {
		explore_say("2 ms go by");
		world.ticks--;
		env.now_ns += 2 * SHS_HANDOFF_NS;
	} else if (e->event == SCRIBBLE) {
		scribble();
	} else if (e->process >= 0) {
		do_process(&world.process[e->process], e->event);
	} else {
		do_actor(&world.actor[e->actor], e->event);
	}
}

/* What other CPUs can do amid a kernel operation: user code, and the end of an mm. */
static void race_events(void)
{
	const struct process *p;
	struct actor *a;

	n_events = 0;
	for_each_actor(a)
		if (a != runs_now && lives(a) && kind->user_events)
			kind->user_events(a);
	for_each_process(p)
		if (p->state == KILLED && threads_stopped(p))
			add_event(LAST_USER, -1, p - world.process);
}

static void race(enum env_access access, const void *p)
{
	unsigned int i;

	if (world_config->hostile && !explore_choose(3)) {
		scribble();
		return;
	}
	if (!races_left || !kind->races_at(access, p))
		return;
	race_events();
	i = explore_choose(n_events + 1);
	if (!i)
		return;
	races_left--;
	explore_say("meanwhile:");
	do_event(&events[i - 1]);
}

/* ---- what holds between steps ---- */

static void remember_order(void)
{
	const struct shs_waiter *w;
	const struct actor *a;

	n_order = 0;
	list_for_each_entry(w, &world.obj.queue, node)
		order[n_order++] = actor_of(w);
	for_each_actor(a)
		owned_before[a - world.actor] = world_owns(a);
}

/* Whoever owns since this step did not overtake a waiter that queued before. */
static void check_order(void)
{
	const struct actor *a;
	unsigned int i;

	for_each_actor(a) {
		if (!world_owns(a) || owned_before[a - world.actor])
			continue;
		for (i = 0; i < n_order && order[i] != a; i++)
			if (order[i]->state == WAITS && order[i]->w.state == SHS_QUEUED &&
			    !order[i]->task.killed)
				env_fail("%s overtakes %s", world_name(a), world_name(order[i]));
	}
}

static void check_queue(void)
{
	const struct shs_waiter *w;
	const struct actor *a;
	unsigned int n = 0;

	list_for_each_entry(w, &world.obj.queue, node) {
		a = actor_of(w);
		if (a->state != WAITS)
			env_fail("%s left, but its waiter is on the queue", world_name(a));
		if (w->state != SHS_QUEUED)
			env_fail("%s is settled, but on the queue", world_name(a));
		if (w->att && w->att->state != SHS_ATT_LIVE)
			env_fail("%s of a dead attachment is queued", world_name(a));
		if (++n > ACTORS)
			env_fail("the queue is a ring");
	}
	if (n != world.obj.waiters)
		env_fail("%u waiters are counted, %u are queued", world.obj.waiters, n);
	for_each_actor(a)
		if (a->state == WAITS && (a->w.state == SHS_SETTLED || a->w.kicked) &&
		    a->task.asleep)
			env_fail("%s was served, but sleeps", world_name(a));
}

static void check(void)
{
	check_queue();
	kind->check();
	if (world.obj.kind == SHS_KIND_RWLOCK || world.obj.flags & SHS_INIT_FIFO)
		check_order();
}

/* Every sleep is killable, whatever a hostile process did. */
static void end_all(void)
{
	struct process *p;
	struct actor *a;

	for_each_actor(a) {
		a->task.killed = true;
		if (a->state == WAITS)
			leave(a, -ERESTARTSYS);
		if (a->state == HOLDS && a->process < 0)
			world_unlock(a, 0);
	}
	for_each_process(p)
		if (p->att.obj && p->state != RELEASED) {
			p->mm.mm_users = 0;
			release_file(p);
		}
}

/*
 * Once the hostile process is gone, the object is as good as ever; but it may have
 * left the lock in the name of an attachment to come, which then has it to give back.
 */
static void end_hostile(void)
{
	struct process *p = &world.process[0];
	struct shs_waiter w = { .att = &p->att };
	int ret;

	end_all();
	check_queue();
	CHECK_EQ(world.obj.waiters, 0);
	begin_life(p);
	if (kind == &mutex_kind && shs_mutex_owner(&world.obj) == p->att.id)
		CHECK_EQ(waits_release_mutex(&p->att), 0);
	ret = waits_enter(&world.obj, &w, false);
	CHECK(!ret || ret == -EOWNERDEAD);
	kind->end();
}

static void end(void)
{
	const struct actor *a;

	if (world_config->hostile) {
		end_hostile();
		return;
	}
	for_each_actor(a)
		if (a->state == WAITS && !a->w.watch)
			env_fail("%s sleeps for ever", world_name(a));
	kind->end();
}

static bool step(void)
{
	struct actor *a;
	const struct process *p;
	struct event e;

	remember_order();
	runs_now = NULL;
	n_events = 0;
	for_each_actor(a)
		actor_events(a);
	for_each_process(p)
		process_events(p);
	if (!n_events)
		return false;
	if (world.ticks && !list_empty(&world.obj.queue))
		add_event(TICK, -1, -1);
	if (world_config->hostile)
		add_event(SCRIBBLE, -1, -1);
	e = events[explore_choose(n_events)];
	runs_now = e.actor >= 0 ? &world.actor[e.actor] : NULL;
	env.task = e.actor >= 0 ? &world.actor[e.actor].task : NULL;
	races_left = world_config->races;
	env_race = races_left ? race : NULL;
	do_event(&e);
	runs_now = NULL;
	if (world_config->hostile)
		bystander_step();
	env_race = NULL;
	return true;
}

static void show(void)
{
	const struct shs_object *obj = &world.obj;
	const struct shs_waiter *w;
	char queue[64] = "";

	list_for_each_entry(w, &obj->queue, node)
		snprintf(queue + strlen(queue), sizeof(queue) - strlen(queue), " %s%s%s",
			 world_name(actor_of(w)), w->kicked ? "!" : "",
			 actor_of(w)->task.asleep ? "z" : "");
	explore_say("\tword %#x writer %u once %u wpending %u; queue%s%s", world.shared.head.word,
		    obj->rwlock.writer, world.control.once, world.control.wpending, queue,
		    world.dirty ? "; a death to be told" : "");
}

static void start_actor(struct actor *a)
{
	const struct script *s = &world_config->script[a - world.actor];
	struct process *p;

	a->process = s->process;
	a->cycles = s->cycles;
	a->does = s->does;
	a->state = s->cycles ? IDLE : DONE;
	a->mode = s->does & READ ? SHS_MODE_READ : SHS_MODE_EXCLUSIVE;
	memset(&a->w, POISON, sizeof(a->w));
	p = world_process(a);
	if (!s->cycles || !p)
		return;
	a->lane = !!p->att.obj;		/* the second thread has a lane of its own */
	if (!p->att.obj)
		begin_life(p);
	p->att.may_write = !(s->does & RDONLY);
}

static void start(void)
{
	struct shs_object *obj = &world.obj;
	struct actor *a;

	obj->kind = world_config->kind;
	obj->flags = world_config->flags;
	obj->control = &world.control;
	obj->shared = &world.shared.head;
	if (obj->flags & SHS_INIT_FIFO && obj->kind == SHS_KIND_MUTEX)
		obj->shared->word = SHS_WORD_KERNEL;
	obj->geo.lanes = LANES;
	obj->geo.lane_stride = 64;
	INIT_LIST_HEAD(&obj->queue);
	world.kills = world_config->kills;
	world.unmaps = world_config->unmaps;
	world.signals = world_config->signals;
	world.ticks = world_config->ticks;
	for_each_actor(a)
		start_actor(a);
	remember_order();
	bystander_start();
}

static struct explore explore = {
	.world = &world,
	.size = sizeof(world),
	.start = start,
	.step = step,
	.check = check,
	.end = end,
	.show = show,
};

static void prepare(const struct world_config *c)
{
	world_config = c;
	explore.name = c->name;
	kind = c->kind == SHS_KIND_RWLOCK ? &rwlock_kind :
	       c->kind == SHS_KIND_ONCE ? &once_kind : &mutex_kind;
}

void world_all(const struct world_config *c)
{
	prepare(c);
	explore_all(&explore);
}

void world_random(const struct world_config *c, u64 seed, unsigned int steps)
{
	prepare(c);
	explore_random(&explore, seed, steps);
}
