// SPDX-License-Identifier: GPL-2.0-only
/*
 * Waits for a value: whose condition is met by what, against arithmetic in 128 bits; and the
 * word that says so in shared memory, with changers who look at it too early.
 */
#include "box.h"

static struct box box;

static void start(u32 kind, u32 type)
{
	box_init(&box, kind, 0, 3);
	box.obj.type = type;
	box.obj.count = 4;
	box.obj.geo.value_size = 4 * shs_type_size(type);
}

static void set(u32 index, u64 v)
{
	u32 size = shs_type_size(box.obj.type);

	shs_number_store(box.obj.type, box.shared.value + index * size, v);
}

/* By a thread of no attachment, as all of them are. */
static int await_as(unsigned int i, u32 until, u32 index, u64 arg, bool may_wait)
{
	struct shs_waiter *w = box_waiter(&box, i, 0);
	int ret;

	w->att = NULL;
	w->until = until;
	w->index = index;
	w->expected = arg;
	w->value = 0x6b;
	ret = waits_enter(&box.obj, w, may_wait);
	box.task[i].asleep = ret == -EBUSY && may_wait;
	return ret;
}

static void await(unsigned int i, u32 until, u32 index, u64 arg)
{
	env_new_step();
	CHECK_EQ(await_as(i, until, index, arg, true), -EBUSY);
}

static u32 tell(u32 first, u32 n)
{
	struct shs_wakes wakes = { };
	u32 told;

	env_new_step();
	spin_lock(&box.obj.lock);
	told = shs_await_tell(&box.obj, first, n, &wakes);
	spin_unlock(&box.obj.lock);
	shs_wakes_flush(&wakes);
	return told;
}

static bool is_told(unsigned int i, u64 value)
{
	if (box.w[i].state != SHS_SETTLED)
		return false;
	CHECK(!box.task[i].asleep);
	CHECK_EQ(box.w[i].value, value);
	CHECK_EQ(box_wake(&box, i, 0), 0);
	return true;
}

static const struct {
	u32 type;
	unsigned int bits;
	bool is_signed;
} types[] = {
	{ SHS_TYPE_BOOL, 1, false },
	{ SHS_TYPE_U8, 8, false }, { SHS_TYPE_I8, 8, true },
	{ SHS_TYPE_U16, 16, false }, { SHS_TYPE_I16, 16, true },
	{ SHS_TYPE_U32, 32, false }, { SHS_TYPE_I32, 32, true },
	{ SHS_TYPE_U64, 64, false }, { SHS_TYPE_I64, 64, true },
};

static const u64 numbers[] = {
	0, 1, 2, 0x55, 0x7e, 0x7f, 0x80, 0x81, 0xfe, 0xff, 0x7fff, 0x8000, 0xffff,
	0x7fffffff, 0x80000000, 0xffffffff, ~0ULL >> 1, 1ULL << 63, ~0ULL - 1, ~0ULL,
};

static __int128 meaning(unsigned int type, u64 v)
{
	return types[type].is_signed ? (__int128)(s64)v : (__int128)v;
}

static bool met(unsigned int type, u32 until, u64 value, u64 arg)
{
	__int128 a = meaning(type, value), b = meaning(type, arg);

	switch (until) {
	case SHS_OP_AWAIT_GE:
		return a >= b;
	case SHS_OP_AWAIT_LE:
		return a <= b;
	case SHS_OP_AWAIT_EQ:
		return a == b;
	case SHS_OP_AWAIT_NE:
		return a != b;
	case SHS_OP_AWAIT_ANY:
		return (a & b) != 0;
	}
	env_fail("condition %u", until);
}

TEST(await_conditions)
{
	unsigned int type, i, j;
	u32 until;
	u64 a, b;

	start(SHS_KIND_ATOMIC, 0);
	for (type = 0; type < ARRAY_SIZE(types); type++) {
		box.obj.type = types[type].type;
		for (i = 0; i < ARRAY_SIZE(numbers); i++)
			for (j = 0; j < ARRAY_SIZE(numbers); j++)
				for (until = SHS_OP_AWAIT_GE; until <= SHS_OP_AWAIT_ANY; until++) {
					a = shs_number_wrap(box.obj.type, numbers[i]);
					b = shs_number_wrap(box.obj.type, numbers[j]);
					env_new_step();
					set(1, a);
					CHECK_EQ(await_as(0, until, 1, b, false),
						 met(type, until, a, b) ? 0 : -EBUSY);
					if (met(type, until, a, b))
						CHECK_EQ(box.w[0].value, a);
				}
	}
	CHECK_EQ(box.obj.waiters, 0);
}

