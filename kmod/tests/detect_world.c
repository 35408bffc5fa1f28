// SPDX-License-Identifier: GPL-2.0-only
#include <stdio.h>
#include "waits.h"
#include "detect_world.h"

#define EVENTS_MAX	128
#define DEPTH_MAX	2

struct detect detect;
const struct detect_config *detect_config;

/* Told of the last refusal; of interest in that step only. */
static struct shs_thread_info cycle[SHS_CYCLE_MAX];

enum {
	LOCK, TRY_LOCK, UNLOCK, LANE_DOWN, UPGRADE, WEAKEN, OPERATE, OPERATE_END, LOOK, TIME_OUT,
	KILL, LAST_USER, CLOSE,
};

struct event {
	u8 event, thread, object, mode;		/* thread: or process */
};

static struct event events[EVENTS_MAX];
static unsigned int n_events;
static unsigned int races_left;
static const struct thread *runs_now;
static bool was_stuck;		/* runs_now, before another CPU came in between */

static char name(const struct thread *t)
{
	return 'A' + (t - detect.thread);
}

static struct detect_process *process_of(const struct thread *t)
{
	return &detect.process[t->process];
}

static bool is_rwlock(u32 o)
{
	return detect_config->kind[o] == SHS_KIND_RWLOCK;
}

static bool holds(const struct thread *t, u32 o)
{
	return t->reads[o] || t->writes[o] || t->upgradable[o];
}

static void forget_holds(struct thread *t, u32 o)
{
	t->reads[o] = 0;
	t->writes[o] = 0;
	t->upgradable[o] = false;
}

/* ---- calls ---- */

static void fill_waiter(struct thread *t, struct shs_waiter *w, u32 o, u32 mode, bool single)
{
	memset(w, 0, sizeof(*w));
	w->att = single ? NULL : &process_of(t)->att[o];
	w->thread = &t->task.pid;
	w->mode = mode;
	w->lane = mode == SHS_MODE_READ ? thread_lane(t) : 0;
	t->object = o;
}

static void granted(struct thread *t)
{
	u32 o = t->object;

	t->state = RUNS;
	if (!t->w.att) {
		t->state = OPERATES;
		return;
	}
	if (t->w.att->state != SHS_ATT_LIVE)
		return;
	switch (t->w.mode) {
	case SHS_MODE_READ:
		t->reads[o]++;
		break;
	case SHS_MODE_UPGRADABLE:
		t->upgradable[o] = true;
		break;
	case SHS_MODE_EXCLUSIVE:
		t->writes[o]++;
		t->upgradable[o] &= !t->w.upgrade;
		break;
	}
}

/* What the oracle says of it, it says before anything is changed. */
static void check_refused(const struct thread *t)
{
	if (!oracle_is_stuck(t) && !(t == runs_now && was_stuck))
		env_fail("%c is refused, but would not wait for ever", name(t));
	if (t->w.att && races_left == detect_config->races)
		oracle_check_cycle(t, cycle, t->w.att->cycle_length);
}

static void returned(struct thread *t, int ret)
{
	explore_say("%c returns %d", name(t), ret);
	t->task.asleep = false;
	switch (ret) {
	case 0:
	case -EOWNERDEAD:
		granted(t);
		break;
	case -EDEADLK:
		check_refused(t);
		t->state = RUNS;
		break;
	case -ENXIO:
		CHECK_EQ(t->w.att->state, SHS_ATT_DEAD);
		t->state = RUNS;
		break;
	case -EBUSY:
	case -ETIMEDOUT:
	case -ERESTARTSYS:
		t->state = RUNS;
		break;
	default:
		env_fail("a lock call returned %d", ret);
	}
	t->task.waits = NULL;
	if (t->state != OPERATES)
		memset(&t->w, POISON, sizeof(t->w));
}

static void enter(struct thread *t, const struct event *e)
{
	static const char * const modes[] = { "write", "read", "upgradable" };
	bool wait = e->event != TRY_LOCK;
	int ret;

	explore_say("%c %s %u, %s", name(t), e->event == OPERATE ? "operates on" :
		    e->event == UPGRADE ? "upgrades" : wait ? "locks" : "tries", e->object,
		    modes[e->mode]);
	fill_waiter(t, &t->w, e->object, e->mode, e->event == OPERATE);
	t->w.upgrade = e->event == UPGRADE;
	t->task.waits = &t->w;
	if (t->w.att)
		t->w.att->cycle_length = 0;
	ret = waits_enter(&detect.object[e->object].obj, &t->w, wait);
	if (!wait && ret == -EDEADLK)
		env_fail("%c would not have waited", name(t));
	if (ret == -EBUSY && wait)
		t->state = WAITS;
	else
		returned(t, ret);
}

