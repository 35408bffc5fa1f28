// SPDX-License-Identifier: GPL-2.0-only
#include <stdio.h>
#include "condvar_world.h"

#define EVENTS_MAX	48

struct condvar_world cv;
const struct condvar_config *cv_config;

enum {
	LOCK, LOOK, TIME_OUT, SIGNAL, WAIT, RESUME, FORGET, NOTIFY, UNLOCK,
	KILL, LAST_USER, CLOSE_CONDVAR, CLOSE_MUTEX, RELEASE, TICK,
};

struct event {
	u8 event, index;
};

static struct event events[EVENTS_MAX];
static unsigned int n_events, gaps_left;
static const struct actor *runs_now;

struct process *cv_process(const struct actor *a)
{
	return &cv.process[a->process];
}

char cv_name(const struct actor *a)
{
	return 'A' + (a - cv.actor);
}

static void cycle(struct actor *a)
{
	a->cycles--;
	a->state = a->cycles ? IDLE : DONE;
}

static bool is_rwlock(void)
{
	return cv.mutex.kind == SHS_KIND_RWLOCK;
}

static u32 mode_of(const struct actor *a)
{
	return a->does & READER ? SHS_MODE_READ : SHS_MODE_EXCLUSIVE;
}

/* ---- the mutex ---- */

static void note_acquired(const struct actor *a, int ret)
{
	if (cv_process(a)->mutex.state != SHS_ATT_LIVE)
		return;
	if ((ret == -EOWNERDEAD) != cv.dirty)
		env_fail("%c is %s of a death", cv_name(a), ret ? "told twice" : "not told");
	if (mode_of(a) == SHS_MODE_EXCLUSIVE && !(cv.mutex.flags & SHS_INIT_STRICT))
		cv.dirty = false;
}

/* Also by a wait: without a word about the value. */
static void note_released(const struct actor *a)
{
	if (cv_process(a)->mutex.state == SHS_ATT_LIVE && mode_of(a) == SHS_MODE_EXCLUSIVE)
		cv.lost |= cv.dirty && cv.mutex.flags & SHS_INIT_STRICT;
}

static void note_death(const struct process *p)
{
	if (p->mutex.state == SHS_ATT_LIVE && p->mm.mm_users && cv_owner() == p->mutex.id)
		cv.dirty |= !(cv.mutex.flags & SHS_INIT_IGNORE);
}

static void check_lost(const struct actor *a)
{
	CHECK(cv.lost);
}

static void mutex_returned(struct actor *a, int ret)
{
	explore_say("%c gets %d from the mutex", cv_name(a), ret);
	a->task.waits = NULL;
	a->task.asleep = false;
	memset(&a->w, POISON, sizeof(a->w));
	if (ret == -ENOTRECOVERABLE)
		check_lost(a);
	if (!ret || ret == -EOWNERDEAD) {
		a->state = HOLDS;
		note_acquired(a, ret);
	} else {
		cycle(a);
	}
}

static void lock_mutex(struct actor *a)
{
	int ret;

	explore_say("%c locks the mutex", cv_name(a));
	memset(&a->w, 0, sizeof(a->w));
	a->w.att = &cv_process(a)->mutex;
	a->w.mode = mode_of(a);
	a->task.waits = &a->w;
	a->state = LOCKS;
	ret = waits_enter(&cv.mutex, &a->w, true);
	if (ret != -EBUSY)
		mutex_returned(a, ret);
}

static void unlock_mutex(struct actor *a)
{
	struct shs_attachment *att = &cv_process(a)->mutex;
	struct shs_waiter w = { .att = att, .mode = mode_of(a), .thread = &a->task.pid };
	struct shs_wakes wakes = { };
	int ret = -ENXIO;

	explore_say("%c unlocks", cv_name(a));
	note_released(a);
	spin_lock(&cv.mutex.lock);
	if (att->state == SHS_ATT_LIVE) {
		ret = shs_kind_ops(cv.mutex.kind)->release(&cv.mutex, &w, false, &wakes);
		shs_pass(&cv.mutex, &wakes);
	}
	spin_unlock(&cv.mutex.lock);
	shs_wakes_flush(&wakes);
	CHECK_EQ(ret, att->state == SHS_ATT_LIVE ? 0 : -ENXIO);
	cycle(a);
}

/* ---- the wait ---- */

