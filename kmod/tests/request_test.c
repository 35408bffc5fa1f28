// SPDX-License-Identifier: GPL-2.0-only
/* Waiters that nobody sleeps on: told once, by who settled them, and never kicked. */
#include "box.h"

#define REQUESTS	12

static struct box box;

static struct request {
	struct shs_waiter w;
	unsigned int told;
} request[REQUESTS];

static void start(u32 kind, u32 flags)
{
	memset(request, 0, sizeof(request));
	box_init(&box, kind, flags, BOX_SINGLE);
}

static void tell(struct shs_waiter *w)
{
	struct request *r = container_of(w, struct request, w);

	if (env.locks)
		env_fail("a request is told under the lock");
	if (w->state != SHS_SETTLED)
		env_fail("a request is told before it is settled");
	r->told++;
}

static void pass(void)
{
	struct shs_wakes wakes = { };

	spin_lock(&box.obj.lock);
	shs_pass(&box.obj, &wakes);
	spin_unlock(&box.obj.lock);
	shs_wakes_flush(&wakes);
}

/* Request i, of attachment i. */
static int queue(unsigned int i, u32 mode)
{
	struct shs_waiter *w = &request[i].w;
	struct shs_wakes wakes = { };
	int ret;

	*w = (struct shs_waiter) {
		.att = &box.att[i], .thread = &box.task[i].pid, .mode = mode, .done = tell,
		.process = &box.mm[i], .call = 8 + i,
		.permits = box.obj.kind == SHS_KIND_SEMAPHORE,
	};
	INIT_LIST_HEAD(&w->node);
	spin_lock(&box.obj.lock);
	ret = shs_kind_ops(box.obj.kind)->try(&box.obj, w, &wakes);
	if (ret == -EBUSY)
		shs_enqueue(&box.obj, w);
	shs_pass(&box.obj, &wakes);
	spin_unlock(&box.obj.lock);
	shs_wakes_flush(&wakes);
	return ret;
}

static u32 word(void)
{
	return box.shared.head.word;
}

/* It is made the owner by the release, however young it is. */
TEST(request_is_handed_over)
{
	start(SHS_KIND_MUTEX, 0);
	CHECK_EQ(box_lock(&box, 0, 0), 0);
	CHECK_EQ(queue(1, 0), -EBUSY);
	CHECK_EQ(queue(2, 0), -EBUSY);
	CHECK_EQ(word(), 1 | SHS_WORD_WAITERS);
	CHECK_EQ(box_unlock(&box, 0, 0), 0);
	CHECK_EQ(word(), 2 | SHS_WORD_WAITERS);
	CHECK_EQ(request[1].told, 1);
	CHECK_EQ(request[1].w.result, 0);
	CHECK_EQ(request[2].told, 0);
	CHECK_EQ(box_unlock(&box, 1, 0), 0);
	CHECK_EQ(word(), 3);
	CHECK_EQ(request[2].told, 1);
	CHECK(!request[1].w.kicked && !request[2].w.kicked);
}

/* With the notice of a death, once. */
TEST(request_is_told_of_a_death)
{
	start(SHS_KIND_MUTEX, 0);
	CHECK_EQ(box_lock(&box, 0, 0), 0);
	CHECK_EQ(queue(1, 0), -EBUSY);
	CHECK_EQ(queue(2, 0), -EBUSY);
	box_die(&box, 0);
	CHECK_EQ(request[1].w.result, -EOWNERDEAD);
	CHECK_EQ(box_unlock(&box, 1, 0), 0);
	CHECK_EQ(request[2].w.result, 0);
	CHECK_EQ(request[1].told + request[2].told, 2);
}

/* A process on its way out is not made the owner: nobody would be told of its death. */
TEST(request_of_who_leaves)
{
	static const u32 kinds[] = { SHS_KIND_MUTEX, SHS_KIND_RWLOCK };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(kinds); i++) {
		start(kinds[i], 0);
		CHECK_EQ(box_lock(&box, 0, 0), 0);
		CHECK_EQ(queue(1, 0), -EBUSY);
		CHECK_EQ(queue(2, 0), -EBUSY);
		box.mm[1].mm_users = 0;
		CHECK_EQ(box_unlock(&box, 0, 0), 0);
		CHECK_EQ(request[1].w.result, -ENXIO);
		CHECK_EQ(request[1].told, 1);
		CHECK_EQ(request[2].w.result, 0);
		CHECK_EQ(request[2].told, 1);
		CHECK_EQ(env.deaths, 0);
	}
}

