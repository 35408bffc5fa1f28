// SPDX-License-Identifier: GPL-2.0-only
/*
 * Readers enter and leave by their lane alone, and writers leave or read on by their own
 * word, as linux/shstate.h has it, in steps, and also where the library, which looks at
 * bias first, would not even try.
 */
#include "world.h"

enum {
	LANE_UP = KIND_EVENT,
	READ_BIAS,
	LANE_BACK,
	LANE_DOWN,
	READ_WPENDING,
	END_WRITE,
	COUNT_IN,
	END_TO_READ,
	TELL,
	TO_WRITE,
	TO_WRITE_TRY,
	TO_READ,
	TO_UPGRADABLE,
};

static bool is_reader(const struct actor *a)
{
	return world_mode(a) == SHS_MODE_READ;
}

static bool attached(const struct actor *a)
{
	return a->process >= 0 && world_process(a)->att.state == SHS_ATT_LIVE;
}

/* Who scribbles over its lanes counts for nothing but a reader at its own expense. */
static bool is_honest(const struct process *p)
{
	return !world_config->hostile || p != world.process;
}

/* Who may write by the word of his own. */
static u32 writer(void)
{
	const struct process *p;

	for_each_process(p)
		if (p->att.obj && p->att.state == SHS_ATT_LIVE &&
		    p->att.id == world.obj.rwlock.writer && !p->head.writes)
			return 0;
	return world.obj.rwlock.writer;
}

static void writer_events(const struct actor *a)
{
	if (a->state == HOLDS && world_process(a)->head.writes == SHS_WRITES) {
		world_event(a, END_WRITE);
		if (a->does & CONVERT)
			world_event(a, COUNT_IN);
	}
	if (a->state == DOWNGRADES)
		world_event(a, END_TO_READ);
}

static void user_events(struct actor *a)
{
	if (!(a->does & FAST) || !attached(a))
		return;
	if (world_mode(a) == SHS_MODE_EXCLUSIVE)
		writer_events(a);
	if (!is_reader(a))
		return;
	if (a->state == IDLE)
		world_event(a, LANE_UP);
	if (a->state == ENTERS)
		world_event(a, READ_BIAS);
	if (a->state == REFUSED)
		world_event(a, LANE_BACK);
	if (a->state == HOLDS && a->depth == 1)
		world_event(a, LANE_DOWN);
	if (a->state == TELLS)
		world_event(a, READ_WPENDING);
}

static void conversion_events(const struct actor *a)
{
	if (a->mode == SHS_MODE_UPGRADABLE) {
		world_event(a, a->does & SLOW ? TO_WRITE : TO_WRITE_TRY);
		if (a->does & TRY && a->does & SLOW)
			world_event(a, TO_WRITE_TRY);
	}
	if (a->mode == SHS_MODE_EXCLUSIVE)
		world_event(a, TO_UPGRADABLE);
	if (a->mode != SHS_MODE_READ)
		world_event(a, TO_READ);
}

/* It lost its lanes meanwhile, or has to call in any case. */
static bool has_to_enter(const struct actor *a)
{
	return a->state == RETURNED ||
	       ((a->state == ENTERS || a->state == REFUSED) && !attached(a));
}

static void kernel_events(struct actor *a)
{
	if (has_to_enter(a))
		world_event(a, a->does & SLOW ? ENTER : ENTER_TRY);
	if (a->state == CALLS || (a->state == TELLS && !attached(a)))
		world_event(a, TELL);
	if (a->state == DOWNGRADES && !attached(a))
		a->state = HOLDS;
	if (a->state == HOLDS && a->does & CONVERT)
		conversion_events(a);
}

