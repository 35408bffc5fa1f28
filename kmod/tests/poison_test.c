// SPDX-License-Identifier: GPL-2.0-only
/* What a death leaves behind under each policy, one step after the other. */
#include "box.h"

#define D	SHS_WORD_DIED
#define K	SHS_WORD_KERNEL
#define X	SHS_MODE_EXCLUSIVE
#define R	SHS_MODE_READ
#define U	SHS_MODE_UPGRADABLE

static struct box box;

static void start(u32 kind, u32 flags)
{
	box_init(&box, kind, flags, BOX_SINGLE);
	if (kind == SHS_KIND_MUTEX)
		box.shared.head.word = shs_mutex_new_word(flags);
}

static int recover(unsigned int i)
{
	int ret;

	spin_lock(&box.obj.lock);
	ret = shs_recover(&box.obj, &box.att[i]);
	spin_unlock(&box.obj.lock);
	return ret;
}

/* A single operation with RECOVER, begun and ended. */
static int operate_and_recover(unsigned int i)
{
	bool notice;
	int ret;

	box_waiter(&box, i, X)->force = true;
	CHECK_EQ(waits_enter(&box.obj, &box.w[i], false), 0);
	ret = waits_check_notice(&box.obj, true, true, &notice);
	CHECK(notice);
	shs_release_waiter(&box.obj, &box.w[i]);
	return ret;
}

TEST(poison_strict_mutex)
{
	start(SHS_KIND_MUTEX, SHS_INIT_STRICT);
	CHECK_EQ(box_try(&box, 0, X), 0);
	CHECK_EQ(recover(0), -EINVAL);		/* there is nothing to declare */
	CHECK_EQ(recover(1), -EPERM);
	box_die(&box, 0);
	CHECK_EQ(box.shared.head.word, D);
	CHECK_EQ(recover(1), -EPERM);
	CHECK_EQ(box_try(&box, 1, X), -EOWNERDEAD);
	CHECK_EQ(box.shared.head.word, 2 | D);	/* so user space cannot unlock it alone */
	box_die(&box, 1);
	CHECK_EQ(box_try(&box, 2, X), -EOWNERDEAD);	/* owed by the second as by the first */
	CHECK_EQ(recover(2), 0);
	CHECK_EQ(recover(2), -EINVAL);
	CHECK_EQ(box_unlock(&box, 2, X), 0);
	CHECK_EQ(box.shared.head.word, 0);
	CHECK_EQ(box_try(&box, 3, X), 0);
	CHECK_EQ(box_unlock_as(&box, 3, 3, X, true), 0);	/* abandoned is like dead */
	CHECK_EQ(box_try(&box, 3, X), -EOWNERDEAD);
	CHECK_EQ(box_unlock_as(&box, 3, 3, X, true), 0);	/* ... also by who was told */
	CHECK(!box.obj.lost);
}

/* Lost for all, who queue and who come; mended by a single operation that says so. */
TEST(poison_lost_mutex)
{
	start(SHS_KIND_MUTEX, SHS_INIT_STRICT);
	CHECK_EQ(box_try(&box, 0, X), 0);
	box_die(&box, 0);
	CHECK_EQ(box_try(&box, 1, X), -EOWNERDEAD);
	CHECK_EQ(box_lock(&box, 2, X), -EBUSY);
	CHECK_EQ(box_lock(&box, 3, X), -EBUSY);
	CHECK_EQ(box_lock(&box, BOX_SINGLE, X), -EBUSY);
	CHECK_EQ(box_unlock(&box, 1, X), 0);
	CHECK(box.obj.lost);
	CHECK_EQ(box.shared.head.word & ~SHS_WORD_WAITERS, D | K);
	CHECK_EQ(box_wake(&box, 2, 0), -ENOTRECOVERABLE);
	CHECK_EQ(box_wake(&box, 3, -ETIMEDOUT), -ENOTRECOVERABLE);
	CHECK_EQ(box_wake(&box, BOX_SINGLE, 0), -ENOTRECOVERABLE);
	CHECK_EQ(box_try(&box, 4, X), -ENOTRECOVERABLE);
	CHECK_EQ(box_lock(&box, 4, X), -ENOTRECOVERABLE);
	CHECK_EQ(box_try(&box, BOX_SINGLE, X), -ENOTRECOVERABLE);
	CHECK_EQ(recover(1), -EPERM);
	box.shared.head.word = 0;		/* scribbled away: it is lost all the same */
	CHECK_EQ(box_try(&box, 4, X), -ENOTRECOVERABLE);
	CHECK_EQ(operate_and_recover(BOX_SINGLE), 0);
	CHECK(!box.obj.lost);
	CHECK_EQ(box.shared.head.word, 0);
	CHECK_EQ(box_try(&box, 4, X), 0);
}