/* Nor is it given permits. */
TEST(request_of_who_leaves_a_semaphore)
{
	u32 value[2] = { 0, 1 };
	unsigned int i;

	start(SHS_KIND_SEMAPHORE, 0);
	memcpy(shs_value(&box.obj), value, sizeof(value));
	for (i = 1; i < 3; i++)
		CHECK_EQ(queue(i, 0), -EBUSY);
	box.mm[1].mm_users = 0;
	((u32 *)shs_value(&box.obj))[0] = 1;
	pass();
	CHECK_EQ(request[1].w.result, -ENXIO);
	CHECK_EQ(request[2].w.result, 0);
	CHECK_EQ(box.att[2].held, 1);
	CHECK_EQ(env.deaths, 0);
}

/* The same where the queue is walked. */
TEST(request_of_who_leaves_a_once)
{
	start(SHS_KIND_ONCE, 0);
	CHECK_EQ(queue(0, 0), 0);
	CHECK_EQ(queue(1, 0), -EBUSY);
	CHECK_EQ(queue(2, 0), -EBUSY);
	box.mm[1].mm_users = 0;
	spin_lock(&box.obj.lock);
	CHECK_EQ(shs_once_finish(&box.obj, 1, false, NULL), 0);
	spin_unlock(&box.obj.lock);
	pass();
	CHECK_EQ(request[1].w.result, -ENXIO);
	CHECK_EQ(request[2].w.result, 0);
	CHECK_EQ(request[2].w.reply, SHS_ONCE_RUNNING);
	CHECK_EQ(request[1].told + request[2].told, 2);
}

/* Readers are let in together; more of them than a struct shs_wakes has room for tasks. */
TEST(request_readers)
{
	unsigned int i;

	start(SHS_KIND_RWLOCK, 0);
	CHECK_EQ(box_lock(&box, 0, 0), 0);
	for (i = 1; i < BOX_SINGLE; i++)
		CHECK_EQ(queue(i, SHS_MODE_READ), -EBUSY);
	CHECK_EQ(box_unlock(&box, 0, 0), 0);
	for (i = 1; i < BOX_SINGLE; i++) {
		CHECK_EQ(request[i].told, 1);
		CHECK_EQ(request[i].w.result, 0);
	}
}

/* By the address of its struct, and by its own process. */
TEST(request_is_cancelled)
{
	struct shs_wakes wakes = { };

	start(SHS_KIND_MUTEX, 0);
	CHECK_EQ(box_lock(&box, 0, 0), 0);
	CHECK_EQ(queue(1, 0), -EBUSY);
	spin_lock(&box.obj.lock);
	CHECK_EQ(shs_cancel(&box.obj, &box.mm[2], 9, &wakes), 0);
	CHECK_EQ(shs_cancel(&box.obj, &box.mm[1], 10, &wakes), 0);
	CHECK_EQ(shs_cancel(&box.obj, &box.mm[1], 9, &wakes), 1);
	CHECK_EQ(shs_cancel(&box.obj, &box.mm[1], 9, &wakes), 0);
	spin_unlock(&box.obj.lock);
	CHECK_EQ(request[1].told, 0);
	shs_wakes_flush(&wakes);
	CHECK_EQ(request[1].told, 1);
	CHECK_EQ(request[1].w.result, -ECANCELED);
	CHECK_EQ(box_unlock(&box, 0, 0), 0);
	CHECK_EQ(word(), 0);
}

/* Its attachment ends while it waits. */
TEST(request_ends_with_its_attachment)
{
	start(SHS_KIND_MUTEX, 0);
	CHECK_EQ(box_lock(&box, 0, 0), 0);
	CHECK_EQ(queue(1, 0), -EBUSY);
	box_die(&box, 1);
	CHECK_EQ(request[1].told, 1);
	CHECK_EQ(request[1].w.result, -ENXIO);
	CHECK_EQ(box_unlock(&box, 0, 0), 0);
	CHECK_EQ(word(), 0);
}

