// SPDX-License-Identifier: GPL-2.0-only
/*
 * SHS_IOC_WAIT: the sleeping side of condvar.c.
 *
 *   new wait    ticket on the queue; mutex released; started = 1
 *   sleep       until settled (notify), expired (deadline), or a signal
 *   take back   the mutex, in whose queue a notify has put the ticket already; without
 *               deadline, or until a signal
 *
 * The mutex may be a rwlock, held for writing.  A signal in either sleep returns
 * -ERESTARTSYS and keeps the ticket; started, in the caller's struct, makes the
 * restarted call go on with it.
 */
#include <linux/file.h>
#include <linux/pid.h>
#include <linux/sched/signal.h>
#include "shstate.h"

struct condwait {
	struct shs_door *door;		/* NULL: a call, which a signal may interrupt */
	struct shs_request *request;	/* if no thread is to sleep */
	u64 call;
	struct shs_attachment *att;	/* of the condvar */
	struct shs_attachment *mutex;
	struct file *mutex_file;
	struct shs_deadline deadline;
	struct shs_ticket *ticket;
};

static struct shs_ticket *ticket_new(const struct condwait *c)
{
	struct shs_ticket *t = kzalloc(sizeof(*t), GFP_KERNEL_ACCOUNT);

	if (!t)
		return NULL;
	t->thread = get_pid(shs_caller(c->door));
	t->request = c->request;
	t->mutex_file = get_file(c->mutex_file);
	t->w.att = c->att;
	t->w.thread = t->thread;
	t->w.process = current->mm;
	t->w.call = c->call;
	t->w.by_ring = c->door;
	t->again.by_ring = c->door;
	INIT_LIST_HEAD(&t->again.node);
	t->again.att = c->mutex;
	t->again.mode = SHS_MODE_EXCLUSIVE;
	t->again.thread = t->thread;
	t->again.patient = true;
	return t;
}

void shs_ticket_free(struct shs_ticket *t)
{
	fput(t->mutex_file);
	put_pid(t->thread);
	kfree(t);
}

/*
 * Takes t out; pass: an unused notify goes to the next.  How the wait ended, which stands
 * from now on: 0, -ETIMEDOUT, -ECANCELED, or -ENXIO if the attachment ended and its
 * notify, if it had one, was passed on.
 */
int shs_ticket_leave(struct shs_ticket *t, bool pass)
{
	struct shs_object *obj = t->w.att->obj;
	struct shs_wakes wakes = { };
	int ret;

	spin_lock(&obj->lock);
	ret = t->expired ? -ETIMEDOUT : t->w.result;
	shs_ticket_drop(obj, t, pass, &wakes);
	spin_unlock(&obj->lock);
	shs_wakes_flush(&wakes);
	return ret;
}

static int shs_ticket_end(struct shs_ticket *t, bool pass)
{
	int ret = shs_ticket_leave(t, pass);

	shs_ticket_free(t);
	return ret;
}

/* All tickets of an attachment that nobody can use any more. */
void shs_tickets_free(struct shs_attachment *att)
{
	struct shs_ticket *t, *next;

	list_for_each_entry_safe(t, next, &att->tickets, att_node)
		shs_ticket_end(t, true);
}

static struct shs_ticket *find_own(struct shs_attachment *att)
{
	struct shs_ticket *t, *found = NULL;

	spin_lock(&att->obj->lock);
	list_for_each_entry(t, &att->tickets, att_node)
		if (t->thread == task_pid(current) && !t->w.by_ring)
			found = t;
	spin_unlock(&att->obj->lock);
	return found;
}

/* A command may be issued in the middle of a call of the same thread: no sign of that. */
static bool is_abandoned(const struct shs_ticket *t, const struct shs_door *door)
{
	if (t->w.by_ring)
		return false;
	return (!door && t->thread == task_pid(current)) || shs_thread_is_gone(t->thread);
}

/*
 * Tickets left behind: this thread's own, which it abandoned by not calling again,
 * and those of threads that ended meanwhile.  So a thread has one ticket at most, but
 * for those that came by io_uring, whose commands end them.
 */
