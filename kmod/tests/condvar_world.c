// SPDX-License-Identifier: GPL-2.0-only
/*
 * A world of a condvar and its mutex.  The steps of a wait are those of condwait():
 *
 *   HOLDS -> ADDED -> SLEEPS -> TAKES_BACK -> HELD_AGAIN
 *              (ticket)  \________/ \-> INTERRUPTED -> SLEEPS
 *
 * A credit is a notify that settled a ticket and that no wait returned with yet.
 * Credits are what must neither be lost nor doubled: every function that may move
 * one is called with the count before and after.
 */
#include <stdio.h>
#include "waits.h"
#include "explore.h"
#include "test.h"

#define ACTORS		4
#define EVENTS_MAX	48
#define POISON		0x6b

enum { WAITER = 1, TIMED = 2, NOTIFY_ONE = 4, NOTIFY_ALL = 8 };

struct script {
	s8 process;
	u8 cycles;
	u8 does;
};

struct config {
	const char *name;
	u8 kills, unmaps, signals;
	struct script script[ACTORS];
};

enum state {
	IDLE, LOCKS, HOLDS, ADDED, SLEEPS, TAKES_BACK, INTERRUPTED, HELD_AGAIN, NOTIFIED, DONE,
};

struct actor {
	struct task_struct task;
	struct shs_waiter w;		/* on the mutex */
	struct shs_ticket ticket;
	bool has_ticket;
	s8 process;
	u8 state, cycles, does;
};

enum process_state { RUNS, KILLED, NO_USERS, RELEASED };

struct process {
	struct shs_attachment condvar, mutex;
	struct mm_struct mm;
	u8 state;
};

static struct {
	struct shs_object condvar, mutex;
	struct shs_control control;
	struct shs_shared shared;
	struct process process[ACTORS];
	struct actor actor[ACTORS];
	u8 kills, unmaps, signals;
} world;

static const struct config *config;

enum {
	LOCK, LOOK, TIME_OUT, SIGNAL, ADD, LET_GO, RESUME, GIVE_UP, NOTIFY, UNLOCK,
	KILL, LAST_USER, CLOSE_CONDVAR, CLOSE_MUTEX, RELEASE,
};

static struct {
	u8 event, index;
} events[EVENTS_MAX];
static unsigned int n_events;

#define for_each_actor(a) for (a = world.actor; a < world.actor + ACTORS; a++)
#define for_each_process(p) for (p = world.process; p < world.process + ACTORS; p++)

static struct process *process_of(const struct actor *a)
{
	return &world.process[a->process];
}

static char name(const struct actor *a)
{
	return 'A' + (a - world.actor);
}

static void cycle(struct actor *a)
{
	a->cycles--;
	a->state = a->cycles ? IDLE : DONE;
}

/* ---- credits ---- */

static bool has_credit(const struct actor *a)
{
	const struct shs_ticket *t = &a->ticket;

	return a->has_ticket && t->w.state == SHS_SETTLED && !t->expired && !t->w.result;
}

static u32 credits(const struct process *p)
{
	const struct actor *a;
	u32 n = 0;

	for_each_actor(a)
		n += has_credit(a) && (!p || process_of(a) == p);
	return n;
}

static u32 queued(const struct process *p)
{
	const struct actor *a;
	u32 n = 0;

	for_each_actor(a)
		n += a->has_ticket && a->ticket.w.state == SHS_QUEUED && !a->ticket.expired &&
		     (!p || process_of(a) == p);
	return n;
}

/* As ticket_end() in condwait.c. */
static void end_ticket(struct actor *a, bool pass)
{
	u32 before = credits(NULL), others = queued(NULL) - (a->ticket.w.state == SHS_QUEUED &&
							       !a->ticket.expired);
	bool had = has_credit(a);
	struct shs_wakes wakes = { };

	spin_lock(&world.condvar.lock);
	shs_ticket_drop(&world.condvar, &a->ticket, pass, &wakes);
	spin_unlock(&world.condvar.lock);
	shs_wakes_flush(&wakes);
	a->has_ticket = false;
	memset(&a->ticket, POISON, sizeof(a->ticket));
	a->task.waits = NULL;
	if (credits(NULL) != before - had + (had && pass && others))
		env_fail("%c's notify is %s", name(a), pass ? "lost" : "doubled");
}

