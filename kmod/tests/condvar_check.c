// SPDX-License-Identifier: GPL-2.0-only
/* What holds between any two steps of a condvar and its mutex. */
#include <stdio.h>
#include "condvar_world.h"

struct credit_step cv_credit;

bool cv_has_ticket(const struct actor *a)
{
	const struct process *p = cv_process(a);
	const struct shs_ticket *t;

	if (!p->condvar.obj || p->state == RELEASED)
		return false;
	list_for_each_entry(t, &p->condvar.tickets, att_node)
		if (t == &a->ticket)
			return true;
	return false;
}

bool cv_has_credit(const struct actor *a)
{
	const struct shs_ticket *t = &a->ticket;

	return cv_has_ticket(a) && t->w.state == SHS_SETTLED && !t->expired && !t->w.result;
}

u32 cv_credits(void)
{
	const struct actor *a;
	u32 n = 0;

	for_each_actor(a)
		n += cv_has_credit(a);
	return n;
}

static bool is_queued(const struct actor *a)
{
	return cv_has_ticket(a) && a->ticket.w.state == SHS_QUEUED && !a->ticket.expired;
}

u32 cv_queued(void)
{
	const struct actor *a;
	u32 n = 0;

	for_each_actor(a)
		n += is_queued(a) && (a->ticket.w.task || !a->task.pid.gone);
	return n;
}

u32 cv_owner(void)
{
	u32 id = cv.mutex.kind == SHS_KIND_RWLOCK ? cv.mutex.rwlock.writer :
						    shs_mutex_owner(&cv.mutex);
	const struct shs_attachment *att = xa_load(&cv.mutex.atts, id);

	return att && att->state == SHS_ATT_LIVE && att->mm->mm_users ? id : 0;
}

void cv_check_begin(void)
{
	const struct actor *a;

	memset(&cv_credit, 0, sizeof(cv_credit));
	cv_credit.before = cv_credits();
	for_each_actor(a)
		cv_credit.had[a - cv.actor] = cv_has_credit(a);
}

/* One is lost only with its ticket, and only if nobody else waits. */
static void check_credits(void)
{
	const struct credit_step *c = &cv_credit;
	u32 most = c->before + c->given - c->used, now = cv_credits();

	if (now > most)
		env_fail("%u notifies are under way, and there were %u", now, most);
	if (now == most)
		return;
	if (most - now > c->dropped)
		env_fail("of %u notifies %u are left", most, now);
	if (cv_queued() > c->added)
		env_fail("a notify is dropped beside somebody who waits for it");
}

/* Who has w on the queue of the mutex, and whether it may. */
static const struct actor *locker(const struct shs_waiter *w)
{
	const struct actor *a;

	for_each_actor(a) {
		if (w == &a->w && a->state == LOCKS)
			return a;
		if (w == &a->ticket.again && a->state == TAKES_BACK)
			return a;
		if (w == &a->ticket.again && a->state == SLEEPS && a->ticket.requeued)
			return a;
	}
	env_fail("the queue of the mutex holds a waiter of nobody");
}

static bool is_served(const struct shs_waiter *w)
{
	return w->state == SHS_SETTLED || w->kicked;
}

static void check_sleeper(const struct actor *a)
{
	const struct shs_ticket *t = &a->ticket;

	if (!a->task.asleep)
		return;
	if (a->state != SLEEPS) {
		if (is_served(a->task.waits))
			env_fail("%c was served, but sleeps", cv_name(a));
		return;
	}
	if (t->w.state == SHS_SETTLED && !t->requeued)
		env_fail("%c was notified, but sleeps", cv_name(a));
	if (t->requeued && is_served(&t->again))
		env_fail("%c was served by the mutex, but sleeps", cv_name(a));
}

/* What is on the queue of the condvar belongs to who waits; else it is not looked into. */
static void check_waiter(const struct shs_waiter *w)
{
	const struct actor *a;

	for_each_actor(a)
		if (w == &a->ticket.w && cv_has_ticket(a))
			return;
	env_fail("the queue of the condvar holds a waiter of nobody");
}

static void check_tickets(void)
{
	u32 n = 0, tickets = 0, files[ACTORS] = { 0 };
	const struct shs_waiter *w;
	const struct actor *a;
	const struct process *p;

	list_for_each_entry(w, &cv.condvar.queue, node) {
		check_waiter(w);
		if (++n > ACTORS)
			env_fail("the queue is a ring");
	}
	CHECK_EQ(cv.condvar.waiters, n);
	CHECK_EQ(cv.control.waiting, n);
	for_each_actor(a) {
		check_sleeper(a);
		n -= is_queued(a);
		if (is_queued(a) && cv_process(a)->condvar.state != SHS_ATT_LIVE)
			env_fail("%c of a dead attachment is queued", cv_name(a));
		if (!cv_has_ticket(a))
			continue;
		if (a->state == INTERRUPTED && cv_has_credit(a) &&
		    cv_process(a)->condvar.state == SHS_ATT_DEAD)
			env_fail("%c keeps a notify for which it need not come back", cv_name(a));
		tickets++;
		files[a->process]++;
	}
	CHECK_EQ(n, 0);
	CHECK_EQ(cv.condvar.condvar.tickets, tickets);
	for_each_process(p)
		CHECK_EQ(p->mutex_file.count, files[p - cv.process]);
}

