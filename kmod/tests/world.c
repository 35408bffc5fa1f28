// SPDX-License-Identifier: GPL-2.0-only
#include <stdio.h>
#include "waits.h"
#include "world.h"

#define EVENTS_MAX	64
#define DEPTH_MAX	2

struct world world;
const struct world_config *world_config;
const struct kind *world_kind;

struct event {
	u8 event;
	s8 actor;	/* or -1 */
	s8 process;	/* or -1 */
};

static struct event events[EVENTS_MAX];
static unsigned int n_events, races_left;
static const struct actor *runs_now;

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

bool world_in_kernel(const struct actor *a)
{
	return a->state == WAITS || a == runs_now;
}

static bool was_granted(const struct actor *a)
{
	return a->state == WAITS && a->w.state == SHS_SETTLED &&
	       (!a->w.result || a->w.result == -EOWNERDEAD);
}

/* What its process can still act by; a dead one's holding is over. */
bool world_owns(const struct actor *a)
{
	const struct shs_attachment *att = att_of(a);

	if (att && (att->state != SHS_ATT_LIVE || !att->mm->mm_users))
		return false;
	if (a->state != WAITS)
		return a->state == HOLDS || a->state == DOWNGRADES;
	if (a->w.upgrade)
		return true;
	return was_granted(a) &&
	       (world.obj.kind != SHS_KIND_ONCE || a->w.reply == SHS_ONCE_RUNNING);
}

u32 world_mode(const struct actor *a)
{
	return was_granted(a) && a->w.upgrade ? SHS_MODE_EXCLUSIVE : a->mode;
}

struct actor *world_actor_of(const struct shs_waiter *w)
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
		if (was_granted(a) && world_owns(a) && a->w.result == -EOWNERDEAD &&
		    world_mode(a) == SHS_MODE_EXCLUSIVE)
			return true;
	return false;
}

u32 world_watchers(void)
{
	const struct process *p;
	u32 n = 0;

	for_each_process(p)
		n += p->spies && p->att.state == SHS_ATT_LIVE;
	return n;
}

bool world_is_frozen(void)
{
	const struct process *p;

	for_each_process(p)
		if (p->spies & SHS_WATCH_FREEZE && p->att.state == SHS_ATT_LIVE)
			return true;
	return false;
}

struct actor *world_head(void)
{
	if (list_empty(&world.obj.queue))
		return NULL;
	return world_actor_of(list_first_entry(&world.obj.queue, struct shs_waiter, node));
}

/* ---- the kernel's side of the doors ---- */

static u32 first_mode(const struct actor *a)
{
	return a->does & READ ? SHS_MODE_READ :
	       a->does & UPGRADE ? SHS_MODE_UPGRADABLE : SHS_MODE_EXCLUSIVE;
}

void world_cycle(struct actor *a)
{
	a->cycles--;
	a->state = a->cycles ? IDLE : DONE;
	a->mode = first_mode(a);
	a->depth = 0;
}

/* The waiter was on the stack of a call that is over. */
static void forget_waiter(struct actor *a)
{
	a->task.waits = NULL;
	if (a->state != HOLDS || a->process >= 0)
		memset(&a->w, POISON, sizeof(a->w));
}

/* Without what it wanted: as before the call, or it gives it up. */
static void refused(struct actor *a, bool upgrade)
{
	const struct shs_attachment *att = att_of(a);

	if (!upgrade)
		world_cycle(a);
	else if (att->state == SHS_ATT_LIVE)
		a->state = HOLDS;
	else
		world_cycle(a);
}

static void acquired(struct actor *a, int ret, bool upgrade)
{
	const struct shs_attachment *att = att_of(a);

	if (att && att->state != SHS_ATT_LIVE) {
		world_cycle(a);		/* it was unmapped under it */
		return;
	}
	a->state = HOLDS;
	if (upgrade)
		a->mode = SHS_MODE_EXCLUSIVE;
	world_kind->acquired(a, ret);
}

/* Whether a may be told that it is not recoverable. */
static void check_lost(const struct actor *a, bool waited)
{
	if (world.obj.kind == SHS_KIND_ONCE) {
		CHECK(world_config->flags & SHS_INIT_POISON);
	} else {
		CHECK(world_config->flags & SHS_INIT_STRICT);
		CHECK(waited || world.lost || world_config->hostile);
	}
	CHECK(!a->w.force);
}