/* As weaken() in lock.c. */
static void weaken(struct actor *a, u32 to)
{
	struct shs_waiter w = {
		.att = &world_process(a)->att, .thread = &a->task.pid, .mode = a->mode,
		.lane = to == SHS_MODE_READ ? a->lane : 0,
	};
	struct shs_wakes wakes = { };
	int ret = -ENXIO;

	spin_lock(&world.obj.lock);
	if (w.att->state == SHS_ATT_LIVE)
		ret = shs_rwlock_convert(&world.obj, &w, to);
	shs_pass(&world.obj, &wakes);
	spin_unlock(&world.obj.lock);
	shs_wakes_flush(&wakes);
	explore_say("%s converts to %u: %d", world_name(a), to, ret);
	if (w.att->state != SHS_ATT_LIVE)
		CHECK_EQ(ret, -ENXIO);
	else if (world.dirty && world_config->flags & SHS_INIT_STRICT &&
		 a->mode == SHS_MODE_EXCLUSIVE)
		CHECK_EQ(ret, -EUCLEAN);
	else if (is_honest(world_process(a)))
		CHECK_EQ(ret, 0);
	if (!ret)
		a->mode = to;
}

/* As shs_unlock() with SHS_UNLOCK_RETURNED. */
static void tell(struct actor *a)
{
	struct shs_attachment *att = &world_process(a)->att;
	struct shs_wakes wakes = { };

	explore_say("%s tells the kernel", world_name(a));
	spin_lock(&world.obj.lock);
	if (att->state == SHS_ATT_LIVE)
		shs_pass(&world.obj, &wakes);
	spin_unlock(&world.obj.lock);
	shs_wakes_flush(&wakes);
	world_cycle(a);
}

static void read_bias(struct actor *a)
{
	explore_say("%s reads bias %u", world_name(a), world.control.head.bias);
	if (!world.control.head.bias) {
		a->state = REFUSED;
		return;
	}
	a->state = HOLDS;
	a->depth = 1;
	if (world.dirty && is_honest(world_process(a)))
		env_fail("%s is let in and not told of a death", world_name(a));
	if (world_watchers())
		env_fail("%s is let in and not seen", world_name(a));
}

static void end_to_read(struct actor *a)
{
	struct process *p = world_process(a);

	explore_say("%s reads on, if %u is %u", world_name(a), p->head.writes, SHS_WRITES);
	a->state = HOLDS;
	if (p->head.writes == SHS_WRITES) {
		p->head.writes = 0;
		a->mode = SHS_MODE_READ;
	} else {
		p->lanes[a->lane][0]--;
	}
}

static void do_event(struct actor *a, unsigned int event)
{
	switch (event) {
	case LANE_UP:
		explore_say("%s counts itself in its lane", world_name(a));
		world_process(a)->head.used |= BIT_ULL(a->lane);
		world_process(a)->lanes[a->lane][0]++;
		a->state = ENTERS;
		break;
	case READ_BIAS:
		read_bias(a);
		break;
	case LANE_BACK:
		explore_say("%s is not let in", world_name(a));
		world_process(a)->lanes[a->lane][0]--;
		a->state = RETURNED;
		break;
	case LANE_DOWN:
		explore_say("%s takes back its lane", world_name(a));
		world_process(a)->lanes[a->lane][0]--;
		a->state = TELLS;
		break;
	case READ_WPENDING:
		explore_say("%s reads wpending %u", world_name(a), world.control.head.wpending);
		if (world.control.head.wpending)
			a->state = CALLS;
		else
			world_cycle(a);
		break;
	case END_WRITE:
		explore_say("%s writes no more", world_name(a));
		if (world.dirty && world_config->flags & SHS_INIT_STRICT)
			env_fail("%s leaves without a word about the value", world_name(a));
		world_process(a)->head.writes = 0;
		world_cycle(a);
		break;
	case COUNT_IN:
		explore_say("%s writes and counts itself in its lane", world_name(a));
		world_process(a)->head.used |= BIT_ULL(a->lane);
		world_process(a)->lanes[a->lane][0]++;
		a->state = DOWNGRADES;
		break;
	case END_TO_READ:
		end_to_read(a);
		break;
	case TELL:
		tell(a);
		break;
	case TO_WRITE:
	case TO_WRITE_TRY:
		world_enter(a, event == TO_WRITE, true);
		break;
	case TO_READ:
		weaken(a, SHS_MODE_READ);
		break;
	case TO_UPGRADABLE:
		weaken(a, SHS_MODE_UPGRADABLE);
		break;
	}
}