/* As an armed wait is queued, or granted at once. */
static int arm(unsigned int i, u32 mode)
{
	struct shs_waiter *w = &request[i].w;
	struct shs_wakes wakes = { };
	int ret;

	*w = (struct shs_waiter) {
		.att = &box.att[i], .thread = &box.task[i].pid, .mode = mode, .done = tell,
		.armed = &box.att[i], .permits = box.obj.kind == SHS_KIND_SEMAPHORE,
	};
	INIT_LIST_HEAD(&w->node);
	spin_lock(&box.obj.lock);
	ret = shs_kind_ops(box.obj.kind)->try(&box.obj, w, &wakes);
	if (ret == -EBUSY) {
		shs_enqueue(&box.obj, w);
	} else {
		w->result = ret;
		shs_leave_unclaimed(w);
	}
	shs_pass(&box.obj, &wakes);
	spin_unlock(&box.obj.lock);
	shs_wakes_flush(&wakes);
	return ret;
}

/* What its process was granted and had not collected when it died goes on as it came. */
TEST(armed_grant_of_the_dead)
{
	start(SHS_KIND_MUTEX, 0);
	CHECK_EQ(arm(0, 0), 0);
	CHECK_EQ(arm(1, 0), -EBUSY);
	box_die(&box, 0);
	CHECK_EQ(request[0].w.result, -ENXIO);
	CHECK_EQ(request[1].w.result, 0);
	CHECK_EQ(word(), 2);
	CHECK_EQ(env.deaths, 0);
	box_die(&box, 1);
	CHECK_EQ(word(), 0);
	CHECK_EQ(env.deaths, 0);
}

/* With the notice of the death that it came with, until somebody is told. */
TEST(armed_notice_of_the_dead)
{
	unsigned int i;

	start(SHS_KIND_MUTEX, 0);
	CHECK_EQ(box_lock(&box, 0, 0), 0);
	for (i = 1; i < 4; i++)
		CHECK_EQ(arm(i, 0), -EBUSY);
	for (i = 0; i < 3; i++) {
		box_die(&box, i);
		CHECK_EQ(request[i + 1].w.result, -EOWNERDEAD);
		CHECK_EQ(request[i + 1].told, 1);
	}
	CHECK_EQ(env.deaths, 1);
}

/* One that was collected is held, as any lock: its holder's death is news. */
TEST(armed_and_collected)
{
	start(SHS_KIND_MUTEX, 0);
	CHECK_EQ(arm(0, 0), 0);
	hlist_del_init(&request[0].w.unclaimed);
	CHECK_EQ(arm(1, 0), -EBUSY);
	box_die(&box, 0);
	CHECK_EQ(request[0].w.result, 0);
	CHECK_EQ(request[1].w.result, -EOWNERDEAD);
	CHECK_EQ(env.deaths, 1);
}

/* Readers, a writer who waits for them, permits and turns: the same. */
TEST(armed_of_other_kinds)
{
	u32 value[2] = { 1, 1 };

	start(SHS_KIND_RWLOCK, 0);
	CHECK_EQ(arm(0, SHS_MODE_READ), 0);
	CHECK_EQ(arm(1, 0), -EBUSY);
	box_die(&box, 0);
	CHECK_EQ(request[1].w.result, 0);
	CHECK_EQ(arm(2, SHS_MODE_READ), -EBUSY);
	box_die(&box, 1);
	CHECK_EQ(request[2].w.result, 0);
	CHECK_EQ(env.deaths, 0);

	start(SHS_KIND_SEMAPHORE, 0);
	memcpy(shs_value(&box.obj), value, sizeof(value));
	CHECK_EQ(arm(0, 0), 0);
	CHECK_EQ(arm(1, 0), -EBUSY);
	box_die(&box, 0);
	CHECK_EQ(request[1].w.result, 0);
	CHECK_EQ(env.deaths, 0);

	start(SHS_KIND_ONCE, SHS_INIT_POISON);
	CHECK_EQ(arm(0, 0), 0);
	CHECK_EQ(arm(1, 0), -EBUSY);
	box_die(&box, 0);
	CHECK_EQ(request[1].w.result, 0);
	CHECK_EQ(request[1].w.reply, SHS_ONCE_RUNNING);
	CHECK_EQ(env.deaths, 0);
}