static void die_condvar(struct process *p)
{
	u32 mine = credits(p), before = credits(NULL), others = queued(NULL) - queued(p);
	struct shs_wakes wakes = { };

	spin_lock(&world.condvar.lock);
	shs_att_die(&p->condvar, &wakes);
	spin_unlock(&world.condvar.lock);
	shs_wakes_flush(&wakes);
	if (credits(NULL) != before - mine + min_t(u32, mine, others))
		env_fail("a death turns %u notifies into %u", before, credits(NULL));
}

static void die_mutex(struct process *p)
{
	struct shs_wakes wakes = { };

	spin_lock(&world.mutex.lock);
	shs_att_die(&p->mutex, &wakes);
	spin_unlock(&world.mutex.lock);
	shs_wakes_flush(&wakes);
}

static void notify(struct actor *a)
{
	u32 before = credits(NULL), there = queued(NULL), woken;
	u64 count = a->does & NOTIFY_ALL ? ~0ULL : 1;
	struct shs_wakes wakes = { };

	spin_lock(&world.condvar.lock);
	woken = shs_condvar_notify(&world.condvar, count, &wakes);
	spin_unlock(&world.condvar.lock);
	shs_wakes_flush(&wakes);
	explore_say("%c notifies %u", name(a), woken);
	CHECK_EQ(woken, min_t(u64, count, there));
	CHECK_EQ(credits(NULL), before + woken);
	if (a->state == HOLDS)
		a->state = NOTIFIED;
	else
		cycle(a);	/* without the mutex */
}

/* ---- the mutex ---- */

/* The wait is over; as the end of condwait(). */
static void wait_over(struct actor *a, int ret)
{
	bool owns = !ret || ret == -EOWNERDEAD;

	explore_say("%c's wait ends with %d", name(a), ret);
	if (ret == -ERESTARTSYS && !a->task.killed) {
		a->state = INTERRUPTED;
		return;
	}
	end_ticket(a, !owns);
	if (owns)
		a->state = HELD_AGAIN;
	else
		cycle(a);
}

static void mutex_returned(struct actor *a, int ret)
{
	a->task.waits = NULL;
	memset(&a->w, POISON, sizeof(a->w));
	explore_say("%c gets %d from the mutex", name(a), ret);
	if (a->state == TAKES_BACK)
		wait_over(a, ret);
	else if (!ret || ret == -EOWNERDEAD)
		a->state = HOLDS;
	else
		cycle(a);
}

static void lock_mutex(struct actor *a, enum state state)
{
	int ret;

	memset(&a->w, 0, sizeof(a->w));
	a->w.att = &process_of(a)->mutex;
	a->w.task = &a->task;
	a->task.waits = &a->w;
	a->state = state;
	ret = waits_enter(&world.mutex, &a->w, true);
	if (ret != -EBUSY)
		mutex_returned(a, ret);
}

static void leave_mutex(struct actor *a, int slept)
{
	int ret = waits_leave(&world.mutex, &a->w, slept);

	if (ret != -EBUSY)
		mutex_returned(a, ret);
}

static void unlock_mutex(struct actor *a)
{
	int ret = waits_release_mutex(&process_of(a)->mutex);

	explore_say("%c unlocks", name(a));
	CHECK_EQ(ret, process_of(a)->mutex.state == SHS_ATT_LIVE ? 0 : -ENXIO);
	cycle(a);
}

/* ---- the wait ---- */

static void add_ticket(struct actor *a)
{
	struct shs_ticket *t = &a->ticket;
	int ret = -ENXIO;

	memset(t, 0, sizeof(*t));
	t->w.att = &process_of(a)->condvar;
	t->w.task = &a->task;
	spin_lock(&world.condvar.lock);
	if (t->w.att->state == SHS_ATT_LIVE)
		ret = shs_condvar_bind(&world.condvar, 1);
	if (!ret)
		shs_ticket_add(&world.condvar, t);
	spin_unlock(&world.condvar.lock);
	explore_say("%c takes a ticket: %d", name(a), ret);
	if (ret) {
		CHECK_EQ(t->w.att->state, SHS_ATT_DEAD);
		memset(t, POISON, sizeof(*t));
		a->state = HELD_AGAIN;
		return;
	}
	a->has_ticket = true;
	a->task.waits = &t->w;
	a->state = ADDED;
}