static bool owns_mutex(const struct actor *a)
{
	const struct process *p = cv_process(a);
	const struct shs_waiter *w = a->state == LOCKS ? &a->w : &a->ticket.again;

	if (p->state == RELEASED || p->mutex.state != SHS_ATT_LIVE || !p->mm.mm_users)
		return false;
	if (a->state == HOLDS || a->state == HELD_AGAIN || a->state == NOTIFIED)
		return true;
	if (a->state == SLEEPS && !a->ticket.requeued)
		return false;
	return (a->state == LOCKS || a->state == TAKES_BACK || a->state == SLEEPS) &&
	       w->state == SHS_SETTLED && (!w->result || w->result == -EOWNERDEAD);
}

static void check_owner(void)
{
	const struct actor *a, *owner = NULL;
	u64 readers = 0;

	for_each_actor(a) {
		if (!owns_mutex(a))
			continue;
		if (a->does & READER) {
			readers++;
			continue;
		}
		if (owner)
			env_fail("%c and %c both hold", cv_name(a), cv_name(owner));
		owner = a;
	}
	CHECK_EQ(cv_owner(), owner ? cv_process(owner)->mutex.id : 0);
	if (owner && readers)
		env_fail("%c writes beside a reader", cv_name(owner));
}

static u64 reads_held(void)
{
	const struct process *p;
	u64 n = 0;

	for_each_process(p)
		n += p->lane;
	return n;
}

/* Nobody waits beside a free mutex, unless its owner's death is not noticed yet. */
static void check_mutex_queue(void)
{
	bool rwlock = cv.mutex.kind == SHS_KIND_RWLOCK;
	u32 id = rwlock ? cv.mutex.rwlock.writer : shs_mutex_owner(&cv.mutex);
	const struct shs_waiter *w, *head;
	u32 n = 0;

	list_for_each_entry(w, &cv.mutex.queue, node) {
		locker(w);
		if (w->state != SHS_QUEUED)
			env_fail("%c is settled, but on the queue", cv_name(locker(w)));
		if (w->att->state != SHS_ATT_LIVE)
			env_fail("%c of a dead attachment is queued", cv_name(locker(w)));
		if (cv.mutex.lost)
			env_fail("%c waits for what is lost", cv_name(locker(w)));
		if (++n > ACTORS)
			env_fail("the queue is a ring");
	}
	CHECK_EQ(cv.mutex.waiters, n);
	CHECK_EQ(cv.mutex_control.waiting, n);
	CHECK_EQ(cv.mutex.lost, cv.lost);
	if (!n || id)
		return;
	head = list_first_entry(&cv.mutex.queue, struct shs_waiter, node);
	if (rwlock ? head->mode == SHS_MODE_READ || !reads_held() : !head->kicked)
		env_fail("%c waits for a free mutex and nobody is on the way",
			 cv_name(locker(head)));
}

static u32 in_graph(void)
{
	const struct shs_step *step;
	u32 n = 0;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(cv.graph.waits); i++)
		list_for_each_entry(step, &cv.graph.waits[i], node)
			n++;
	return n;
}

/* What is remembered of a thread is let go of with its ticket and its hold. */
static void check_threads(void)
{
	const struct actor *a;

	for_each_actor(a)
		CHECK_EQ(a->task.pid.count, cv_has_ticket(a) +
			 (cv.mutex.hold.thread == &a->task.pid));
	CHECK_EQ(in_graph(), cv.mutex.graph ? cv.mutex.waiters : 0);
}

/* What nothing depends on would make new states of old ones. */
static void forget(void)
{
	cv.condvar.waits = 0;
	cv.condvar.wakes = 0;
	cv.mutex.waits = 0;
	cv.mutex.wakes = 0;
	memset(&cv.mutex.death, 0, sizeof(cv.mutex.death));
	memset(&cv.condvar.death, 0, sizeof(cv.condvar.death));
	env_forget();
}

void cv_check(void)
{
	check_credits();
	check_tickets();
	check_owner();
	check_mutex_queue();
	check_threads();
	forget();
}

void cv_show(void)
{
	const struct shs_waiter *w;
	const struct actor *a;
	char tickets[32] = "", queue[32] = "";

	for_each_actor(a)
		if (cv_has_ticket(a))
			snprintf(tickets + strlen(tickets), sizeof(tickets) - strlen(tickets),
				 " %c%s%s", cv_name(a), cv_has_credit(a) ? "!" : "",
				 a->ticket.requeued ? "q" : "");
	list_for_each_entry(w, &cv.mutex.queue, node)
		snprintf(queue + strlen(queue), sizeof(queue) - strlen(queue), " %c%s",
			 cv_name(locker(w)), w->kicked ? "!" : "");
	explore_say("\tword %#x writer %u; tickets%s; mutex's queue%s", cv.shared.word,
		    cv.mutex.rwlock.writer, tickets, queue);
}
