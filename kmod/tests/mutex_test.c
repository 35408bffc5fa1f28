// SPDX-License-Identifier: GPL-2.0-only
/* The transitions of the word, one by one. */
#include "word_box.h"

struct transition {
	u32 before;
	int ret;
	u32 after;
};

static void check_try(const struct transition *t, size_t n, u32 kind, u32 flags, unsigned int who)
{
	size_t i;

	for (i = 0; i < n; i++) {
		start(kind, flags, t[i].before);
		if (box_try(&box, who, 0) != t[i].ret || word() != t[i].after)
			env_fail("%#x becomes %#x, not %#x", t[i].before, word(), t[i].after);
		CHECK_EQ(env.deaths, (t[i].before & SHS_WORD_OWNER) == GONE);
		CHECK_EQ(box.obj.mutex.kernel_holds,
			 (word() & SHS_WORD_OWNER) != KERNEL ? 0 :
			 (t[i].before & SHS_WORD_OWNER) == KERNEL ? 2 : 1);
	}
}

/* Attachment 1 (id 1) tries; 2 is another live one. */
TEST(mutex_try)
{
	static const struct transition t[] = {
		{ 0,		0,		1 },
		{ W,		0,		1 },	/* left over */
		{ D,		-EOWNERDEAD,	1 },
		{ W | D,	-EOWNERDEAD,	1 },
		{ 1,		-EBUSY,		1 },	/* no recursion */
		{ 2,		-EBUSY,		2 },	/* no W: it does not wait */
		{ 2 | W,	-EBUSY,		2 | W },
		{ 2 | D,	-EBUSY,		2 | D },
		{ DEAD,		-EOWNERDEAD,	1 },
		{ GONE,		-EOWNERDEAD,	1 },
		{ GONE | W,	-EOWNERDEAD,	1 },
		{ NOBODY,	-EOWNERDEAD,	1 },
		{ NOBODY | W | K, -EOWNERDEAD,	1 },
	}, fifo[] = {
		{ K,		0,		1 | K },
		{ K | D,	-EOWNERDEAD,	1 | K },
		{ 2 | K,	-EBUSY,		2 | K },
		{ GONE | K,	-EOWNERDEAD,	1 | K },
		{ NOBODY,	-EOWNERDEAD,	1 | K },
		{ 0,		0,		1 | K },	/* K was scribbled away */
	}, cell[] = {
		{ 0,		0,		1 },
		{ D,		0,		1 },
		{ DEAD,		0,		1 },
		{ GONE,		0,		1 },
		{ 2,		-EBUSY,		2 },
	};

	check_try(t, ARRAY_SIZE(t), SHS_KIND_MUTEX, 0, 0);
	check_try(fifo, ARRAY_SIZE(fifo), SHS_KIND_MUTEX, SHS_INIT_FIFO, 0);
	check_try(cell, ARRAY_SIZE(cell), SHS_KIND_CELL, 0, 0);
}

/* Locked by the same thread as often as a number holds, and no more. */
TEST(mutex_depth)
{
	start(SHS_KIND_MUTEX, SHS_INIT_RECURSIVE, K);
	CHECK_EQ(box_try(&box, 0, 0), 0);
	box.obj.hold.depth = S32_MAX - 1;
	CHECK_EQ(box_try(&box, 0, 0), 0);
	CHECK_EQ(box_try(&box, 0, 0), -EOVERFLOW);
	CHECK_EQ(box.obj.hold.depth, S32_MAX);
	CHECK_EQ(word(), 1 | K);
}

/* A single operation shares with others of its sort and keeps D. */
TEST(mutex_try_single)
{
	static const struct transition t[] = {
		{ 0,		0,		KERNEL },
		{ W,		0,		KERNEL },
		{ D,		0,		KERNEL | D },
		{ KERNEL,	0,		KERNEL },
		{ KERNEL | D,	0,		KERNEL | D },
		{ 2,		-EBUSY,		2 },
		{ DEAD,		0,		KERNEL | D },
		{ GONE | W,	0,		KERNEL | D },
		{ NOBODY,	0,		KERNEL | D },
	};

	check_try(t, ARRAY_SIZE(t), SHS_KIND_MUTEX, 0, BOX_SINGLE);
}

/* The kernel's id in the word is worth nothing if no operation holds. */
TEST(mutex_forged_kernel_owner)
{
	start(SHS_KIND_MUTEX, 0, KERNEL);
	box.obj.mutex.kernel_holds = 0;
	CHECK_EQ(box_try(&box, 0, 0), -EOWNERDEAD);
	CHECK_EQ(word(), 1);
}