/* Of the elements that changed those whom it concerns, and nobody else. */
TEST(await_tells)
{
	start(SHS_KIND_ATOMIC, SHS_TYPE_I16);
	await(0, SHS_OP_AWAIT_GE, 0, 5);
	await(1, SHS_OP_AWAIT_GE, 1, 5);
	await(2, SHS_OP_AWAIT_LE, 1, -5);
	await(3, SHS_OP_AWAIT_EQ, 3, 1);
	set(0, 9);
	set(1, 7);
	set(3, 1);
	CHECK_EQ(tell(2, 1), 0);
	CHECK_EQ(tell(1, 1), 1);
	CHECK(is_told(1, 7));
	CHECK(!is_told(0, 0));
	CHECK_EQ(tell(0, 4), 2);
	CHECK(is_told(0, 9));
	CHECK(is_told(3, 1));
	CHECK_EQ(box.obj.waiters, 1);
	set(1, -6);
	CHECK_EQ(tell(0, 4), 1);
	set(1, 0);
	CHECK(is_told(2, -6));
}

/* The total of all lanes, of the living and the dead. */
TEST(await_total)
{
	start(SHS_KIND_COUNTER, SHS_TYPE_I64);
	await(5, SHS_OP_AWAIT_EQ, 2, 12);
	box.private[0].lanes[0][2] = 5;
	box.private[1].lanes[3][2] = 6;
	CHECK_EQ(tell(2, 1), 0);
	box.control.base[2] = 1;
	box.private[1].lanes[3][1] = 100;
	box_die(&box, 1);
	CHECK(env.awaits_soon);
	CHECK_EQ(tell(2, 1), 1);
	CHECK(is_told(5, 12));
	env.awaits_soon = false;
	box_die(&box, 0);
	CHECK(!env.awaits_soon);
}

/* An atomic's attachment, too, has perhaps changed what it did not tell. */
TEST(await_death)
{
	start(SHS_KIND_ATOMIC, SHS_TYPE_U8);
	await(5, SHS_OP_AWAIT_NE, 2, 0);
	box_die(&box, 1);
	CHECK(env.awaits_soon);
}

/* Who waits for a value has no part in a notify, nor the other way round. */
TEST(await_beside_notify)
{
	struct shs_wakes wakes = { };
	struct shs_waiter *w;

	start(SHS_KIND_ATOMIC, SHS_TYPE_U8);
	await(5, SHS_OP_AWAIT_GE, 0, 9);
	box.w[5].counts = true;
	w = box_waiter(&box, 6, 0);
	w->att = NULL;
	w->counts = true;
	CHECK_EQ(waits_enter(&box.obj, w, true), -EBUSY);
	set(0, 1);
	CHECK_EQ(tell(0, 4), 0);
	spin_lock(&box.obj.lock);
	CHECK_EQ(shs_atomic_notify(&box.obj, 0, 1, &wakes), 1);
	spin_unlock(&box.obj.lock);
	CHECK_EQ(w->state, SHS_SETTLED);
	CHECK_EQ(box.obj.waiters, 1);
}

/* One that was told, but is killed, takes nothing from who waits for a notify. */
TEST(await_killed)
{
	struct shs_waiter *w;

	start(SHS_KIND_ATOMIC, SHS_TYPE_U8);
	await(5, SHS_OP_AWAIT_GE, 0, 1);
	box.w[5].counts = true;
	w = box_waiter(&box, 6, 0);
	w->att = NULL;
	w->counts = true;
	CHECK_EQ(waits_enter(&box.obj, w, true), -EBUSY);
	set(0, 1);
	CHECK_EQ(tell(0, 1), 1);
	box.task[5].killed = true;
	CHECK_EQ(box_wake(&box, 5, 0), -ERESTARTSYS);
	CHECK_EQ(w->state, SHS_QUEUED);
}