static void leave(struct thread *t, int slept)
{
	int ret;

	explore_say("%c wakes with %d", name(t), slept);
	t->task.asleep = false;
	ret = waits_leave(&detect.object[t->object].obj, &t->w, slept);
	if (ret != -EBUSY)
		returned(t, ret);
}

static void look(struct thread *t)
{
	if (t->task.killed && t->w.state != SHS_SETTLED) {
		leave(t, -ERESTARTSYS);
	} else if (t->w.state == SHS_SETTLED || t->w.kicked) {
		leave(t, 0);
	} else {
		explore_say("%c sleeps", name(t));
		t->task.asleep = true;
	}
}

/* As shs_unlock(). */
static void release(struct thread *t, u32 o, u32 mode, int expected)
{
	struct shs_object *obj = &detect.object[o].obj;
	struct shs_wakes wakes = { };
	struct shs_waiter w;
	int ret;

	fill_waiter(t, &w, o, mode, false);
	spin_lock(&obj->lock);
	ret = shs_kind_ops(obj->kind)->release(obj, &w, false, &wakes);
	shs_pass(obj, &wakes);
	spin_unlock(&obj->lock);
	shs_wakes_flush(&wakes);
	CHECK_EQ(ret, expected);
}

/* Of the mode that it holds most of all. */
static void unlock(struct thread *t, u32 o)
{
	explore_say("%c unlocks %u", name(t), o);
	if (t->writes[o]) {
		release(t, o, SHS_MODE_EXCLUSIVE, 0);
		t->writes[o]--;
	} else if (t->upgradable[o]) {
		release(t, o, SHS_MODE_UPGRADABLE, 0);
		t->upgradable[o] = false;
	} else {
		release(t, o, SHS_MODE_READ, 0);
		t->reads[o]--;
	}
}

/* User space gives back its lane, and calls if somebody waits for it. */
static void lane_down(struct thread *t, u32 o)
{
	explore_say("%c takes back its lane of %u", name(t), o);
	process_of(t)->private[o].lanes[thread_lane(t)]--;
	t->reads[o]--;
	if (detect.object[o].control.wpending && !process_of(t)->private[o].lanes[thread_lane(t)])
		release(t, o, SHS_MODE_READ, -EPERM);
}

/* As weaken() in lock.c. */
static void weaken(struct thread *t, u32 o, u32 to)
{
	struct shs_object *obj = &detect.object[o].obj;
	struct shs_wakes wakes = { };
	struct shs_waiter w;
	int ret;

	fill_waiter(t, &w, o, to, false);
	w.mode = t->writes[o] ? SHS_MODE_EXCLUSIVE : SHS_MODE_UPGRADABLE;
	spin_lock(&obj->lock);
	ret = shs_rwlock_convert(obj, &w, to);
	shs_pass(obj, &wakes);
	spin_unlock(&obj->lock);
	shs_wakes_flush(&wakes);
	explore_say("%c converts %u to %u: %d", name(t), o, to, ret);
	CHECK_EQ(ret, 0);
	t->writes[o] = 0;
	t->upgradable[o] = to == SHS_MODE_UPGRADABLE;
	t->reads[o] += to == SHS_MODE_READ;
}

static void operate_end(struct thread *t)
{
	explore_say("%c's operation ends", name(t));
	shs_release_waiter(&detect.object[t->object].obj, &t->w);
	memset(&t->w, POISON, sizeof(t->w));
	t->state = RUNS;
}

/* ---- life and death ---- */

static void kill_process(struct detect_process *p)
{
	struct thread *t;

	detect.kills--;
	p->killed = true;
	for_each_thread(t)
		if (process_of(t) == p) {
			t->task.killed = true;
			t->task.asleep = false;
		}
}

static bool threads_stopped(const struct detect_process *p)
{
	const struct thread *t;

	for_each_thread(t)
		if (process_of(t) == p && (t->state != RUNS || t == runs_now))
			return false;
	return true;
}