TEST(mutex_single_does_not_pass_the_queue)
{
	start(SHS_KIND_MUTEX, 0, 0);
	CHECK_EQ(box_try(&box, BOX_SINGLE, 0), 0);
	CHECK_EQ(box_lock(&box, 0, 0), -EBUSY);
	CHECK_EQ(box_try(&box, BOX_SINGLE + 1, 0), -EBUSY);
	CHECK_EQ(word(), KERNEL | W);
	CHECK_EQ(box.obj.mutex.kernel_holds, 1);
}

TEST(mutex_release)
{
	static const struct transition t[] = {
		{ 1,		0,	0 },
		{ 1 | W,	0,	0 },
		{ 1 | D,	0,	0 },
		{ 1 | K,	0,	0 },
		{ 0,		-EPERM,	0 },
		{ W,		-EPERM,	W },
		{ D,		-EPERM,	D },
		{ 2,		-EPERM,	2 },
		{ 2 | W,	-EPERM,	2 | W },
		{ KERNEL,	-EPERM,	KERNEL },
		{ NOBODY,	-EPERM,	NOBODY },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(t); i++) {
		start(SHS_KIND_MUTEX, 0, t[i].before);
		CHECK_EQ(box_unlock(&box, 0, 0), t[i].ret);
		CHECK_EQ(word(), t[i].after);
	}
	start(SHS_KIND_MUTEX, SHS_INIT_FIFO, 1 | K);
	CHECK_EQ(box_unlock(&box, 0, 0), 0);
	CHECK_EQ(word(), K);
}

/* Two single operations: the second to end frees the word, and D is still there. */
TEST(mutex_release_single)
{
	start(SHS_KIND_MUTEX, 0, D);
	CHECK_EQ(box_try(&box, BOX_SINGLE, 0), 0);
	CHECK_EQ(box_try(&box, BOX_SINGLE + 1, 0), 0);
	box_unlock(&box, BOX_SINGLE, 0);
	CHECK_EQ(word(), KERNEL | D);
	box_unlock(&box, BOX_SINGLE + 1, 0);
	CHECK_EQ(word(), D);
	CHECK_EQ(box_try(&box, 0, 0), -EOWNERDEAD);
}

/* A young head competes, so the lock may be taken before it comes. */
TEST(mutex_young_head_is_kicked)
{
	start(SHS_KIND_MUTEX, 0, 1);
	CHECK_EQ(box_lock(&box, 1, 0), -EBUSY);
	CHECK_EQ(word(), 1 | W);
	CHECK(box.task[1].asleep);
	env.now_ns += SHS_HANDOFF_NS;		/* not older than that */
	CHECK_EQ(box_unlock(&box, 0, 0), 0);
	CHECK_EQ(word(), 0);			/* until it comes, anybody's */
	CHECK(box.w[1].kicked && box.w[1].state == SHS_QUEUED && !box.task[1].asleep);
	CHECK_EQ(box_try(&box, 0, 0), 0);	/* barges */
	CHECK_EQ(word(), 1);
	CHECK_EQ(box_wake(&box, 1, 0), -EBUSY);
	CHECK_EQ(word(), 1 | W);
	CHECK(box.task[1].asleep && box.obj.waiters == 1);
}

/* Who queues behind a kicked head sleeps by that one's word; nobody is without W then. */
TEST(mutex_queued_behind_the_kicked)
{
	start(SHS_KIND_MUTEX, 0, 1);
	CHECK_EQ(box_lock(&box, 1, 0), -EBUSY);
	CHECK_EQ(box_unlock(&box, 0, 0), 0);
	CHECK_EQ(box_try(&box, 0, 0), 0);
	CHECK_EQ(box_lock(&box, BOX_SINGLE, 0), -EBUSY);
	CHECK_EQ(word(), 1);
	CHECK(box.task[BOX_SINGLE].asleep);
	CHECK_EQ(box_unlock(&box, 0, 0), 0);
	CHECK_EQ(box_wake(&box, 1, 0), 0);
	CHECK_EQ(word(), 2 | W);
	CHECK_EQ(box_unlock(&box, 1, 0), 0);
	CHECK_EQ(box_wake(&box, BOX_SINGLE, 0), 0);
}