static bool races_at(enum env_access access, const void *p)
{
	const struct process *process;

	if (p == &world.control.head.wpending || p == &world.control.head.bias)
		return true;
	for_each_process(process) {
		if (p == &process->head.writes)
			return true;
		if (p >= (const void *)process->lanes && p < (const void *)(process + 1))
			return access == ENV_READ;
	}
	return false;
}

static void acquired(struct actor *a, int ret)
{
	if (a->process < 0) {
		CHECK_EQ(ret, 0);
		return;
	}
	if ((ret == -EOWNERDEAD) != world.dirty && is_honest(world_process(a)))
		env_fail("%s is %s of a death", world_name(a),
			 ret ? "told wrongly" : "not told");
	if (world_mode(a) == SHS_MODE_EXCLUSIVE && !(world_config->flags & SHS_INIT_STRICT))
		world.dirty = false;
}

static bool owns(const struct process *p)
{
	return writer() == p->att.id;
}

/* How often a is counted in its lane. */
static u32 in_lane(const struct actor *a)
{
	if (!is_reader(a))
		return a->state == DOWNGRADES && world_owns(a);
	if (a->state == ENTERS || a->state == REFUSED)
		return attached(a) && world_process(a)->mm.mm_users;
	return world_owns(a) ? a->depth : 0;
}

static void check_lanes(void)
{
	const struct process *p;
	const struct actor *a;
	u64 expected[LANES];
	u32 singles = 0, i;

	for_each_process(p) {
		if (!p->att.obj || p->state == RELEASED || world_unrepaired(p->att.id) ||
		    !is_honest(p))
			continue;
		memset(expected, 0, sizeof(expected));
		for_each_actor(a)
			if (world_process(a) == p)
				expected[a->lane] += in_lane(a);
		for (i = 0; i < LANES; i++)
			CHECK_EQ(p->lanes[i][0], expected[i]);
	}
	for_each_actor(a)
		singles += a->process < 0 && is_reader(a) && world_owns(a);
	CHECK_EQ(world.obj.rwlock.kernel_readers, singles);
}

/* Who scribbled over his own word writes no more, whatever he does. */
static bool has_lost(const struct actor *a)
{
	return world_mode(a) == SHS_MODE_EXCLUSIVE && a->process >= 0 &&
	       !is_honest(world_process(a)) && writer() != world_process(a)->att.id;
}

/* Who holds in this mode, of which there must be one. */
static const struct actor *only_holder(u32 mode)
{
	const struct actor *a, *found = NULL;

	for_each_actor(a) {
		if (!world_owns(a) || world_mode(a) != mode || has_lost(a))
			continue;
		if (found)
			env_fail("%s and %s both hold in mode %u", world_name(a),
				 world_name(found), mode);
		found = a;
	}
	return found;
}

/* Its own word, with which it does what it likes, says that it writes. */
static bool is_hostile(u32 id)
{
	return world_config->hostile && id == world.process->att.id;
}

static void check_id(u32 id, const struct actor *holder)
{
	if (holder)
		CHECK_EQ(id, holder->process < 0 ? SHS_ID_KERNEL :
						   world_process(holder)->att.id);
	else if (id && !world_unrepaired(id) && !is_hostile(id))
		env_fail("nobody holds, but it is held by %u", id);
}

