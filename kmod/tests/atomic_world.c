// SPDX-License-Identifier: GPL-2.0-only
/*
 * A world of an atomic with two elements, on which some wait, and which others change and
 * notify.  A credit is a notify that settled a waiter who did not look again yet; if he is
 * killed it goes to the next.
 */
#include <stdio.h>
#include "waits.h"
#include "explore.h"
#include "test.h"

#define ACTORS		4
#define ELEMENTS	2
#define EVENTS_MAX	32
#define POISON		0x6b

/* What an actor does. */
enum {
	RDONLY = 1,
	TIMED = 2,
	NOTIFY_ONE = 4,
	NOTIFY_ALL = 8,
	SKIP = 16,		/* calls only if control->waiting says that somebody waits */
	TRY = 32,		/* does not wait */
};

struct script {
	u8 cycles, index, expected;
	u8 does;		/* a waiter does not notify */
};

struct config {
	const char *name;
	u8 kills, signals, races;
	bool all_told;		/* whoever notifies one leaves none who could be told */
	struct script script[ACTORS];
};

enum state { IDLE, WAITS, CHANGED, CALLS, DONE };

struct actor {
	struct task_struct task;
	struct shs_waiter w;
	u8 state, cycles;
};

static struct {
	struct shs_object obj;
	struct shs_control control;
	struct {
		struct shs_shared head;
		u32 element[ELEMENTS];
	} shared;
	struct actor actor[ACTORS];
	u8 kills, signals;
} world;

static const struct config *config;

enum { WAIT, LOOK, TIME_OUT, SIGNAL, KILL, CHANGE, READ_WAITING, NOTIFY };

static struct {
	u8 event, actor;
} events[EVENTS_MAX];
static unsigned int n_events, races_left;
static bool raced;
static const struct actor *runs_now;

#define for_each_actor(a) for (a = world.actor; a < world.actor + ACTORS; a++)

static const struct script *script_of(const struct actor *a)
{
	return &config->script[a - world.actor];
}

static char name(const struct actor *a)
{
	return 'A' + (a - world.actor);
}

static bool is_waiter(const struct actor *a)
{
	return !(script_of(a)->does & (NOTIFY_ONE | NOTIFY_ALL));
}

static void cycle(struct actor *a)
{
	a->cycles--;
	a->state = a->cycles ? IDLE : DONE;
}

static bool has_credit(const struct actor *a)
{
	return a->state == WAITS && a->w.state == SHS_SETTLED && a->w.counts;
}

/* Waits for what a notify of this element would wake it for. */
static bool is_eligible(const struct actor *a, u32 index)
{
	return a->state == WAITS && a->w.state == SHS_QUEUED && a->w.index == index &&
	       a->w.expected != world.shared.element[index];
}

static u32 count(bool (*is)(const struct actor *a))
{
	const struct actor *a;
	u32 n = 0;

	for_each_actor(a)
		n += is(a);
	return n;
}

static u32 eligible(u32 index, bool counts)
{
	const struct actor *a;
	u32 n = 0;

	for_each_actor(a)
		n += is_eligible(a, index) && a->w.counts == counts;
	return n;
}

/* ---- the calls ---- */

static void returned(struct actor *a, int ret)
{
	explore_say("%c returns %d", name(a), ret);
	a->task.asleep = false;
	a->task.waits = NULL;
	if (!ret && !raced)
		CHECK(world.shared.element[a->w.index] != a->w.expected);
	memset(&a->w, POISON, sizeof(a->w));
	if (ret == -ERESTARTSYS && !a->task.killed) {
		a->state = IDLE;	/* it is called again */
		return;
	}
	CHECK(!ret || ret == -ETIMEDOUT || ret == -ERESTARTSYS ||
	      (ret == -EBUSY && script_of(a)->does & TRY));
	cycle(a);
	if (a->task.killed)
		a->state = DONE;
}

/* As run_wait() in op.c: up to a sleep, or a look at the element that ends it. */
static void enter(struct actor *a)
{
	int ret;

	a->w.state = SHS_QUEUED;
	ret = waits_enter(&world.obj, &a->w, !(script_of(a)->does & TRY));
	a->state = WAITS;
	if (ret != -EBUSY || script_of(a)->does & TRY)
		returned(a, ret);
}

static void wait(struct actor *a)
{
	explore_say("%c waits while %u is %u", name(a), script_of(a)->index,
		    script_of(a)->expected);
	a->w = (struct shs_waiter){
		.index = script_of(a)->index,
		.expected = script_of(a)->expected,
		.counts = !(script_of(a)->does & RDONLY),
	};
	a->task.waits = &a->w;
	enter(a);
}

static void leave(struct actor *a, int slept)
{
	u32 before = count(has_credit), index = a->w.index, others = eligible(index, true);
	bool had = has_credit(a);
	int ret;

	others -= is_eligible(a, index) && a->w.counts;
	explore_say("%c wakes with %d", name(a), slept);
	a->task.asleep = false;
	ret = waits_leave(&world.obj, &a->w, slept);
	CHECK(ret != -EBUSY);
	if (!ret && had)
		before--;		/* used, whatever it sees now */
	else if (had)
		before -= !others;	/* passed on, if there is somebody */
	if (ret || a->w.state != SHS_SETTLED)
		returned(a, ret);
	else
		enter(a);
	if (!raced)
		CHECK_EQ(count(has_credit), before);
}