/* Whose time is up looks once more: what was changed before F is not lost by that. */
TEST(await_times_out)
{
	start(SHS_KIND_ATOMIC, SHS_TYPE_U8);
	await(5, SHS_OP_AWAIT_GE, 0, 1);
	CHECK_EQ(box_wake(&box, 5, -ETIMEDOUT), -ETIMEDOUT);
	await(5, SHS_OP_AWAIT_GE, 0, 1);
	set(0, 2);
	CHECK_EQ(box_wake(&box, 5, -ETIMEDOUT), 0);
	CHECK_EQ(box.w[5].value, 2);
	CHECK_EQ(box.obj.waiters, 0);
	CHECK_EQ(box.control.head.awaited, 0);
}

/*
 * Waiters who come and go, changers who look at awaited before or after their change is
 * seen, and fences: at a fence all changes so far are seen, and who looked before them has
 * looked for good.  The world may rest only if nobody waits for what is the case.
 */
#define CHANGERS	3
#define STEPS		200000

static u64 state = 0x5eed0099;

static u64 draw(u64 n)
{
	state = state * 6364136223846793005ULL + 1442695040888963407ULL;
	return (state >> 33) % n;
}

static struct {
	bool pending, calls;	/* it changed what is not seen yet; it has to call */
} changer[CHANGERS];
static bool fenced[CHANGERS];	/* by the fence under way */

static void seen(unsigned int i)
{
	if (changer[i].pending)
		set(0, (shs_number_load(SHS_TYPE_U8, box.shared.value) + 1) & 3);
	changer[i].pending = false;
}

static void fence_all(void)
{
	struct shs_wakes wakes = { };

	env.awaits_fence = false;
	spin_lock(&box.obj.lock);
	shs_await_fenced(&box.obj);
	spin_unlock(&box.obj.lock);
	shs_wakes_flush(&wakes);
	memset(fenced, 0, sizeof(fenced));
	tell(0, 4);
}

static void fence_step(void)
{
	unsigned int i = draw(CHANGERS);

	if (!env.awaits_fence)
		return;
	seen(i);
	fenced[i] = true;
	for (i = 0; i < CHANGERS; i++)
		if (!fenced[i])
			return;
	fence_all();
}

static void change_step(unsigned int i)
{
	if (changer[i].calls) {
		seen(i);
		changer[i].calls = false;
		tell(0, 1);
	} else if (changer[i].pending) {
		seen(i);
	} else {
		changer[i].pending = true;
		changer[i].calls = box.control.head.awaited;
	}
}

static void wait_step(unsigned int i)
{
	struct shs_waiter *w = &box.w[i];

	if (box.task[i].asleep) {
		if (draw(2))
			box_wake(&box, i, -ETIMEDOUT);
	} else if (w->until && w->state == SHS_SETTLED) {
		is_told(i, w->value);
		w->until = 0;
	} else {
		await_as(i, SHS_OP_AWAIT_EQ + draw(2), 0, draw(4), true);
	}
}

static void check_rest(void)
{
	u64 now = shs_number_load(SHS_TYPE_U8, box.shared.value);
	const struct shs_waiter *w;
	unsigned int i;

	CHECK_EQ(!!box.control.head.awaited, box.obj.await.waiters > 0);
	for (i = 0; i < CHANGERS; i++)
		if (changer[i].pending || changer[i].calls)
			return;
	if (env.awaits_fence)
		return;
	list_for_each_entry(w, &box.obj.queue, node)
		CHECK(w->until == SHS_OP_AWAIT_EQ ? w->expected != now : w->expected == now);
}

TEST(await_fences)
{
	unsigned int n;

	test_note("seed %#llx, %u steps", state, STEPS);
	start(SHS_KIND_ATOMIC, SHS_TYPE_U8);
	memset(changer, 0, sizeof(changer));
	memset(fenced, 0, sizeof(fenced));
	for (n = 0; n < STEPS; n++) {
		env_new_step();
		switch (draw(3)) {
		case 0:
			wait_step(draw(2));
			break;
		case 1:
			change_step(draw(CHANGERS));
			break;
		default:
			fence_step();
		}
		check_rest();
	}
	CHECK(box.obj.waits > STEPS / 100);
}