static void check_holders(void)
{
	const struct actor *writes = only_holder(SHS_MODE_EXCLUSIVE), *a;
	const struct actor *upgrader = only_holder(SHS_MODE_UPGRADABLE);

	check_id(writer(), writes);
	check_id(world.obj.rwlock.upgrader, upgrader);
	if (writes && upgrader)
		env_fail("%s writes beside %s", world_name(writes), world_name(upgrader));
	for_each_actor(a)
		if (writes && is_reader(a) && world_owns(a) && is_honest(world_process(a)))
			env_fail("%s reads while %s writes", world_name(a), world_name(writes));
	if (writes && writes->process < 0)
		writes = NULL;		/* not remembered */
	if (world.obj.rwlock.writer == writer() && !is_hostile(writer()))
		world_check_hold(writes ?: upgrader);
}

/* Who may leave by himself is waited for and watched by nobody. */
static void check_words(void)
{
	const struct process *p;

	for_each_process(p) {
		if (!p->att.obj || p->att.state != SHS_ATT_LIVE || !is_honest(p))
			continue;
		if (p->head.writes && world.obj.rwlock.writer != p->att.id)
			env_fail("the word of %u is left to it", p->att.id);
		if (p->head.writes != SHS_WRITES)
			continue;
		if (!list_empty(&world.obj.queue))
			env_fail("%s waits for who need not call", world_name(world_head()));
		if (world_watchers())
			env_fail("who is watched need not call");
	}
}

static bool somebody_reads(void)
{
	const struct actor *a;

	for_each_actor(a)
		if (is_reader(a) && ((a->state >= HOLDS && a->state <= CALLS) || world_owns(a)) &&
		    (a->process < 0 || attached(a)))
			return true;
	return false;
}

/* Whether the head of the queue has somebody to wait for. */
static bool may_wait(const struct actor *head)
{
	if (writer())
		return true;
	switch (head->w.mode) {
	case SHS_MODE_READ:
		return false;
	case SHS_MODE_UPGRADABLE:
		return world.obj.rwlock.upgrader;
	}
	return somebody_reads() || (!head->w.upgrade && world.obj.rwlock.upgrader);
}

static void check_waiters(void)
{
	const struct actor *head = world_head();

	if (world_is_frozen())
		return;
	CHECK_EQ(world.control.head.wpending, head && head->w.mode == SHS_MODE_EXCLUSIVE);
	if (head && !world_config->hostile && !may_wait(head))
		env_fail("%s waits for a free lock and nobody is on the way",
			 world_name(head));
}

static void check_died(void)
{
	bool kept = world.obj.rwlock.died;

	if (world_unrepaired(world.obj.rwlock.writer))
		return;
	if (!(world.obj.flags & SHS_INIT_STRICT))
		kept |= world_notice_under_way();
	if (world.dirty != kept)
		env_fail("a death is %s", world.dirty ? "forgotten" : "told of again");
}

/* Only while it lets readers in whom nobody needs to see. */
static void check_bias(void)
{
	const struct shs_object *obj = &world.obj;

	if (!world.control.head.bias)
		return;
	if (writer())
		env_fail("bias is on while %u writes", writer());
	if (!list_empty(&obj->queue))
		env_fail("bias is on while %s waits", world_name(world_head()));
	if (world_watchers())
		env_fail("bias is on while somebody watches");
	if (obj->rwlock.died || obj->lost)
		env_fail("bias is on while a death is to be told");
	CHECK(obj->rwlock.bias_after_ns <= env.now_ns);
}

static void check(void)
{
	check_bias();
	check_holders();
	check_words();
	check_lanes();
	check_waiters();
	check_died();
}

static void end(void)
{
	CHECK(!writer() || world_config->hostile);
	CHECK_EQ(world.control.head.wpending, 0);
	CHECK(list_empty(&world.obj.queue));
	spin_lock(&world.obj.lock);
	CHECK_EQ(shs_rwlock_readers(&world.obj), 0);
	spin_unlock(&world.obj.lock);
}

const struct kind rwlock_kind = {
	.events = kernel_events,
	.user_events = user_events,
	.do_event = do_event,
	.races_at = races_at,
	.acquired = acquired,
	.owns = owns,
	.check = check,
	.end = end,
};