static void look(struct actor *a)
{
	if (a->w.state != SHS_SETTLED && a->task.killed)
		leave(a, -ERESTARTSYS);
	else if (a->w.state == SHS_SETTLED)
		leave(a, 0);
	else
		a->task.asleep = true;
}

static void change(struct actor *a)
{
	u32 index = script_of(a)->index;

	world.shared.element[index] ^= 1;
	explore_say("%c makes %u %u", name(a), index, world.shared.element[index]);
	a->state = CHANGED;
}

/* The longest waiting that are to be counted, and all others. */
static void check_served(u32 index, u32 left)
{
	const struct actor *a;

	for_each_actor(a)
		if (is_eligible(a, index) && !a->w.counts)
			env_fail("%c may only read, and is not woken", name(a));
	CHECK_EQ(eligible(index, true), left);
}

static void notify(struct actor *a)
{
	u32 index = script_of(a)->index, there = eligible(index, true), n;
	u64 most = script_of(a)->does & NOTIFY_ALL ? ~0ULL : 1;
	u32 before = count(has_credit);
	struct shs_wakes wakes = { };

	spin_lock(&world.obj.lock);
	n = shs_atomic_notify(&world.obj, index, most, &wakes);
	spin_unlock(&world.obj.lock);
	shs_wakes_flush(&wakes);
	explore_say("%c notifies %u", name(a), n);
	if (!raced) {
		CHECK_EQ(n, min_t(u64, most, there));
		CHECK_EQ(count(has_credit), before + n);
		check_served(index, there - n);
	}
	cycle(a);
}

static void read_waiting(struct actor *a)
{
	explore_say("%c reads that %u wait", name(a), world.control.waiting);
	if (world.control.waiting)
		a->state = CALLS;
	else
		cycle(a);
}

/* ---- events ---- */

static void add_event(unsigned int event, const struct actor *a)
{
	if (n_events == EVENTS_MAX)
		env_fail("too many events");
	events[n_events].event = event;
	events[n_events++].actor = a - world.actor;
}

/* What user space does. */
static void user_events(const struct actor *a)
{
	if (a->state == IDLE && !is_waiter(a))
		add_event(CHANGE, a);
	if (a->state == CHANGED && script_of(a)->does & SKIP)
		add_event(READ_WAITING, a);
}

static void actor_events(const struct actor *a)
{
	if (a->state == WAITS && !a->task.asleep)
		add_event(LOOK, a);
	if (a->task.killed)
		return;
	if (a->state == WAITS && script_of(a)->does & TIMED)
		add_event(TIME_OUT, a);
	if (a->state == WAITS && world.signals)
		add_event(SIGNAL, a);
	if (a->state == WAITS && world.kills)
		add_event(KILL, a);
	if (a->state == IDLE && is_waiter(a))
		add_event(WAIT, a);
	if (a->state == CALLS || (a->state == CHANGED && !(script_of(a)->does & SKIP)))
		add_event(NOTIFY, a);
	user_events(a);
}

static void do_event(struct actor *a, unsigned int event)
{
	switch (event) {
	case WAIT:
		wait(a);
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
	case KILL:
		explore_say("%c is killed", name(a));
		world.kills--;
		a->task.killed = true;
		a->task.asleep = false;
		break;
	case CHANGE:
		change(a);
		break;
	case READ_WAITING:
		read_waiting(a);
		break;
	case NOTIFY:
		notify(a);
		break;
	}
}

static bool is_element(const void *p)
{
	return p >= (const void *)world.shared.element &&
	       p < (const void *)(world.shared.element + ELEMENTS);
}

/* Other CPUs in user space, amid a kernel operation. */
static bool race_once(void)
{
	const struct actor *a;
	unsigned int i;

	n_events = 0;
	for_each_actor(a)
		if (a != runs_now)
			user_events(a);
	i = explore_choose(n_events + 1);
	if (!i)
		return false;
	raced = true;
	explore_say("meanwhile:");
	do_event(&world.actor[events[i - 1].actor], events[i - 1].event);
	return true;
}

static void race(enum env_access access, const void *p)
{
	if (p == &world.control.waiting || is_element(p))
		while (races_left && race_once())
			races_left--;
}

static bool step(void)
{
	struct actor *a;
	unsigned int i;

	n_events = 0;
	for_each_actor(a)
		actor_events(a);
	if (!n_events)
		return false;
	i = explore_choose(n_events);
	a = &world.actor[events[i].actor];
	env.task = &a->task;
	runs_now = a;
	raced = false;
	races_left = config->races;
	env_race = races_left ? race : NULL;
	do_event(a, events[i].event);
	env_race = NULL;
	return true;
}

/* Who changes this element and has still to see to its waiters. */
static bool is_on_the_way(u32 index)
{
	const struct actor *a;

	for_each_actor(a)
		if (script_of(a)->index == index &&
		    (a->state == CHANGED || a->state == CALLS))
			return true;
	return false;
}