static void let_go(struct actor *a)
{
	int ret = waits_release_mutex(&process_of(a)->mutex);

	explore_say("%c releases the mutex: %d", name(a), ret);
	a->state = SLEEPS;
	if (!ret)
		return;
	CHECK_EQ(process_of(a)->mutex.state, SHS_ATT_DEAD);
	end_ticket(a, true);
	cycle(a);
}

static void wake(struct actor *a, int slept)
{
	int ret;

	explore_say("%c wakes with %d", name(a), slept);
	a->task.asleep = false;
	if (a->state == LOCKS || a->state == TAKES_BACK) {
		leave_mutex(a, slept);
		return;
	}
	ret = waits_sleep_on_ticket(&process_of(a)->condvar, &a->ticket, slept);
	if (ret)
		wait_over(a, ret);
	else
		lock_mutex(a, TAKES_BACK);
}

static void look(struct actor *a)
{
	const struct shs_waiter *w = a->state == SLEEPS ? &a->ticket.w : &a->w;

	if (a->state == SLEEPS && a->ticket.expired)
		wake(a, 0);
	else if (w->state != SHS_SETTLED && a->task.killed)
		wake(a, -ERESTARTSYS);
	else if (w->state == SHS_SETTLED || w->kicked)
		wake(a, 0);
	else
		a->task.asleep = true;
}

/* As resume() in condwait.c. */
static void resume(struct actor *a)
{
	spin_lock(&world.condvar.lock);
	a->ticket.w.task = &a->task;
	spin_unlock(&world.condvar.lock);
	a->task.waits = &a->ticket.w;
	a->state = SLEEPS;
}

/* ---- death ---- */

static void kill_process(struct process *p)
{
	struct actor *a;

	world.kills--;
	p->state = KILLED;
	for_each_actor(a)
		if (process_of(a) == p) {
			a->task.killed = true;
			a->task.asleep = false;
		}
}

/* As att_release(): the tickets that nobody came back for, then the attachment. */
static void release_files(struct process *p)
{
	struct actor *a;

	for_each_actor(a)
		if (process_of(a) == p && a->has_ticket)
			end_ticket(a, true);
	die_condvar(p);
	die_mutex(p);
	xa_erase(&world.condvar.atts, p->condvar.id);
	xa_erase(&world.mutex.atts, p->mutex.id);
	memset(&p->condvar, POISON, sizeof(p->condvar));
	memset(&p->mutex, POISON, sizeof(p->mutex));
	p->state = RELEASED;
}

static bool in_kernel(const struct actor *a)
{
	return a->state == LOCKS || a->state == TAKES_BACK || a->state == SLEEPS ||
	       a->state == ADDED;
}

static bool threads_stopped(const struct process *p)
{
	const struct actor *a;

	for_each_actor(a)
		if (process_of(a) == p && in_kernel(a))
			return false;
	return true;
}

/* ---- events ---- */

static void add_event(unsigned int event, unsigned int index)
{
	if (n_events == EVENTS_MAX)
		env_fail("too many events");
	events[n_events].event = event;
	events[n_events++].index = index;
}

static void waiting_events(const struct actor *a, unsigned int i)
{
	if (!a->task.asleep)
		add_event(LOOK, i);
	if (a->task.killed)
		return;
	if (a->does & TIMED && a->state == SLEEPS)
		add_event(TIME_OUT, i);
	if (world.signals)
		add_event(SIGNAL, i);
}

static void actor_events(const struct actor *a)
{
	unsigned int i = a - world.actor;

	if (a->state == LOCKS || a->state == SLEEPS || a->state == TAKES_BACK)
		waiting_events(a, i);
	if (a->state == ADDED)
		add_event(LET_GO, i);
	if (process_of(a)->state != RUNS)
		return;
	if (a->state == IDLE)
		add_event(LOCK, i);
	if ((a->state == HOLDS || a->state == IDLE) && a->does & (NOTIFY_ONE | NOTIFY_ALL))
		add_event(NOTIFY, i);
	if (a->state == HOLDS && a->does & WAITER)
		add_event(ADD, i);
	if (a->state == HELD_AGAIN || a->state == NOTIFIED)
		add_event(UNLOCK, i);
	if (a->state == INTERRUPTED) {
		add_event(RESUME, i);
		add_event(GIVE_UP, i);
	}
}