static void wait_over(struct actor *a, int ret, bool began)
{
	const struct process *p = cv_process(a);
	bool had = cv_credit.had[a - cv.actor];

	explore_say("%c's wait ends with %d", cv_name(a), ret);
	a->task.waits = NULL;
	a->task.asleep = false;
	if (ret == -ERESTARTSYS && !a->task.killed) {
		if (p->condvar.state == SHS_ATT_DEAD)	/* nobody need come back */
			cv_credit.dropped += had;
		a->state = INTERRUPTED;
		return;
	}
	CHECK(!cv_has_ticket(a));
	switch (ret) {
	case 0:
	case -EOWNERDEAD:
	case -ETIMEDOUT:
		cv_credit.used += had;
		a->state = HELD_AGAIN;
		note_acquired(a, ret == -EOWNERDEAD ? ret : 0);
		if (!ret && !had)
			env_fail("%c's wait returns without a notify", cv_name(a));
		if (ret == -ETIMEDOUT && had)
			env_fail("%c's wait times out with a notify", cv_name(a));
		return;
	case -ENXIO:
		CHECK(p->condvar.state == SHS_ATT_DEAD || p->mutex.state == SHS_ATT_DEAD);
		cv_credit.dropped += had;
		if (p->mutex.state != SHS_ATT_LIVE) {
			cycle(a);
			return;
		}
		a->state = HELD_AGAIN;
		if (began)
			note_acquired(a, 0);
		return;
	case -ENOTRECOVERABLE:
		check_lost(a);
		break;
	case -EPERM:
		if (a->state != IDLE)
			env_fail("%c holds the mutex, and may not wait", cv_name(a));
		break;
	case -ERESTARTSYS:
		break;
	default:
		env_fail("a wait returned %d", ret);
	}
	cv_credit.dropped += had;
	cycle(a);
}

static void call_wait(struct actor *a, bool started, bool go_on, int slept)
{
	struct process *p = cv_process(a);
	struct condwait_call call = {
		.condvar = &p->condvar, .mutex = &p->mutex, .mutex_file = &p->mutex_file,
		.memory = &a->ticket, .on = a->task.waits,
		.started = started, .go_on = go_on, .slept = slept,
	};
	int ret;

	a->task.asleep = false;
	ret = waits_condwait(&call);
	if (ret != -EBUSY) {
		wait_over(a, ret, started || go_on);
		return;
	}
	a->task.waits = call.on;
	a->state = call.on == &a->ticket.w ? SLEEPS : TAKES_BACK;
	explore_say("%c %s", cv_name(a), a->state == SLEEPS ? "waits for a notify" :
							       "waits for the mutex");
}

/* The condvar's attachment may be gone: then it does not begin, and the mutex is kept. */
static void start_wait(struct actor *a)
{
	struct process *p = cv_process(a);
	const struct actor *other;

	explore_say("%c waits%s", cv_name(a), a->state == HOLDS ? "" : " without the mutex");
	for_each_actor(other)
		if (other == a || (cv_process(other) == p && other->task.pid.gone))
			cv_credit.dropped += cv_has_credit(other);
	cv_credit.added = 1;
	cv_credit.had[a - cv.actor] = false;
	if (p->condvar.state == SHS_ATT_LIVE && a->state == HOLDS)
		note_released(a);
	call_wait(a, false, false, 0);
}

static void wake(struct actor *a, int slept)
{
	int ret;

	explore_say("%c wakes with %d", cv_name(a), slept);
	a->task.asleep = false;
	if (a->state != LOCKS) {
		call_wait(a, false, true, slept);
		return;
	}
	ret = waits_leave(&cv.mutex, &a->w, slept);
	if (ret != -EBUSY)
		mutex_returned(a, ret);
}

static void look(struct actor *a)
{
	const struct shs_waiter *w = a->task.waits;

	if (w->state != SHS_SETTLED && a->task.killed)
		wake(a, -ERESTARTSYS);
	else if (w->state == SHS_SETTLED || w->kicked)
		wake(a, 0);
	else
		a->task.asleep = true;
}

/* It never calls again; its ticket stays until somebody finds it. */
static void forget_wait(struct actor *a)
{
	explore_say("%c does not come back for its ticket", cv_name(a));
	a->task.pid.gone = a->does & ENDS;
	if (a->task.pid.gone)
		a->cycles = 1;
	cycle(a);
}