static void drop_abandoned(struct shs_attachment *att, const struct shs_door *door)
{
	struct shs_object *obj = att->obj;
	struct shs_wakes wakes = { };
	struct shs_ticket *t, *next;
	LIST_HEAD(dropped);

	spin_lock(&obj->lock);
	list_for_each_entry_safe(t, next, &att->tickets, att_node) {
		if (!is_abandoned(t, door))
			continue;
		shs_ticket_drop(obj, t, true, &wakes);
		list_add(&t->att_node, &dropped);
	}
	spin_unlock(&obj->lock);
	shs_wakes_flush(&wakes);
	list_for_each_entry_safe(t, next, &dropped, att_node)
		shs_ticket_free(t);
}

/* Releases the mutex that the caller's process holds. */
static int release_mutex(struct shs_attachment *att, const struct shs_door *door)
{
	struct shs_waiter w = { .att = att, .thread = shs_caller(door) };
	struct shs_object *obj = att->obj;
	struct shs_wakes wakes = { };
	int ret = -ENXIO;

	spin_lock(&obj->lock);
	if (shs_mutex_is_nested(obj, &w))
		ret = -EDEADLK;
	else if (att->state == SHS_ATT_LIVE)
		ret = shs_kind_ops(obj->kind)->release(obj, &w, false, &wakes);
	shs_pass(obj, &wakes);
	spin_unlock(&obj->lock);
	shs_wakes_flush(&wakes);
	return ret;
}

/* The ticket queues and the mutex is free; nobody sleeps on the ticket yet. */
static int queue_and_release(struct condwait *c)
{
	struct shs_attachment *att = c->att;
	struct shs_object *obj = att->obj;
	struct shs_ticket *t;
	int ret = -ENXIO;

	drop_abandoned(att, c->door);
	t = ticket_new(c);
	if (!t)
		return -ENOMEM;
	spin_lock(&obj->lock);
	if (att->state == SHS_ATT_LIVE)
		ret = shs_condvar_bind(obj, c->mutex->obj->serial);
	if (!ret)
		shs_ticket_add(obj, t);
	spin_unlock(&obj->lock);
	if (ret) {
		shs_ticket_free(t);
		return ret;
	}
	ret = release_mutex(c->mutex, c->door);
	if (ret)
		shs_ticket_end(t, true);
	else
		c->ticket = t;
	return ret;
}

static void sleeps_on(struct condwait *c)
{
	struct shs_object *obj = c->att->obj;

	spin_lock(&obj->lock);
	c->ticket->w.task = current;
	spin_unlock(&obj->lock);
}

static int begin(struct condwait *c)
{
	int ret = queue_and_release(c);

	/* before, a notify must not queue it for a mutex that may yet be held */
	if (!ret)
		sleeps_on(c);
	return ret;
}

static int resume(struct condwait *c)
{
	c->ticket = find_own(c->att);
	if (!c->ticket)
		return -EINVAL;
	if (c->ticket->again.att != c->mutex) {
		shs_ticket_end(c->ticket, true);
		return -EINVAL;
	}
	sleeps_on(c);
	return 0;
}

/* 0: notified or expired.  -ERESTARTSYS: neither yet, nobody sleeps on it now. */
static int sleep_on_ticket(struct condwait *c)
{
	struct shs_object *obj = c->att->obj;
	struct shs_ticket *t = c->ticket;
	int ret;

	if (t->expired)
		return 0;
	ret = shs_sleep(&t->w, &c->deadline);
	spin_lock(&obj->lock);
	if (t->w.state == SHS_SETTLED) {
		ret = t->w.result;
	} else if (ret == -ETIMEDOUT) {
		shs_dequeue(obj, &t->w);
		t->expired = true;
		ret = 0;
	}
	t->w.task = NULL;
	spin_unlock(&obj->lock);
	return ret;
}

/*
 * The ticket is its sleeper's again.  If that goes away for a signal, it has a notify
 * that the end of the attachment, which came meanwhile, left to it; now nobody may come
 * back for that.
 */
static void end_requeue(struct condwait *c, bool interrupted)
{
	struct shs_object *obj = c->att->obj;
	struct shs_wakes wakes = { };

	spin_lock(&obj->lock);
	c->ticket->requeued = false;
	if (interrupted && c->att->state == SHS_ATT_DEAD)
		shs_ticket_forgo(obj, c->ticket, &wakes);
	spin_unlock(&obj->lock);
	shs_wakes_flush(&wakes);
}