static void close_mapping(struct detect_process *p, u32 o)
{
	struct shs_object *obj = &detect.object[o].obj;
	struct shs_wakes wakes = { };
	struct thread *t;

	if (!p->gone)
		detect.closes--;
	spin_lock(&obj->lock);
	shs_att_die(&p->att[o], &wakes);
	spin_unlock(&obj->lock);
	shs_wakes_flush(&wakes);
	for_each_thread(t)
		if (process_of(t) == p)
			forget_holds(t, o);
}

static void last_user(struct detect_process *p)
{
	struct thread *t;
	u32 o;

	p->mm.mm_users = 0;
	p->gone = true;
	for_each_thread(t) {
		if (process_of(t) != p)
			continue;
		t->state = DEAD;
		for_each_object(o)
			forget_holds(t, o);
	}
	if (detect_config->does & DIE_AT_ONCE)
		for_each_object(o)
			if (p->att[o].state == SHS_ATT_LIVE)
				close_mapping(p, o);
}

/* ---- events ---- */

static void add_event(u32 event, u32 thread, u32 object, u32 mode)
{
	if (n_events == EVENTS_MAX)
		env_fail("too many events");
	events[n_events++] = (struct event){ event, thread, object, mode };
}

static bool may_lock(const struct thread *t, u32 o, u32 mode)
{
	u32 does = detect_config->does;

	if (process_of(t)->att[o].state != SHS_ATT_LIVE)
		return false;
	if (!is_rwlock(o))
		return mode == SHS_MODE_EXCLUSIVE && t->writes[o] < DEPTH_MAX &&
		       (!holds(t, o) || does & RELOCK);
	if (holds(t, o) && (!(does & RELOCK) || t->reads[o] >= DEPTH_MAX))
		return false;
	return does & (mode == SHS_MODE_READ ? READERS :
		       mode == SHS_MODE_EXCLUSIVE ? WRITERS : UPGRADERS);
}

static void conversion_events(const struct thread *t, u32 i, u32 o)
{
	if (t->upgradable[o])
		add_event(UPGRADE, i, o, SHS_MODE_EXCLUSIVE);
	if (t->writes[o])
		add_event(WEAKEN, i, o, SHS_MODE_UPGRADABLE);
	if (t->writes[o] || t->upgradable[o])
		add_event(WEAKEN, i, o, SHS_MODE_READ);
}

static void lock_events(const struct thread *t, u32 i, u32 o)
{
	u32 does = detect_config->does, mode;

	for (mode = SHS_MODE_EXCLUSIVE; mode <= SHS_MODE_UPGRADABLE; mode++) {
		if (!may_lock(t, o, mode))
			continue;
		add_event(LOCK, i, o, mode);
		if (does & TRY)
			add_event(TRY_LOCK, i, o, mode);
		if (does & SINGLE && mode != SHS_MODE_UPGRADABLE)
			add_event(OPERATE, i, o, mode);
	}
	if (holds(t, o))
		add_event(UNLOCK, i, o, 0);
	if (does & LANES_DOWN && t->reads[o] && !t->upgradable[o])
		add_event(LANE_DOWN, i, o, 0);
	if (is_rwlock(o) && does & CONVERT)
		conversion_events(t, i, o);
}

static void thread_events(const struct thread *t)
{
	u32 i = t - detect.thread, o;

	if (t == runs_now)
		return;
	if (t->state == OPERATES)
		add_event(OPERATE_END, i, t->object, 0);
	if (t->state == WAITS && !t->task.asleep)
		add_event(LOOK, i, t->object, 0);
	if (t->state == WAITS && detect_config->does & TIMED && !t->task.killed)
		add_event(TIME_OUT, i, t->object, 0);
	if (t->state == RUNS && !t->task.killed)
		for_each_object(o)
			lock_events(t, i, o);
}

static void process_events(u32 i)
{
	const struct detect_process *p = &detect.process[i];
	u32 o;

	if (!p->mm.mm_users && !p->gone)
		return;		/* not in this world */
	if (!p->killed && detect.kills && (!i || !(detect_config->does & FIRST_DIES)))
		add_event(KILL, i, 0, 0);
	if (p->killed && !p->gone && threads_stopped(p))
		add_event(LAST_USER, i, 0, 0);
	if (p->gone || (!p->killed && detect.closes))
		for_each_object(o)
			if (p->att[o].state == SHS_ATT_LIVE)
				add_event(CLOSE, i, o, 0);
}