static void returned(struct actor *a, int ret, bool waited)
{
	const struct shs_attachment *att = att_of(a);
	bool upgrade = a->w.upgrade;

	explore_say("%s returns %d", world_name(a), ret);
	a->task.asleep = false;
	a->state = IDLE;
	switch (ret) {
	case 0:
	case -EOWNERDEAD:
		acquired(a, ret, upgrade);
		break;
	case -ERESTARTSYS:
		if (upgrade)
			refused(a, true);
		else
			a->depth = 0;
		break;
	case -ENXIO:
		CHECK(att && att->state == SHS_ATT_DEAD);
		world_cycle(a);
		break;
	case -EBUSY:
	case -ETIMEDOUT:
		refused(a, upgrade);
		break;
	case -ENOTRECOVERABLE:
		check_lost(a, waited);
		world_cycle(a);
		break;
	case -EPERM:
		CHECK_EQ(world.obj.kind, SHS_KIND_BARRIER);
		CHECK(!world.parties);
		world_cycle(a);
		break;
	case -EACCES:
		CHECK_EQ(world.obj.kind, SHS_KIND_ONCE);
		CHECK(!att->may_write);
		world_cycle(a);
		break;
	case -EDEADLK:		/* its lane says that it holds already */
	case -EAGAIN:
		CHECK(world_config->hostile);
		world_cycle(a);
		break;
	default:
		env_fail("a lock call returned %d", ret);
	}
	forget_waiter(a);
}

static void fill_waiter(const struct actor *a, struct shs_waiter *w)
{
	memset(w, 0, sizeof(*w));
	w->att = att_of(a);
	w->mode = a->mode;
	w->lane = a->mode == SHS_MODE_READ ? a->lane : 0;
	w->thread = &((struct actor *)a)->task.pid;
	w->own_lane = a->mode == SHS_MODE_READ && a->process >= 0;
	w->recursive = a->mode == SHS_MODE_READ && a->does & NEST;
	w->force = a->does & (FORCE | RECOVER);
	w->watch = a->does & WATCH;
	if (world.obj.kind != SHS_KIND_SEMAPHORE)
		return;
	w->permits = a->does & TWO ? 2 : 1;
	w->no_undo = a->does & NO_UNDO;
}

void world_enter(struct actor *a, bool may_wait, bool upgrade)
{
	int ret;

	explore_say("%s calls the kernel%s%s%s", world_name(a), may_wait ? "" : ", not to wait",
		    a->mode == SHS_MODE_READ ? ", to read" : "", upgrade ? ", to upgrade" : "");
	fill_waiter(a, &a->w);
	if (upgrade) {
		a->w.mode = SHS_MODE_EXCLUSIVE;
		a->w.upgrade = true;
	}
	a->task.waits = &a->w;
	a->depth = 1;
	ret = waits_enter(&world.obj, &a->w, may_wait);
	if (ret == -EBUSY && may_wait)
		a->state = WAITS;
	else
		returned(a, ret, false);
}

void world_leave(struct actor *a, int slept)
{
	int ret;

	explore_say("%s wakes with %d", world_name(a), slept);
	a->task.asleep = false;
	ret = waits_leave(&world.obj, &a->w, slept);
	if (ret != -EBUSY)
		returned(a, ret, true);
}

/* As in shs_sleep(): the look and the sleep are one, for wakers come after it. */
static void look(struct actor *a)
{
	if (a->task.killed && a->w.state != SHS_SETTLED) {
		world_leave(a, -ERESTARTSYS);
	} else if (a->w.state == SHS_SETTLED || a->w.kicked) {
		world_leave(a, 0);
	} else {
		explore_say("%s sleeps", world_name(a));
		a->task.asleep = true;
	}
}

/* Whether some other thread queues that a's read lock keeps out. */
static bool keeps_somebody_out(const struct actor *a)
{
	const struct shs_waiter *w;

	list_for_each_entry(w, &world.obj.queue, node)
		if (w->mode == SHS_MODE_EXCLUSIVE)
			return true;
	return false;
}