static void process_events(const struct process *p)
{
	unsigned int i = p - world.process;

	if (!p->condvar.obj || p->state == RELEASED)
		return;
	if (p->state == RUNS && world.kills)
		add_event(KILL, i);
	if (p->state == KILLED && threads_stopped(p))
		add_event(LAST_USER, i);
	if (p->state == NO_USERS || (p->state == RUNS && world.unmaps)) {
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

	explore_say("process %d %s", (int)(p - world.process), what[event]);
	if (p->state == RUNS && (event == CLOSE_CONDVAR || event == CLOSE_MUTEX))
		world.unmaps--;
	switch (event) {
	case KILL:
		kill_process(p);
		break;
	case LAST_USER:
		p->mm.mm_users = 0;
		p->state = NO_USERS;
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
	switch (event) {
	case LOCK:
		lock_mutex(a, LOCKS);
		break;
	case LOOK:
		look(a);
		break;
	case TIME_OUT:
		wake(a, -ETIMEDOUT);
		break;
	case SIGNAL:
		world.signals--;
		wake(a, -ERESTARTSYS);
		break;
	case ADD:
		add_ticket(a);
		break;
	case LET_GO:
		let_go(a);
		break;
	case RESUME:
		resume(a);
		break;
	case GIVE_UP:
		explore_say("%c does not come back for its ticket", name(a));
		end_ticket(a, true);
		cycle(a);
		break;
	case NOTIFY:
		notify(a);
		break;
	case UNLOCK:
		unlock_mutex(a);
		break;
	}
}

static bool step(void)
{
	const struct process *p;
	const struct actor *a;
	unsigned int i;

	n_events = 0;
	for_each_actor(a)
		actor_events(a);
	for_each_process(p)
		process_events(p);
	if (!n_events)
		return false;
	i = explore_choose(n_events);
	env.task = NULL;
	if (events[i].event >= KILL) {
		do_process(&world.process[events[i].index], events[i].event);
	} else {
		env.task = &world.actor[events[i].index].task;
		do_actor(&world.actor[events[i].index], events[i].event);
	}
	return true;
}

/* ---- what holds between steps ---- */

static const struct actor *ticket_holder(const struct shs_waiter *w)
{
	const struct actor *a;

	for_each_actor(a)
		if (w == &a->ticket.w)
			return a;
	env_fail("the queue holds a ticket of nobody");
}

static void check_tickets(void)
{
	const struct shs_waiter *w;
	const struct actor *a;
	u32 n = 0, tickets = 0;

	list_for_each_entry(w, &world.condvar.queue, node) {
		a = ticket_holder(w);
		if (!a->has_ticket || w->state != SHS_QUEUED || a->ticket.expired)
			env_fail("%c's ticket does not belong on the queue", name(a));
		if (w->att->state != SHS_ATT_LIVE)
			env_fail("%c of a dead attachment is queued", name(a));
		if (++n > ACTORS)
			env_fail("the queue is a ring");
	}
	CHECK_EQ(world.condvar.waiters, n);
	CHECK_EQ(queued(NULL), n);
	for_each_actor(a) {
		tickets += a->has_ticket;
		if (a->has_ticket && a->ticket.w.state == SHS_SETTLED && a->state == SLEEPS &&
		    a->task.asleep)
			env_fail("%c was notified, but sleeps", name(a));
	}
	CHECK_EQ(world.condvar.condvar.tickets, tickets);
}

static bool owns_mutex(const struct actor *a)
{
	const struct process *p = process_of(a);

	if (p->state == RELEASED || p->mutex.state != SHS_ATT_LIVE || !p->mm.mm_users)
		return false;
	return a->state == HOLDS || a->state == ADDED || a->state == HELD_AGAIN ||
	       a->state == NOTIFIED ||
	       ((a->state == LOCKS || a->state == TAKES_BACK) && a->w.state == SHS_SETTLED &&
		(!a->w.result || a->w.result == -EOWNERDEAD));
}

static void check(void)
{
	const struct actor *a, *owner = NULL;

	check_tickets();
	for_each_actor(a) {
		if (owns_mutex(a)) {
			CHECK_EQ(shs_mutex_owner(&world.mutex), process_of(a)->mutex.id);
			if (owner)
				env_fail("%c and %c both hold", name(a), name(owner));
			owner = a;
		}
		if ((a->state == LOCKS || a->state == TAKES_BACK) && a->task.asleep &&
		    (a->w.state == SHS_SETTLED || a->w.kicked))
			env_fail("%c was served, but sleeps", name(a));
	}
}

/* Waiting for a notify that nobody is left to give is no fault; for the mutex is. */
static void end(void)
{
	const struct actor *a;

	for_each_actor(a)
		CHECK(a->state != LOCKS && a->state != TAKES_BACK);
	CHECK_EQ(shs_mutex_owner(&world.mutex), 0);
	CHECK_EQ(credits(NULL), 0);
}

static void show(void)
{
	const struct shs_waiter *w;
	char queue[16] = "";

	list_for_each_entry(w, &world.condvar.queue, node)
		snprintf(queue + strlen(queue), sizeof(queue) - strlen(queue), " %c",
			 name(ticket_holder(w)));
	explore_say("\tword %#x; queue%s; %u notifies under way", world.shared.word, queue,
		    credits(NULL));
}

static void attach(struct shs_attachment *att, struct shs_object *obj, struct process *p, u32 id)
{
	att->obj = obj;
	att->id = id;
	att->state = SHS_ATT_LIVE;
	att->may_write = true;
	att->mm = &p->mm;
	INIT_LIST_HEAD(&att->tickets);
	xa_store(&obj->atts, id, att);
}

static void start(void)
{
	const struct script *s;
	struct process *p;
	struct actor *a;
	u32 id = 0;

	world.condvar.kind = SHS_KIND_CONDVAR;
	world.mutex.kind = SHS_KIND_MUTEX;
	INIT_LIST_HEAD(&world.condvar.queue);
	INIT_LIST_HEAD(&world.mutex.queue);
	world.condvar.control = &world.control;
	world.mutex.shared = &world.shared;
	world.kills = config->kills;
	world.unmaps = config->unmaps;
	world.signals = config->signals;
	for_each_actor(a) {
		s = &config->script[a - world.actor];
		a->process = s->process;
		a->cycles = s->cycles;
		a->does = s->does;
		a->state = s->cycles ? IDLE : DONE;
		memset(&a->w, POISON, sizeof(a->w));
		memset(&a->ticket, POISON, sizeof(a->ticket));
		p = process_of(a);
		if (!s->cycles || p->condvar.obj)
			continue;
		p->mm.mm_users = 1;
		attach(&p->condvar, &world.condvar, p, ++id);
		attach(&p->mutex, &world.mutex, p, id);
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

TEST(world_condvar)
{
	static const struct config plain = {
		.name = "two waiters, a notifier, a death", .kills = 1,
		.script = {
			{ 0, 1, WAITER },
			{ 1, 1, WAITER | TIMED },
			{ 2, 2, NOTIFY_ONE },
		},
	}, signals = {
		.name = "two waiters, signals", .signals = 2, .kills = 1,
		.script = {
			{ 0, 1, WAITER },
			{ 1, 1, WAITER | TIMED },
			{ 2, 1, NOTIFY_ALL },
		},
	}, threads = {
		.name = "two threads of one process wait", .kills = 1, .unmaps = 1,
		.script = {
			{ 0, 1, WAITER },
			{ 0, 1, WAITER },
			{ 1, 1, NOTIFY_ONE },
		},
	};

	see_all(&plain);
	see_all(&signals);
	see_all(&threads);
}

TEST(world_condvar_random)
{
	static const struct config busy = {
		.name = "three waiters, a notifier, deaths", .kills = 2, .unmaps = 1,
		.signals = 20,
		.script = {
			{ 0, 20, WAITER | TIMED },
			{ 0, 20, WAITER },
			{ 1, 20, WAITER | TIMED },
			{ 2, 60, NOTIFY_ONE },
		},
	};

	config = &busy;
	explore.name = busy.name;
	explore_random(&explore, 0x5eed0005, 100000);
}