static void do_process(struct detect_process *p, const struct event *e)
{
	explore_say("process %u %s %u", e->thread, e->event == KILL ? "is killed" :
		    e->event == LAST_USER ? "has no users left" : "loses", e->object);
	switch (e->event) {
	case KILL:
		kill_process(p);
		break;
	case LAST_USER:
		last_user(p);
		break;
	case CLOSE:
		close_mapping(p, e->object);
		break;
	}
}

static void do_thread(struct thread *t, const struct event *e)
{
	env.task = &t->task;
	switch (e->event) {
	case LOCK:
	case TRY_LOCK:
	case UPGRADE:
	case OPERATE:
		enter(t, e);
		break;
	case UNLOCK:
		unlock(t, e->object);
		break;
	case LANE_DOWN:
		lane_down(t, e->object);
		break;
	case WEAKEN:
		weaken(t, e->object, e->mode);
		break;
	case OPERATE_END:
		operate_end(t);
		break;
	case LOOK:
		look(t);
		break;
	case TIME_OUT:
		leave(t, -ETIMEDOUT);
		break;
	}
}

static void do_event(const struct event *e)
{
	if (e->event >= KILL)
		do_process(&detect.process[e->thread], e);
	else
		do_thread(&detect.thread[e->thread], e);
}

/* ---- what another CPU does meanwhile, with objects that this one has not locked ---- */

static struct shs_object *locked_object(const void *p)
{
	struct detect_object *object;
	u32 o;

	for_each_object(o) {
		object = &detect.object[o];
		if (spin_is_locked(&object->obj.lock) && p == &object->shared.word)
			return &object->obj;
	}
	return NULL;
}

static void race_events(const struct shs_object *locked)
{
	const struct thread *t;
	unsigned int i, n = 0;

	n_events = 0;
	for_each_thread(t)
		thread_events(t);
	for (i = 0; i < n_events; i++)
		if (&detect.object[events[i].object].obj != locked)
			events[n++] = events[i];
	n_events = n;
}

static void race(enum env_access access, const void *p)
{
	const struct shs_object *locked = locked_object(p);
	struct env mine = env;
	struct event e;
	unsigned int i;

	if (!locked || env.leaves || !races_left)
		return;
	race_events(locked);
	i = explore_choose(n_events + 1);
	if (!i)
		return;
	races_left--;
	was_stuck = runs_now && oracle_is_stuck(runs_now);
	explore_say("meanwhile:");
	e = events[i - 1];
	env.locks = 0;
	do_event(&e);
	env.locks = mine.locks;
	env.task = mine.task;
}

static bool step(void)
{
	const struct thread *t;
	struct event e;
	u32 i;

	runs_now = NULL;
	n_events = 0;
	for_each_thread(t)
		thread_events(t);
	for (i = 0; i < detect_config->threads; i++)
		process_events(i);
	if (!n_events)
		return false;
	e = events[explore_choose(n_events)];
	races_left = detect_config->races;
	env_race = races_left ? race : NULL;
	was_stuck = false;
	runs_now = e.event < KILL ? &detect.thread[e.thread] : NULL;
	do_event(&e);
	runs_now = NULL;
	env_race = NULL;
	return true;
}

/* ---- the rest ---- */

/* In the order of the addresses, for no search depends on another one. */
static void sort(struct list_head *list)
{
	struct list_head *node, *next, *at;
	LIST_HEAD(sorted);

	for (node = list->next; node != list; node = next) {
		next = node->next;
		for (at = sorted.next; at != &sorted && at < node; at = at->next)
			;
		list_add_tail(node, at);
	}
	INIT_LIST_HEAD(list);
	for (node = sorted.next; node != &sorted; node = next) {
		next = node->next;
		list_add_tail(node, list);
	}
}

/* What nothing depends on would make new states of old ones. */
static void forget(void)
{
	struct thread *t;
	size_t i;
	u32 o, p;

	for (i = 0; i < ARRAY_SIZE(detect.graph.waits); i++)
		sort(&detect.graph.waits[i]);

	for_each_object(o) {
		sort(&detect.object[o].obj.reads);
		detect.object[o].obj.waits = 0;
		detect.object[o].obj.wakes = 0;
		memset(&detect.object[o].obj.death, 0, sizeof(struct shs_death_record));
		for (p = 0; p < detect_config->threads; p++)
			detect.process[p].att[o].cycle_length = 0;
	}
	detect.graph.round = 0;
	for_each_thread(t)
		if (t->state == WAITS) {
			t->w.step.round = 0;
			t->w.step.from = NULL;
			t->w.step.then = NULL;
		}
	env_forget();
}