/* Locks what it holds once more, which never waits; a reader who does not say so may. */
static void lock_again(struct actor *a)
{
	bool forgets = a->does & FORGET, others = !list_empty(&world.obj.queue);
	int ret, refused = keeps_somebody_out(a) ? -EDEADLK : -EBUSY;
	struct shs_waiter w;

	fill_waiter(a, &w);
	ret = waits_enter(&world.obj, &w, !forgets);
	explore_say("%s locks again: %d", world_name(a), ret);
	if (ret == -ENXIO && att_of(a)->state == SHS_ATT_DEAD)
		return;
	if (forgets && others) {
		CHECK_EQ(ret, refused);
		return;
	}
	if (a->mode == SHS_MODE_READ)
		CHECK_EQ(ret, world.dirty ? -EOWNERDEAD : 0);
	else
		CHECK_EQ(ret, 0);
	a->depth++;
}

/* As shs_unlock(), by this thread. */
static int unlock(const struct actor *a, bool abandon)
{
	struct shs_object *obj = &world.obj;
	struct shs_wakes wakes = { };
	struct shs_waiter w;
	int ret = -ENXIO;

	fill_waiter(a, &w);
	spin_lock(&obj->lock);
	if (w.att->state == SHS_ATT_LIVE) {
		ret = shs_kind_ops(obj->kind)->release(obj, &w, abandon, &wakes);
		shs_pass(obj, &wakes);
	}
	spin_unlock(&obj->lock);
	shs_wakes_flush(&wakes);
	return ret;
}

/* a's process gives back a mutex or write lock for good. */
static void note_unlock(const struct actor *a, bool abandon)
{
	if (a->process < 0 || a->mode != SHS_MODE_EXCLUSIVE ||
	    att_of(a)->state != SHS_ATT_LIVE)
		return;
	if (abandon)
		world.dirty |= world.obj.kind != SHS_KIND_CELL &&
			       !(world_config->flags & SHS_INIT_IGNORE);
	else
		world.lost |= world.dirty && world_config->flags & SHS_INIT_STRICT;
}

static void unlock_all(struct actor *a, bool abandon, int expected)
{
	note_unlock(a, abandon);
	if (a->process < 0)
		shs_release_waiter(&world.obj, &a->w);
	else if (world_process(a)->att.state != SHS_ATT_LIVE)
		CHECK_EQ(unlock(a, abandon), -ENXIO);
	else if (world_config->hostile)
		unlock(a, abandon);
	else
		CHECK_EQ(unlock(a, abandon), expected);
	world_cycle(a);
	forget_waiter(a);
}

void world_unlock(struct actor *a, int expected)
{
	explore_say("%s unlocks by the kernel", world_name(a));
	if (a->depth <= 1 || att_of(a)->state != SHS_ATT_LIVE) {
		unlock_all(a, false, expected);
		return;
	}
	a->depth--;
	if (world_config->hostile)
		unlock(a, false);
	else
		CHECK_EQ(unlock(a, false), expected);
}

/* The lock is a thread's own: whoever else of its process tries is refused. */
static void unlock_stolen(const struct actor *a)
{
	int ret = unlock(a, false);

	explore_say("%s unlocks what it does not hold: %d", world_name(a), ret);
	CHECK_EQ(ret, att_of(a)->state == SHS_ATT_LIVE ? -EPERM : -ENXIO);
}

static void declare_good(struct actor *a)
{
	int ret;

	spin_lock(&world.obj.lock);
	ret = shs_recover(&world.obj, att_of(a));
	spin_unlock(&world.obj.lock);
	explore_say("%s declares the value good: %d", world_name(a), ret);
	if (world_config->hostile)
		return;
	CHECK_EQ(ret, world.dirty ? 0 : -EINVAL);
	world.dirty = false;
}

/* What a single operation does while it holds: as run_locked() in op.c. */
static void operate(struct actor *a)
{
	bool writes = a->mode == SHS_MODE_EXCLUSIVE, recovers = a->does & RECOVER, notice;
	int ret;

	ret = waits_check_notice(&world.obj, writes, recovers, &notice);
	explore_say("%s %s the value: %d%s", world_name(a), writes ? "changes" : "reads", ret,
		    notice ? ", with a notice" : "");
	if (world_config->hostile)
		return;
	CHECK_EQ(notice, world.dirty);
	CHECK_EQ(ret, world.dirty && writes && !recovers ? -EUCLEAN : 0);
	if (recovers) {
		world.dirty = false;
		world.lost = false;
	}
}