/* One nanosecond older it is handed the lock, with the age of its first queueing. */
TEST(mutex_old_head_is_handed_the_lock)
{
	start(SHS_KIND_MUTEX, 0, 1);
	CHECK_EQ(box_lock(&box, 1, 0), -EBUSY);
	env.now_ns += SHS_HANDOFF_NS;
	CHECK_EQ(box_unlock(&box, 0, 0), 0);
	CHECK_EQ(box_try(&box, 0, 0), 0);
	CHECK_EQ(box_wake(&box, 1, 0), -EBUSY);
	env.now_ns++;
	CHECK_EQ(box_unlock(&box, 0, 0), 0);
	CHECK_EQ(word(), 2);
	CHECK_EQ(box.w[1].state, SHS_SETTLED);
	CHECK_EQ(box_try(&box, 0, 0), -EBUSY);
	CHECK_EQ(box_wake(&box, 1, 0), 0);
}

/* A release ends with the pass: until then user space cannot have the word. */
TEST(mutex_release_is_one_operation)
{
	struct shs_wakes wakes = { };
	struct shs_waiter *w;

	start(SHS_KIND_MUTEX, 0, 1);
	CHECK_EQ(box_lock(&box, 1, 0), -EBUSY);
	CHECK_EQ(box_unlock(&box, 0, 0), 0);
	CHECK_EQ(box_try(&box, 0, 0), 0);
	CHECK_EQ(word(), 1);
	w = box_waiter(&box, 0, 0);
	spin_lock(&box.obj.lock);
	CHECK_EQ(shs_mutex_ops.release(&box.obj, w, false, &wakes), 0);
	CHECK_EQ(word(), W);
	shs_pass(&box.obj, &wakes);
	CHECK_EQ(word(), 0);
	spin_unlock(&box.obj.lock);
	shs_wakes_flush(&wakes);
}

/* The next old one competes, until as much time has gone by again. */
TEST(mutex_handed_now_and_then)
{
	start(SHS_KIND_MUTEX, 0, 1);
	CHECK_EQ(box_lock(&box, 1, 0), -EBUSY);
	CHECK_EQ(box_lock(&box, BOX_SINGLE, 0), -EBUSY);
	env.now_ns += SHS_HANDOFF_NS + 1;
	CHECK_EQ(box_unlock(&box, 0, 0), 0);
	CHECK_EQ(box_wake(&box, 1, 0), 0);
	env.now_ns += SHS_HANDOFF_NS;
	CHECK_EQ(box_unlock(&box, 1, 0), 0);
	CHECK_EQ(word(), 0);
	CHECK(box.w[BOX_SINGLE].kicked && box.w[BOX_SINGLE].state == SHS_QUEUED);
	CHECK_EQ(box_try(&box, 0, 0), 0);
	env.now_ns++;
	CHECK_EQ(box_unlock(&box, 0, 0), 0);
	CHECK_EQ(word(), KERNEL);
	CHECK_EQ(box_wake(&box, BOX_SINGLE, 0), 0);
}

TEST(mutex_fifo_hands_over)
{
	start(SHS_KIND_MUTEX, SHS_INIT_FIFO, 1 | K);
	CHECK_EQ(box_lock(&box, 1, 0), -EBUSY);
	CHECK_EQ(box_lock(&box, BOX_SINGLE, 0), -EBUSY);
	CHECK_EQ(box_unlock(&box, 0, 0), 0);
	CHECK_EQ(word(), 2 | K | W);
	CHECK_EQ(box_wake(&box, 1, 0), 0);
	CHECK_EQ(box_unlock(&box, 1, 0), 0);
	CHECK_EQ(word(), KERNEL | K);
	CHECK_EQ(box.obj.mutex.kernel_holds, 1);
	CHECK_EQ(box_wake(&box, BOX_SINGLE, 0), 0);
	box_unlock(&box, BOX_SINGLE, 0);
	CHECK_EQ(word(), K);
}

/* A grant that raced the deadline or a signal is a grant. */
TEST(mutex_grant_beats_deadline)
{
	start(SHS_KIND_MUTEX, SHS_INIT_FIFO, 1 | K);
	CHECK_EQ(box_lock(&box, 1, 0), -EBUSY);
	CHECK_EQ(box_unlock(&box, 0, 0), 0);
	CHECK_EQ(box_wake(&box, 1, -ETIMEDOUT), 0);
	CHECK_EQ(word(), 2 | K);
}

/* Rule 3, by hand: the head was kicked, times out; the one behind is kicked. */
TEST(mutex_leaver_passes_on)
{
	start(SHS_KIND_MUTEX, 0, 1);
	CHECK_EQ(box_lock(&box, 1, 0), -EBUSY);
	CHECK_EQ(box_lock(&box, BOX_SINGLE, 0), -EBUSY);
	CHECK_EQ(box_unlock(&box, 0, 0), 0);
	CHECK(!box.w[BOX_SINGLE].kicked);
	CHECK_EQ(box_wake(&box, 1, -ETIMEDOUT), -ETIMEDOUT);
	CHECK(box.w[BOX_SINGLE].kicked && !box.task[BOX_SINGLE].asleep);
	CHECK_EQ(box_wake(&box, BOX_SINGLE, 0), 0);
	CHECK_EQ(word(), KERNEL);
}