static void check(void)
{
	const struct thread *t;

	oracle_check();
	for_each_thread(t) {
		if (t->state != WAITS)
			continue;
		if ((t->w.state == SHS_SETTLED || t->w.kicked) && t->task.asleep)
			env_fail("%c was served, but sleeps", name(t));
		if (oracle_is_stuck(t))
			env_fail("%c waits for ever, and nobody was told", name(t));
	}
	forget();
}

static void end(void)
{
	const struct thread *t;

	for_each_thread(t)
		if (t->state == WAITS)
			env_fail("%c sleeps for ever", name(t));
}

static void show(void)
{
	const struct thread *t;
	char line[150] = "";
	u32 o;

	for_each_thread(t) {
		snprintf(line + strlen(line), sizeof(line) - strlen(line), " %c:", name(t));
		for_each_object(o)
			if (holds(t, o))
				snprintf(line + strlen(line), sizeof(line) - strlen(line), " %u%s%s%s",
					 o, t->reads[o] ? "r" : "", t->upgradable[o] ? "u" : "",
					 t->writes[o] ? "w" : "");
		if (t->state == WAITS)
			snprintf(line + strlen(line), sizeof(line) - strlen(line), " waits for %u",
				 t->object);
	}
	explore_say("\t%s", line);
}

static void start_attachment(struct detect_process *p, u32 i, u32 o)
{
	struct shs_object *obj = &detect.object[o].obj;
	struct shs_attachment *att = &p->att[o];
	u32 lane;

	*att = (struct shs_attachment){
		.obj = obj, .id = i + 1, .state = SHS_ATT_LIVE, .may_write = true,
		.private_mem = &p->private[o], .mm = &p->mm,
	};
	INIT_LIST_HEAD(&att->tickets);
	xa_store(&obj->atts, att->id, att);
	if (!obj->graph)
		return;
	att->cycle = cycle;
	if (!is_rwlock(o))
		return;
	att->reads = p->reads[o];
	for (lane = 0; lane < DETECT_LANES; lane++) {
		INIT_LIST_HEAD(&att->reads[lane].node);
		att->reads[lane].lane = shs_lane(att, lane);
	}
}

static void start_object(u32 o)
{
	struct detect_object *object = &detect.object[o];
	struct shs_object *obj = &object->obj;

	obj->kind = detect_config->kind[o];
	obj->flags = detect_config->flags[o];
	obj->serial = o;
	obj->control = &object->control;
	obj->shared = &object->shared;
	if (!is_rwlock(o))
		obj->shared->word = shs_mutex_new_word(obj->flags);
	if (obj->flags & SHS_INIT_DETECT)
		obj->graph = &detect.graph;
	obj->geo.lanes = is_rwlock(o) ? DETECT_LANES : 0;
	obj->geo.lane_stride = sizeof(u64);
	INIT_LIST_HEAD(&obj->queue);
	INIT_LIST_HEAD(&obj->reads);
}

static void start(void)
{
	struct detect_process *p;
	struct thread *t;
	u32 o;

	shs_graph_init(&detect.graph);
	detect.kills = detect_config->kills;
	detect.closes = detect_config->closes;
	for_each_object(o)
		start_object(o);
	for_each_thread(t) {
		t->process = detect_config->process[t - detect.thread];
		t->task.pid.nr = t - detect.thread + 1;
		memset(&t->w, POISON, sizeof(t->w));
		p = process_of(t);
		if (p->mm.mm_users)
			continue;
		p->mm.mm_users = 1;
		for_each_object(o)
			start_attachment(p, t->process, o);
	}
}

static struct explore explore = {
	.world = &detect,
	.size = sizeof(detect),
	.start = start,
	.step = step,
	.check = check,
	.end = end,
	.show = show,
};

void detect_all(const struct detect_config *c)
{
	detect_config = c;
	explore.name = c->name;
	explore_all(&explore);
}

void detect_random_world(const struct detect_config *c, u64 seed, unsigned int steps)
{
	detect_config = c;
	explore.name = c->name;
	explore_random(&explore, seed, steps);
}