TEST(poison_ignored)
{
	start(SHS_KIND_MUTEX, SHS_INIT_IGNORE);
	CHECK_EQ(box_try(&box, 0, X), 0);
	box_die(&box, 0);
	CHECK_EQ(env.deaths, 1);
	CHECK_EQ(box_try(&box, 1, X), 0);
	CHECK_EQ(box_unlock_as(&box, 1, 1, X, true), 0);
	CHECK_EQ(box.shared.head.word, 0);
	box.shared.head.word = 0x1234567;	/* nobody's: that is no news either */
	CHECK_EQ(box_try(&box, 1, X), 0);
	start(SHS_KIND_RWLOCK, SHS_INIT_IGNORE);
	CHECK_EQ(box_try(&box, 0, X), 0);
	box_die(&box, 0);
	CHECK_EQ(env.deaths, 2);
	CHECK_EQ(box_try(&box, 1, R), 0);
	CHECK_EQ(box_unlock(&box, 1, R), 0);
	CHECK_EQ(box_try(&box, 1, X), 0);
	CHECK_EQ(box_unlock_as(&box, 1, 1, X, true), 0);
	CHECK_EQ(box_try(&box, 2, X), 0);
}

/* Only a writer has it to declare, and only he can lose it. */
TEST(poison_strict_rwlock)
{
	start(SHS_KIND_RWLOCK, SHS_INIT_STRICT);
	CHECK_EQ(box_try(&box, 0, X), 0);
	box_die(&box, 0);
	CHECK_EQ(box_try(&box, 1, R), -EOWNERDEAD);
	CHECK_EQ(recover(1), -EPERM);
	CHECK_EQ(box_unlock(&box, 1, R), 0);
	CHECK_EQ(box_try(&box, 1, U), -EOWNERDEAD);
	CHECK_EQ(recover(1), -EPERM);
	CHECK_EQ(box_unlock(&box, 1, U), 0);
	CHECK(!box.obj.lost);
	CHECK_EQ(box_try(&box, 2, X), -EOWNERDEAD);
	CHECK_EQ(box_lock(&box, 3, R), -EBUSY);
	CHECK_EQ(box_lock(&box, 4, X), -EBUSY);
	CHECK_EQ(box_unlock(&box, 2, X), 0);
	CHECK(box.obj.lost);
	CHECK_EQ(box_wake(&box, 3, 0), -ENOTRECOVERABLE);
	CHECK_EQ(box_wake(&box, 4, 0), -ENOTRECOVERABLE);
	CHECK_EQ(box_try(&box, 5, R), -ENOTRECOVERABLE);
	CHECK_EQ(box_try(&box, 5, U), -ENOTRECOVERABLE);
	CHECK_EQ(operate_and_recover(BOX_SINGLE), 0);
	CHECK_EQ(box_try(&box, 5, X), 0);
	CHECK_EQ(box_unlock(&box, 5, X), 0);
	CHECK_EQ(box_try(&box, 6, R), 0);
}

/* A killed waiter's grant goes back with what it was told, and nothing is lost by it. */
TEST(poison_grant_returned)
{
	u32 kinds[] = { SHS_KIND_MUTEX, SHS_KIND_RWLOCK };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(kinds); i++) {
		start(kinds[i], SHS_INIT_STRICT | (kinds[i] == SHS_KIND_MUTEX ? SHS_INIT_FIFO : 0));
		CHECK_EQ(box_try(&box, 0, X), 0);
		CHECK_EQ(box_lock(&box, 1, X), -EBUSY);
		box_die(&box, 0);
		CHECK_EQ(box.w[1].state, SHS_SETTLED);
		box.task[1].killed = true;
		CHECK_EQ(box_wake(&box, 1, 0), -ERESTARTSYS);
		CHECK(!box.obj.lost);
		CHECK_EQ(box_try(&box, 2, X), -EOWNERDEAD);
		CHECK_EQ(recover(2), 0);
		CHECK_EQ(box_unlock(&box, 2, X), 0);
		CHECK_EQ(box_try(&box, 3, X), 0);
	}
}

TEST(poison_recursive)
{
	start(SHS_KIND_MUTEX, SHS_INIT_RECURSIVE | SHS_INIT_STRICT);
	CHECK_EQ(box.shared.head.word, K);
	CHECK_EQ(box_try(&box, 0, X), 0);
	CHECK_EQ(box_try(&box, 0, X), 0);
	CHECK_EQ(box.obj.hold.depth, 2);
	box.obj.hold.depth = S32_MAX;
	CHECK_EQ(box_try(&box, 0, X), -EOVERFLOW);
	CHECK_EQ(box.obj.hold.depth, S32_MAX);
	box.obj.hold.depth = 2;
	CHECK_EQ(box_unlock_as(&box, 0, 5, X, false), -EPERM);
	CHECK_EQ(box_unlock_as(&box, 0, 5, X, true), -EPERM);
	CHECK_EQ(box_unlock(&box, 1, X), -EPERM);
	CHECK_EQ(box_unlock(&box, 0, X), 0);
	CHECK_EQ(box.shared.head.word, 1 | K);
	CHECK_EQ(box_try(&box, 0, X), 0);
	CHECK_EQ(box_unlock_as(&box, 0, 0, X, true), 0);	/* all levels at once */
	CHECK_EQ(box.shared.head.word, D | K);
	CHECK_EQ(box.obj.hold.id, 0);
	CHECK_EQ(box_try(&box, 1, X), -EOWNERDEAD);
	CHECK_EQ(box_try(&box, 1, X), 0);		/* told once by each locking */
	CHECK_EQ(box_unlock(&box, 1, X), 0);
	CHECK(!box.obj.lost);				/* not before the last level */
	CHECK_EQ(box_unlock(&box, 1, X), 0);
	CHECK(box.obj.lost);
}