static int take_back(struct condwait *c)
{
	static const struct shs_deadline never = { KTIME_MAX, CLOCK_MONOTONIC };
	struct shs_ticket *t = c->ticket;
	int ret;

	ret = t->requeued ? shs_acquire_queued(c->mutex->obj, &t->again, &never) : -EAGAIN;
	while (ret == -EAGAIN) {	/* also by a word that others rewrite without end */
		ret = shs_acquire(c->mutex->obj, &t->again, &never);
		if (ret == -EAGAIN && signal_pending(current))
			ret = -ERESTARTSYS;
		cond_resched();
	}
	end_requeue(c, ret == -ERESTARTSYS);
	return ret;
}

/*
 * However the sleep ended but for a signal, also by the end of the condvar's
 * attachment (-ENXIO): the mutex is taken back before the caller is told.
 */
static int condwait(struct condwait *c, bool started)
{
	int ret, ended;

	ret = started ? resume(c) : begin(c);
	if (ret)
		return ret;
	ret = sleep_on_ticket(c);
	if (ret != -ERESTARTSYS)
		ret = take_back(c);
	if (SHS_URING_WORKERS && c->door && shs_door_closed(c->door->cmd))
		ret = shs_give_back(c->mutex->obj, &c->ticket->again, ret);
	if (ret == -ERESTARTSYS && !c->door && !fatal_signal_pending(current))
		return ret;
	ended = shs_ticket_end(c->ticket, ret && ret != -EOWNERDEAD);
	return ret ?: ended;
}

/* The same without a thread that sleeps. */
static int condwait_by_request(struct condwait *c)
{
	int ret;

	if (shs_request_limit(c->att->obj, true))
		return -EUSERS;
	c->request = shs_request_new(c->att->obj, c->door);
	if (!c->request)
		return -ENOMEM;
	ret = queue_and_release(c);
	if (!ret)
		return shs_request_ticket(c->request, c->ticket, &c->deadline);
	shs_request_free(c->request);
	return ret;
}

/* The attachment of a mutex or rwlock behind fd, with its file held; or what is wrong with it. */
static struct shs_attachment *get_mutex(int fd, const struct shs_object *condvar,
					struct file **file)
{
	struct shs_attachment *att;
	int ret = -EINVAL;

	*file = fget(fd);
	if (!*file)
		return ERR_PTR(-EBADF);
	if ((*file)->f_op != &shs_att_fops)
		goto put;
	att = (*file)->private_data;
	if ((att->obj->kind != SHS_KIND_MUTEX && att->obj->kind != SHS_KIND_RWLOCK) ||
	    att->obj->sb != condvar->sb)
		goto put;
	ret = shs_att_check(att);
	if (!ret)
		return att;
put:
	fput(*file);
	return ERR_PTR(ret);
}

/* By a thread that sleeps, its own or a worker of io_uring. */
static int condwait_by_thread(struct condwait *c, bool started)
{
	int ret;

	if (!SHS_URING_WORKERS || !c->door)
		return condwait(c, started);
	ret = shs_worker_begin(c->door);
	if (ret)
		return ret;
	ret = condwait(c, false);
	shs_worker_end();
	return ret;
}

long shs_condvar_wait(struct shs_attachment *att, void __user *argp, struct shs_door *door)
{
	struct shs_ioc_wait __user *user = argp;
	struct condwait c = { .att = att, .door = door, .call = (uintptr_t)argp };
	struct shs_ioc_wait args;
	long ret;

	ret = shs_copy_in_from(&args, sizeof(args), offsetof(struct shs_ioc_wait, pad1), argp);
	if (ret)
		return ret;
	if (args.flags || args.started > !door || memchr_inv(args.pad, 0, sizeof(args.pad)) ||
	    args.pad1 || args.notice)
		return -EINVAL;
	ret = shs_deadline_set(&c.deadline, args.deadline, args.clock);
	if (ret)
		return ret;
	if (att->obj->kind != SHS_KIND_CONDVAR)
		return -EOPNOTSUPP;
	if (!att->may_write)
		return -EACCES;		/* a waiter binds the mutex and uses up notifies */
	c.mutex = get_mutex(args.mutex_fd, att->obj, &c.mutex_file);
	if (IS_ERR(c.mutex))
		return PTR_ERR(c.mutex);
	if (door && door->ops->post)
		ret = condwait_by_request(&c);
	else if (!door && put_user(1, &user->started))
		ret = -EFAULT;
	else
		ret = condwait_by_thread(&c, args.started);
	if (!door && ret != -ERESTARTSYS)
		put_user(0, &user->started);	/* over; a lost store shows as -EINVAL later */
	fput(c.mutex_file);
	return ret;
}