/* Death of the owner: next is told, once; and repair happens once. */
TEST(mutex_death)
{
	start(SHS_KIND_MUTEX, 0, 1);
	CHECK_EQ(box_lock(&box, 1, 0), -EBUSY);
	box_die(&box, 0);
	CHECK_EQ(env.deaths, 1);
	CHECK_EQ(env.death_id, 1);
	CHECK_EQ(env.death_mode, SHS_MODE_EXCLUSIVE);
	CHECK_EQ(word(), D);
	CHECK(box.w[1].kicked);
	CHECK_EQ(box_wake(&box, 1, 0), -EOWNERDEAD);
	CHECK_EQ(word(), 2);
	box_die(&box, 0);
	CHECK_EQ(env.deaths, 1);
	CHECK_EQ(word(), 2);
	CHECK_EQ(box_unlock(&box, 1, 0), 0);
	CHECK_EQ(box_try(&box, 1, 0), 0);
}

/* Death of one who does not own changes nothing but its place in the queue. */
TEST(mutex_death_of_waiter)
{
	start(SHS_KIND_MUTEX, 0, 1);
	CHECK_EQ(box_lock(&box, 1, 0), -EBUSY);
	CHECK_EQ(box_lock(&box, BOX_SINGLE, 0), -EBUSY);
	box_die(&box, 1);
	CHECK_EQ(env.deaths, 0);
	CHECK_EQ(word(), 1 | W);
	CHECK_EQ(box.obj.waiters, 1);
	CHECK_EQ(box_wake(&box, 1, 0), -ENXIO);
	CHECK_EQ(box_unlock(&box, 0, 0), 0);
	CHECK(box.w[BOX_SINGLE].kicked);
}

/* Found without users by a contender, closed later: repaired once. */
TEST(mutex_early_repair)
{
	start(SHS_KIND_MUTEX, 0, GONE);
	CHECK_EQ(box_try(&box, 0, 0), -EOWNERDEAD);
	CHECK_EQ(box.att[GONE - 1].state, SHS_ATT_DEAD);
	box_die(&box, GONE - 1);
	CHECK_EQ(env.deaths, 1);
	CHECK_EQ(word(), 1);
}

/* Repair amid the service of the queue cancels the last waiter: nobody is left to kick. */
TEST(mutex_repair_amid_service)
{
	start(SHS_KIND_MUTEX, 0, 1);
	box_waiter(&box, 5, 0)->att = &box.att[0];	/* a second thread of the owner */
	CHECK_EQ(waits_enter(&box.obj, &box.w[5], true), -EBUSY);
	CHECK_EQ(box_lock(&box, 1, 0), -EBUSY);
	box.mm[0].mm_users = 0;
	CHECK_EQ(box_wake(&box, 1, -ETIMEDOUT), -ETIMEDOUT);
	CHECK_EQ(box.w[5].result, -ENXIO);
	CHECK_EQ(box.obj.waiters, 0);
	CHECK_EQ(box_try(&box, 1, 0), -EOWNERDEAD);
}

TEST(mutex_not_live)
{
	start(SHS_KIND_MUTEX, 0, 0);
	CHECK_EQ(box_try(&box, DEAD - 1, 0), -ENXIO);
	CHECK_EQ(box_lock(&box, DEAD - 1, 0), -ENXIO);
	box.att[1].state = SHS_ATT_NEW;
	CHECK_EQ(box_try(&box, 1, 0), -ENXIO);
	CHECK_EQ(word(), 0);
	CHECK_EQ(box.obj.waiters, 0);
}

TEST(mutex_clear_died)
{
	start(SHS_KIND_MUTEX, 0, D);
	CHECK_EQ(box_try(&box, BOX_SINGLE, 0), 0);
	CHECK(shs_mutex_died(&box.obj));
	CHECK_EQ(shs_mutex_owner(&box.obj), KERNEL);
	spin_lock(&box.obj.lock);
	CHECK_EQ(shs_forget_death(&box.obj), 0);
	spin_unlock(&box.obj.lock);
	CHECK(!shs_mutex_died(&box.obj));
	CHECK_EQ(word(), KERNEL);
	box_unlock(&box, BOX_SINGLE, 0);
	CHECK_EQ(box_try(&box, 0, 0), 0);
}