static void notify(struct actor *a)
{
	u64 wakes_before = cv.mutex.wakes + cv.condvar.wakes;
	u32 there = cv_queued(), woken, owner = cv_owner();
	u64 count = a->does & NOTIFY_ALL ? ~0ULL : 1;
	struct shs_wakes wakes = { };
	const struct process *p;

	spin_lock(&cv.condvar.lock);
	woken = shs_condvar_notify(&cv.condvar, count, &wakes);
	spin_unlock(&cv.condvar.lock);
	shs_wakes_flush(&wakes);
	explore_say("%c notifies %u", cv_name(a), woken);
	CHECK_EQ(woken, min_t(u64, count, there));
	cv_credit.given += woken;
	/* one at most, and none while it would find the mutex held */
	for_each_process(p)
		if (p->mutex.obj && p->state != RELEASED && p->mutex.state != SHS_ATT_LIVE)
			owner = 0, wakes_before = ~0ULL;
	if (wakes_before != ~0ULL && !cv.lost)
		CHECK(cv.mutex.wakes + cv.condvar.wakes <= wakes_before + !owner);
	if (a->state == HOLDS)
		a->state = NOTIFIED;
	else
		cycle(a);	/* without the mutex */
}

/* ---- life and death ---- */

static void die(struct shs_object *obj, struct shs_attachment *att)
{
	struct shs_wakes wakes = { };

	spin_lock(&obj->lock);
	shs_att_die(att, &wakes);
	spin_unlock(&obj->lock);
	shs_wakes_flush(&wakes);
}

/* What had been notified and waits for no mutex gives it to the next. */
static void die_condvar(struct process *p)
{
	const struct actor *a;

	for_each_actor(a)
		cv_credit.dropped += cv_process(a) == p && cv_has_credit(a) &&
				     !a->ticket.requeued;
	die(&cv.condvar, &p->condvar);
}

static void die_mutex(struct process *p)
{
	note_death(p);
	die(&cv.mutex, &p->mutex);
}

static void kill_process(struct process *p)
{
	struct actor *a;

	cv.kills--;
	p->state = KILLED;
	for_each_actor(a)
		if (cv_process(a) == p) {
			a->task.killed = true;
			a->task.asleep = false;
		}
}

/* As att_release(): the tickets that nobody came back for, then the attachment. */
static void release_files(struct process *p)
{
	const struct actor *a;

	for_each_actor(a)
		cv_credit.dropped += cv_process(a) == p && cv_has_credit(a);
	shs_tickets_free(&p->condvar);
	CHECK(list_empty(&p->condvar.tickets));
	CHECK_EQ(p->mutex_file.count, 0);
	if (p->condvar.state != SHS_ATT_DEAD)
		die(&cv.condvar, &p->condvar);
	die_mutex(p);
	xa_erase(&cv.condvar.atts, p->condvar.id);
	xa_erase(&cv.mutex.atts, p->mutex.id);
	memset(&p->condvar, POISON, sizeof(p->condvar));
	memset(&p->mutex, POISON, sizeof(p->mutex));
	p->state = RELEASED;
}

static bool in_kernel(const struct actor *a)
{
	return a->state == LOCKS || a->state == TAKES_BACK || a->state == SLEEPS ||
	       a == runs_now;
}

static bool threads_stopped(const struct process *p)
{
	const struct actor *a;

	for_each_actor(a)
		if (cv_process(a) == p && in_kernel(a))
			return false;
	return true;
}

static void last_user(struct process *p)
{
	struct actor *a;

	note_death(p);
	p->mm.mm_users = 0;
	p->state = NO_USERS;
	for_each_actor(a)
		if (cv_process(a) == p)
			a->task.pid.gone = true;
}

/* ---- events ---- */

static void add_event(unsigned int event, unsigned int index)
{
	if (n_events == EVENTS_MAX)
		env_fail("too many events");
	events[n_events++] = (struct event){ event, index };
}

static void waiting_events(const struct actor *a, unsigned int i)
{
	if (!a->task.asleep)
		add_event(LOOK, i);
	if (a->task.killed)
		return;
	if (a->does & TIMED && a->state == SLEEPS)
		add_event(TIME_OUT, i);
	if (cv.signals)
		add_event(SIGNAL, i);
}

