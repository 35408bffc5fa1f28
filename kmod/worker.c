// SPDX-License-Identifier: GPL-2.0-only
/*
 * Waits that came by io_uring where commands cannot be cancelled (before 6.7): the issue
 * tries, and if it must wait asks for a worker of the ring, who sleeps as the thread that
 * submitted it would.  Closing the ring, exec, exit and IORING_OP_ASYNC_CANCEL end that
 * sleep by a signal.
 *
 * A task has so many workers for all that may block.  If all of them wait here, nothing
 * that needs a worker gets one, perhaps what they wait for.  So a process has one wait
 * less than that, and -EBUSY beyond.  How many they are the task's first ring has said,
 * which cannot be asked: this goes by the ring that the wait came by.
 */
#include <linux/hashtable.h>
#include "many.h"

#ifndef SHS_HAVE_URING_CANCELABLE

struct sleepers {
	struct hlist_node node;
	const void *mm;
	unsigned int n;
};

static DEFINE_MUTEX(lock);
static DEFINE_HASHTABLE(all, 6);	/* of processes that have any; by mm, under lock */

static struct sleepers *find(const void *mm)
{
	struct sleepers *s;

	hash_for_each_possible(all, s, node, (uintptr_t)mm)
		if (s->mm == mm)
			return s;
	return NULL;
}

static struct sleepers *add(const void *mm)
{
	struct sleepers *s = kzalloc(sizeof(*s), SHS_GFP);

	if (!s)
		return NULL;
	s->mm = mm;
	hash_add(all, &s->node, (uintptr_t)mm);
	return s;
}

/* How many of a task's workers may sleep here: all of them but one. */
static unsigned int limit(const struct io_uring_cmd *cmd)
{
	const struct io_ring_ctx *ring = cmd_to_io_kiocb((void *)cmd)->ctx;

	return min(ring->sq_entries, 4 * num_online_cpus()) - 1;
}

/* 0: the caller may sleep until shs_worker_end(). */
int shs_worker_begin(struct shs_door *door)
{
	struct sleepers *s;
	int ret = 0;

	if (door->issue_flags & IO_URING_F_NONBLOCK) {
		door->retry = true;
		return -EAGAIN;
	}
	mutex_lock(&lock);
	s = find(current->mm);
	if ((s ? s->n : 0) >= limit(door->cmd))
		ret = -EBUSY;
	else if (!s)
		s = add(current->mm);
	if (!ret && !s)
		ret = -ENOMEM;
	if (!ret)
		s->n++;
	mutex_unlock(&lock);
	return ret;
}

void shs_worker_end(void)
{
	struct sleepers *s;

	mutex_lock(&lock);
	s = find(current->mm);
	if (!--s->n) {
		hash_del(&s->node);
		kfree(s);
	}
	mutex_unlock(&lock);
}

static int worker_wait(struct shs_object *obj, struct shs_waiter *w, const struct shs_deadline *d,
		       struct shs_door *door)
{
	int ret = shs_first_try(obj, w, door);

	if (ret == -EBUSY && d) {
		ret = shs_worker_begin(door);
		if (ret)
			return ret;
		ret = shs_acquire(obj, w, d);
		shs_worker_end();
	}
	return shs_door_closed(door->cmd) ? shs_give_back(obj, w, ret) : ret;
}

static int worker_many(struct shs_many_wait *m, struct shs_door *door)
{
	int ret;

	m->may_wait = false;
	ret = shs_many_run(m);
	m->may_wait = true;
	if (ret != -EBUSY)
		return shs_many_end(m, shs_door_closed(door->cmd));
	ret = shs_worker_begin(door);
	if (ret)
		return ret;
	ret = shs_many_run(m);
	shs_worker_end();
	return ret == -ERESTARTSYS ? ret : shs_many_end(m, shs_door_closed(door->cmd));
}

const struct shs_door_ops shs_ring = {
	.wait = worker_wait,
	.many = worker_many,
};

#endif