static u32 changes;

static void change_word(enum env_access access, const void *p)
{
	if (access == ENV_CMPXCHG && p == &box.shared.head.word)
		box.shared.head.word = NOBODY + ++changes;
}

static void start_change(u32 flags, u32 word)
{
	start(SHS_KIND_MUTEX, flags, word);
	changes = 0;
	env_race = change_word;
}

/* A word that changes without end: bounded, and nothing but this call is refused. */
TEST(mutex_hostile_word)
{
	start_change(0, 0);
	CHECK_EQ(box_try(&box, 0, 0), -EAGAIN);
	CHECK_EQ(changes, SHS_CAS_TRIES);
	start_change(0, 0);
	CHECK_EQ(box_lock(&box, 0, 0), -EAGAIN);
	CHECK_EQ(box.obj.waiters, 0);
	start_change(0, 0);
	CHECK_EQ(box_try(&box, BOX_SINGLE, 0), -EAGAIN);
	CHECK_EQ(box.obj.mutex.kernel_holds, 0);
}

static void flip_waiters(enum env_access access, const void *p)
{
	if (access == ENV_CMPXCHG && p == &box.shared.head.word) {
		box.shared.head.word ^= D;
		changes++;
	}
}

/* The owner's own release, its repair, and the service of the queue are bounded too. */
TEST(mutex_hostile_word_of_owner)
{
	start_change(0, 1);
	env_race = NULL;
	CHECK_EQ(box_lock(&box, 1, 0), -EBUSY);
	env_race = flip_waiters;
	CHECK_EQ(box_unlock(&box, 0, 0), -EAGAIN);
	CHECK_EQ(word() & SHS_WORD_OWNER, 1);
	box_die(&box, 0);
	CHECK_EQ(box.att[0].state, SHS_ATT_DEAD);
	CHECK(box.w[1].kicked);			/* comes to see for itself */
	env_race = NULL;
	CHECK_EQ(box_wake(&box, 1, 0), -EOWNERDEAD);
	CHECK_EQ(word(), 2);
}

static int recover(int i)
{
	int ret;

	spin_lock(&box.obj.lock);
	ret = shs_recover(&box.obj, &box.att[i]);
	spin_unlock(&box.obj.lock);
	return ret;
}

/* What is not declared good stays to be declared. */
TEST(mutex_hostile_word_of_recovery)
{
	start_change(SHS_INIT_STRICT, D);
	env_race = NULL;
	CHECK_EQ(box_try(&box, 0, 0), -EOWNERDEAD);
	env_race = flip_waiters;
	CHECK_EQ(recover(0), -EAGAIN);
	env_race = NULL;
	CHECK(shs_mutex_died(&box.obj));
	CHECK_EQ(recover(0), 0);
	CHECK_EQ(recover(0), -EINVAL);
	CHECK_EQ(recover(1), -EPERM);
}

static int watch(int i, bool on)
{
	int ret;

	spin_lock(&box.obj.lock);
	ret = shs_watch(&box.att[i], on);
	spin_unlock(&box.obj.lock);
	return ret;
}

/* Watched it is, or not at all; what goes off meanwhile goes off with the next owner. */
TEST(mutex_hostile_word_watched)
{
	start_change(0, 0);
	env_race = flip_waiters;
	CHECK_EQ(watch(0, true), -EAGAIN);
	CHECK_EQ(box.obj.watchers, 0);
	env_race = NULL;
	box.shared.head.word = 0;
	CHECK_EQ(watch(0, true), 0);
	CHECK_EQ(watch(1, true), 0);
	CHECK_EQ(word(), K);
	CHECK_EQ(watch(0, false), 0);
	CHECK_EQ(word(), K);
	env_race = flip_waiters;
	CHECK_EQ(watch(1, false), 0);
	CHECK_EQ(box.obj.watchers, 0);
	env_race = NULL;
	CHECK_EQ(word() & K, K);
	box_try(&box, 0, 0);
	CHECK_EQ(word() & K, 0);
}

/* With strict order and such a word the head is kicked, and not wedged for good. */
TEST(mutex_hostile_word_fifo)
{
	start_change(SHS_INIT_FIFO, 1 | K);
	env_race = NULL;
	CHECK_EQ(box_lock(&box, 1, 0), -EBUSY);
	env_race = change_word;
	box_unlock(&box, 0, 0);
	env_race = NULL;
	CHECK(box.w[1].kicked || box.w[1].state == SHS_SETTLED);
	CHECK_EQ(box_wake(&box, 1, 0), -EOWNERDEAD);
	CHECK_EQ(word(), 2 | K);
}