static bool may_notify(const struct actor *a)
{
	if (!(a->does & (NOTIFY_ONE | NOTIFY_ALL)))
		return false;
	return a->state == HOLDS || (a->state == IDLE && !(a->does & ONLY_HOLDING));
}

static void actor_events(const struct actor *a)
{
	unsigned int i = a - cv.actor;

	if (a == runs_now)
		return;
	if (a->state == LOCKS || a->state == SLEEPS || a->state == TAKES_BACK)
		waiting_events(a, i);
	if (cv_process(a)->state != RUNS)
		return;
	if (a->state == IDLE)
		add_event(a->does & STRANGER ? WAIT : LOCK, i);
	if (may_notify(a))
		add_event(NOTIFY, i);
	if (a->state == HOLDS && a->does & WAITER)
		add_event(WAIT, i);
	if (a->state == HELD_AGAIN || a->state == NOTIFIED ||
	    (a->state == HOLDS && a->does & LOCKER))
		add_event(UNLOCK, i);
	if (a->state == INTERRUPTED)
		add_event(RESUME, i);
	if (a->state == INTERRUPTED && a->does & (FORGETS | ENDS))
		add_event(FORGET, i);
}

static void process_events(const struct process *p)
{
	unsigned int i = p - cv.process;

	if (!p->condvar.obj || p->state == RELEASED)
		return;
	if (p->state == RUNS && cv.kills)
		add_event(KILL, i);
	if (p->state == KILLED && threads_stopped(p))
		add_event(LAST_USER, i);
	if (p->state == NO_USERS || (p->state == RUNS && cv.unmaps)) {
		if (p->condvar.state == SHS_ATT_LIVE)
			add_event(CLOSE_CONDVAR, i);
		if (p->mutex.state == SHS_ATT_LIVE)
			add_event(CLOSE_MUTEX, i);
	}
	if (p->state == NO_USERS)
		add_event(RELEASE, i);
}

static void do_process(struct process *p, unsigned int event)
{
	static const char * const what[] = {
		[KILL] = "is killed", [LAST_USER] = "has no users left",
		[CLOSE_CONDVAR] = "loses the condvar", [CLOSE_MUTEX] = "loses the mutex",
		[RELEASE] = "is released",
	};

	explore_say("process %d %s", (int)(p - cv.process), what[event]);
	if (p->state == RUNS && (event == CLOSE_CONDVAR || event == CLOSE_MUTEX))
		cv.unmaps--;
	switch (event) {
	case KILL:
		kill_process(p);
		break;
	case LAST_USER:
		last_user(p);
		break;
	case CLOSE_CONDVAR:
		die_condvar(p);
		break;
	case CLOSE_MUTEX:
		die_mutex(p);
		break;
	case RELEASE:
		release_files(p);
		break;
	}
}

static void do_actor(struct actor *a, unsigned int event)
{
	env.task = &a->task;
	switch (event) {
	case LOCK:
		lock_mutex(a);
		break;
	case LOOK:
		look(a);
		break;
	case TIME_OUT:
		wake(a, -ETIMEDOUT);
		break;
	case SIGNAL:
		cv.signals--;
		wake(a, -ERESTARTSYS);
		break;
	case WAIT:
		start_wait(a);
		break;
	case RESUME:
		explore_say("%c calls again", cv_name(a));
		call_wait(a, true, false, 0);
		break;
	case FORGET:
		forget_wait(a);
		break;
	case NOTIFY:
		notify(a);
		break;
	case UNLOCK:
		unlock_mutex(a);
		break;
	}
}

static void do_event(const struct event *e)
{
	if (e->event == TICK) {
		explore_say("2 ms go by");
		cv.ticks--;
		env.now_ns += 2 * SHS_HANDOFF_NS;
	} else if (e->event >= KILL) {
		do_process(&cv.process[e->index], e->event);
	} else {
		do_actor(&cv.actor[e->index], e->event);
	}
}

static void all_events(void)
{
	const struct process *p;
	const struct actor *a;

	n_events = 0;
	for_each_actor(a)
		actor_events(a);
	for_each_process(p)
		process_events(p);
}

/* The beginning or end of a wait goes on when others have done something, or nothing. */
static void gap(void)
{
	bool *had = &cv_credit.had[runs_now - cv.actor];
	struct task_struct *task = env.task;
	struct event e;
	unsigned int i;

	if (!gaps_left)
		return;
	gaps_left--;
	all_events();
	i = explore_choose(n_events + 1);
	if (!i)
		return;
	explore_say("meanwhile:");
	e = events[i - 1];
	do_event(&e);
	env.task = task;
	cv_credit.dropped += *had && !cv_has_credit(runs_now);
	*had = cv_has_credit(runs_now);
}