static void check_told(void)
{
	const struct actor *a;

	for_each_actor(a)
		if (is_eligible(a, a->w.index) && !is_on_the_way(a->w.index))
			env_fail("%c waits for what has changed, and nobody tells it",
				 name(a));
}

static void check(void)
{
	const struct shs_waiter *w;
	const struct actor *a;
	u32 n = 0;

	for_each_actor(a) {
		n += a->state == WAITS && a->w.state == SHS_QUEUED;
		if (a->state == WAITS && a->w.state == SHS_SETTLED && a->task.asleep)
			env_fail("%c was notified, but sleeps", name(a));
		CHECK_EQ(a->task.pid.count, 0);
	}
	CHECK_EQ(world.obj.waiters, n);
	CHECK_EQ(world.control.waiting, n);
	if (config->all_told)
		check_told();
	list_for_each_entry(w, &world.obj.queue, node)
		if (!n--)
			env_fail("the queue is too long");
	CHECK_EQ(n, 0);
	world.obj.waits = 0;
	world.obj.wakes = 0;
	env_forget();
}

static void end(void)
{
	CHECK_EQ(count(has_credit), 0);
}

static void show(void)
{
	const struct actor *a;
	char line[64] = "";

	for_each_actor(a)
		if (a->state == WAITS)
			snprintf(line + strlen(line), sizeof(line) - strlen(line), " %c%s", name(a),
				 has_credit(a) ? "!" : "");
	explore_say("\t%u %u; waiting%s", world.shared.element[0], world.shared.element[1], line);
}

static void start(void)
{
	struct actor *a;

	world.obj.kind = SHS_KIND_ATOMIC;
	world.obj.type = SHS_TYPE_U32;
	world.obj.count = ELEMENTS;
	world.obj.shared = &world.shared.head;
	world.obj.control = &world.control;
	INIT_LIST_HEAD(&world.obj.queue);
	world.kills = config->kills;
	world.signals = config->signals;
	for_each_actor(a) {
		a->cycles = script_of(a)->cycles;
		a->state = a->cycles ? IDLE : DONE;
		memset(&a->w, POISON, sizeof(a->w));
	}
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

static void see_all(const struct config *c)
{
	config = c;
	explore.name = c->name;
	explore_all(&explore);
}

TEST(world_atomic)
{
	static const struct config one = {
		.name = "three waiters, one notified at a time", .kills = 1, .signals = 1,
		.script = {
			{ 1, 0, 0, 0 },
			{ 1, 0, 0, TIMED },
			{ 1, 0, 1, 0 },
			{ 3, 0, 0, NOTIFY_ONE },
		},
	}, elements = {
		.name = "two elements, a reader", .kills = 1, .signals = 1,
		.script = {
			{ 2, 0, 0, 0 },
			{ 1, 0, 0, RDONLY },
			{ 1, 1, 0, 0 },
			{ 3, 0, 0, NOTIFY_ONE },
		},
	}, all = {
		.name = "all notified", .kills = 2,
		.script = {
			{ 2, 0, 0, TIMED },
			{ 1, 0, 1, 0 },
			{ 1, 0, 0, NOTIFY_ONE },
			{ 2, 0, 0, NOTIFY_ALL },
		},
	};

	see_all(&one);
	see_all(&elements);
	see_all(&all);
}

/* Who is told that nobody waits does not call. */
TEST(world_waiting)
{
	static const struct config one = {
		.name = "one waiter, one of them skips", .kills = 1, .signals = 1, .races = 3,
		.all_told = true,
		.script = {
			{ 2, 0, 0, TIMED },
			{ 3, 0, 0, NOTIFY_ONE | SKIP },
			{ 2, 0, 0, NOTIFY_ALL | SKIP },
		},
	}, all = {
		.name = "three waiters, all of them skip", .kills = 1, .signals = 1, .races = 2,
		.all_told = true,
		.script = {
			{ 2, 0, 0, 0 },
			{ 1, 0, 1, RDONLY },
			{ 2, 0, 0, NOTIFY_ALL | SKIP },
			{ 1, 0, 0, NOTIFY_ALL | SKIP },
		},
	}, tries = {
		.name = "one only tries", .signals = 1, .races = 2, .all_told = true,
		.script = {
			{ 2, 0, 0, TRY },
			{ 2, 0, 1, TIMED },
			{ 1, 1, 0, 0 },
			{ 3, 0, 0, NOTIFY_ALL | SKIP },
		},
	};

	see_all(&one);
	see_all(&all);
	see_all(&tries);
}

TEST(world_atomic_random)
{
	static const struct config busy = {
		.name = "two waiters, two who notify", .kills = 1, .signals = 40,
		.script = {
			{ 60, 0, 0, TIMED },
			{ 60, 0, 1, 0 },
			{ 60, 0, 0, NOTIFY_ONE },
			{ 60, 0, 0, NOTIFY_ALL },
		},
	};

	config = &busy;
	explore.name = busy.name;
	explore_random(&explore, 0x5eed0051, 100000);
}