/* As shs_watch_locks(). */
static void watch(const struct actor *a, bool on)
{
	u32 flags = !on ? 0 : SHS_WATCH_ON | (a->does & FREEZE ? SHS_WATCH_FREEZE : 0);
	struct shs_attachment *att = att_of(a);
	struct shs_wakes wakes = { };
	int ret = -ENXIO;

	spin_lock(&world.obj.lock);
	if (att->state == SHS_ATT_LIVE)
		ret = shs_watch(att, flags);
	shs_pass(&world.obj, &wakes);
	spin_unlock(&world.obj.lock);
	shs_wakes_flush(&wakes);
	explore_say("%s %s: %d", world_name(a), on ? "watches" : "watches no more", ret);
	if (att->state != SHS_ATT_LIVE)
		CHECK_EQ(ret, -ENXIO);
	else if (!world_config->hostile)
		CHECK_EQ(ret, 0);
	if (on)
		world.watches--;
	if (!ret)
		world_process(a)->spies = flags;
}

/* ---- events ---- */

void world_add_event(unsigned int event, s8 actor, s8 process)
{
	if (n_events == EVENTS_MAX)
		env_fail("too many events");
	events[n_events++] = (struct event){ event, actor, process };
}

void world_event(const struct actor *a, unsigned int event)
{
	world_add_event(event, a - world.actor, -1);
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

static void holding_events(const struct actor *a)
{
	bool write = a->mode == SHS_MODE_EXCLUSIVE;

	if (world.obj.kind == SHS_KIND_ONCE)
		return;
	world_event(a, UNLOCK);
	if (a->process < 0) {
		if (world.obj.kind != SHS_KIND_CELL)
			world_event(a, OPERATE);
		return;
	}
	if (a->does & ABANDON && a->mode != SHS_MODE_READ)
		world_event(a, UNLOCK_ABANDON);
	if (a->does & (NEST | FORGET) && a->depth < DEPTH_MAX)
		world_event(a, AGAIN);
	if (write && a->does & DECLARE && att_of(a)->state == SHS_ATT_LIVE)
		world_event(a, DECLARE_GOOD);
}

static void watching_events(const struct actor *a)
{
	const struct process *p = world_process(a);

	if (a->state == WAITS && !(p->spies & SHS_WATCH_FREEZE))
		return;		/* it waits for itself, unless another thread thaws */
	if (a->state != WAITS && !p->spies && world.watches)
		world_event(a, WATCH_ON);
	if (p->spies && p->att.state == SHS_ATT_LIVE)
		world_event(a, WATCH_OFF);
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
	if (a->state == IDLE && a->does & STEAL)
		world_event(a, UNLOCK_STOLEN);
	if (a->state == HOLDS)
		holding_events(a);
	if (a->does & SPY)
		watching_events(a);
	if (world_kind->events)
		world_kind->events(a);
	if (world_kind->user_events)
		world_kind->user_events(a);
}

static void do_actor(struct actor *a, unsigned int event)
{
	switch (event) {
	case ENTER:
	case ENTER_TRY:
		world_enter(a, event == ENTER, false);
		break;
	case LOOK:
		look(a);
		break;
	case TIME_OUT:
		world_leave(a, -ETIMEDOUT);
		break;
	case SIGNAL:
		world.signals--;
		world_leave(a, -ERESTARTSYS);
		break;
	case UNLOCK:
		world_unlock(a, 0);
		break;
	case UNLOCK_ABANDON:
		explore_say("%s abandons it", world_name(a));
		unlock_all(a, true, 0);
		break;
	case UNLOCK_STOLEN:
		unlock_stolen(a);
		break;
	case AGAIN:
		lock_again(a);
		break;
	case DECLARE_GOOD:
		declare_good(a);
		break;
	case OPERATE:
		operate(a);
		break;
	case WATCH_ON:
	case WATCH_OFF:
		watch(a, event == WATCH_ON);
		break;
	default:
		world_kind->do_event(a, event);
	}
}

static void do_event(const struct event *e)
{
	if (e->event == TICK) {
		explore_say("2 ms go by");
		world.ticks--;
		env.now_ns += 2 * SHS_HANDOFF_NS;
	} else if (e->event == SCRIBBLE) {
		hostile_scribble();
	} else if (e->process >= 0) {
		world_do_process(&world.process[e->process], e->event);
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
		if (a != runs_now && lives(a) && world_kind->user_events)
			world_kind->user_events(a);
	for_each_process(p)
		world_process_races(p);
}

static void race(enum env_access access, const void *p)
{
	unsigned int i;

	if (world_config->hostile && !explore_choose(3)) {
		hostile_scribble();
		return;
	}
	if (!races_left || !world_kind->races_at(access, p))
		return;
	race_events();
	i = explore_choose(n_events + 1);
	if (!i)
		return;
	races_left--;
	explore_say("meanwhile:");
	do_event(&events[i - 1]);
}

static void end(void)
{
	const struct actor *a;

	if (world_config->hostile) {
		hostile_end();
		return;
	}
	for_each_actor(a)
		if (a->state == WAITS && !a->w.watch && world.obj.kind != SHS_KIND_BARRIER)
			env_fail("%s sleeps for ever", world_name(a));
	world_kind->end();
}

static bool step(void)
{
	struct actor *a;
	const struct process *p;
	struct event e;

	world_remember_order();
	runs_now = NULL;
	n_events = 0;
	for_each_actor(a)
		actor_events(a);
	for_each_process(p)
		world_process_events(p);
	if (!n_events)
		return false;
	if (world.ticks && !list_empty(&world.obj.queue))
		world_add_event(TICK, -1, -1);
	if (world_config->hostile)
		world_add_event(SCRIBBLE, -1, -1);
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
			 world_name(world_actor_of(w)), w->kicked ? "!" : "",
			 world_actor_of(w)->task.asleep ? "z" : "");
	explore_say("\tword %#x writer %u upgrader %u once %u bias %u wpending %u watchers %u",
		    world.shared.head.word, obj->rwlock.writer, obj->rwlock.upgrader,
		    world.control.head.once, world.control.head.bias,
		    world.control.head.wpending, obj->watchers);
	explore_say("\tqueue%s%s%s", queue, world.dirty ? "; a death to be told" : "",
		    world.lost ? "; lost" : "");
}

static void start_actor(struct actor *a)
{
	const struct script *s = &world_config->script[a - world.actor];
	struct process *p;

	a->process = s->process;
	a->does = s->does;
	a->cycles = s->cycles + 1;
	world_cycle(a);
	a->task.pid.nr = a - world.actor + 1;
	memset(&a->w, POISON, sizeof(a->w));
	p = world_process(a);
	if (!s->cycles || !p)
		return;
	a->lane = !!p->att.obj;		/* the second thread has a lane of its own */
	if (!p->att.obj)
		world_begin_life(p);
	p->att.may_write = !(s->does & RDONLY);
}

static bool is_in_control(u32 kind)
{
	return kind == SHS_KIND_ONCE || kind == SHS_KIND_SEMAPHORE || kind == SHS_KIND_BARRIER;
}

static void start(void)
{
	struct shs_object *obj = &world.obj;
	struct actor *a;

	obj->kind = world_config->kind;
	obj->flags = world_config->flags;
	obj->control = &world.control.head;
	if (!is_in_control(obj->kind))
		obj->shared = &world.shared.head;
	memcpy(&world.control.value, world_config->value, sizeof(world_config->value));
	world.parties = world_config->value[0];
	if (obj->kind == SHS_KIND_MUTEX)
		obj->shared->word = shs_mutex_new_word(obj->flags);
	obj->geo.lanes = LANES;
	obj->geo.lane_stride = 64;
	obj->geo.value_size = sizeof(world.control.value);
	INIT_LIST_HEAD(&obj->queue);
	INIT_LIST_HEAD(&obj->reads);
	world.kills = world_config->kills;
	world.unmaps = world_config->unmaps;
	world.signals = world_config->signals;
	world.ticks = world_config->ticks;
	world.watches = world_config->watches;
	for_each_actor(a)
		start_actor(a);
	world_remember_order();
	bystander_start();
}

static struct explore explore = {
	.world = &world,
	.size = sizeof(world),
	.start = start,
	.step = step,
	.check = world_check,
	.end = end,
	.show = show,
};

static void prepare(const struct world_config *c)
{
	static const struct kind * const kinds[] = {
		[SHS_KIND_MUTEX] = &mutex_kind, [SHS_KIND_CELL] = &mutex_kind,
		[SHS_KIND_RWLOCK] = &rwlock_kind, [SHS_KIND_ONCE] = &once_kind,
		[SHS_KIND_SEMAPHORE] = &semaphore_kind, [SHS_KIND_BARRIER] = &barrier_kind,
	};

	world_config = c;
	explore.name = c->name;
	world_kind = kinds[c->kind];
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