static bool step(void)
{
	struct event e;

	runs_now = NULL;
	all_events();
	if (!n_events)
		return false;
	if (cv.ticks && !list_empty(&cv.mutex.queue))
		add_event(TICK, 0);
	e = events[explore_choose(n_events)];
	cv_check_begin();
	runs_now = e.event < KILL ? &cv.actor[e.index] : NULL;
	gaps_left = cv_config->gaps;
	waits_gap = gap;
	do_event(&e);
	waits_gap = NULL;
	runs_now = NULL;
	return true;
}

/* Waiting for a notify that nobody is left to give is no fault; for the mutex is. */
static void end(void)
{
	const struct actor *a;

	for_each_actor(a) {
		if (a->state == LOCKS || a->state == TAKES_BACK)
			env_fail("%c waits for the mutex for ever", cv_name(a));
		if (a->state == SLEEPS && a->ticket.w.state == SHS_SETTLED)
			env_fail("%c was notified and sleeps for ever", cv_name(a));
		if (cv_has_credit(a) && !(a->does & (FORGETS | ENDS)))
			env_fail("%c's notify is left over", cv_name(a));
	}
	CHECK_EQ(cv_owner(), 0);
}

static void attach(struct shs_attachment *att, struct shs_object *obj, struct process *p, u32 id)
{
	att->obj = obj;
	att->id = id;
	att->state = SHS_ATT_LIVE;
	att->may_write = true;
	att->mm = &p->mm;
	att->private_mem = &p->head;
	INIT_LIST_HEAD(&att->tickets);
	xa_store(&obj->atts, id, att);
}

static void start_actor(struct actor *a)
{
	const struct script *s = &cv_config->script[a - cv.actor];
	struct process *p;

	a->process = s->process;
	a->does = s->does;
	a->cycles = s->cycles;
	a->state = s->cycles ? IDLE : DONE;
	a->task.pid.nr = a - cv.actor + 1;
	memset(&a->w, POISON, sizeof(a->w));
	memset(&a->ticket, POISON, sizeof(a->ticket));
	p = cv_process(a);
	if (!s->cycles || p->condvar.obj)
		return;
	p->mm.mm_users = 1;
	attach(&p->condvar, &cv.condvar, p, a->process + 1);
	attach(&p->mutex, &cv.mutex, p, a->process + 1);
}

static void start_object(struct shs_object *obj, u32 kind, u32 flags)
{
	obj->kind = kind;
	obj->flags = flags;
	INIT_LIST_HEAD(&obj->queue);
	INIT_LIST_HEAD(&obj->reads);
}

static void start(void)
{
	struct actor *a;

	start_object(&cv.condvar, SHS_KIND_CONDVAR, 0);
	start_object(&cv.mutex, cv_config->kind, cv_config->flags);
	shs_graph_init(&cv.graph);
	if (cv_config->flags & SHS_INIT_DETECT)
		cv.mutex.graph = &cv.graph;
	cv.condvar.control = &cv.control;
	cv.mutex.control = &cv.mutex_control;
	cv.mutex.shared = &cv.shared;
	cv.mutex.serial = 7;
	if (!is_rwlock())
		cv.shared.word = shs_mutex_new_word(cv_config->flags);
	cv.mutex.geo.lanes = is_rwlock();
	cv.mutex.geo.lane_stride = sizeof(u64);
	cv.kills = cv_config->kills;
	cv.unmaps = cv_config->unmaps;
	cv.signals = cv_config->signals;
	cv.ticks = cv_config->ticks;
	for_each_actor(a)
		start_actor(a);
	cv_check_begin();
}

static struct explore explore = {
	.world = &cv,
	.size = sizeof(cv),
	.start = start,
	.step = step,
	.check = cv_check,
	.end = end,
	.show = cv_show,
};

void condvar_all(const struct condvar_config *c)
{
	cv_config = c;
	explore.name = c->name;
	explore_all(&explore);
}

void condvar_random(const struct condvar_config *c, u64 seed, unsigned int steps)
{
	cv_config = c;
	explore.name = c->name;
	explore_random(&explore, seed, steps);
}
