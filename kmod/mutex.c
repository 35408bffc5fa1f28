// SPDX-License-Identifier: GPL-2.0-only
/*
 * The mutex word, for the kinds mutex and cell.
 *
 *   [31] W waiters   [30] D owner died   [29] K kernel only   [28:0] owner id, 0 = free
 *
 * User space may compare-and-swap 0 -> id and id -> 0, from and to exactly these;
 * everything else is done here, in one operation under object->lock:
 *
 *   free          owner 0.  Where somebody is queued the head is kicked, or the object
 *                 is frozen (shs_watch): K, and a pass when it thaws.
 *   owned         owner is the id of a live attachment, or SHS_ID_KERNEL while
 *                 kernel_holds > 0.
 *   stale         any other owner: the id of a dead or never living attachment,
 *                 which a hostile writer or an unrepaired death left.  Treated as
 *                 free with D.
 *
 * Four rules keep wakeups (exhaustive search of a model with kills):
 *   1. unlock with waiters is one operation: nobody stores 0 and wakes later, for W
 *      makes the user's CAS id -> 0 fail;
 *   2. the user's CAS takes exactly 0, so W and D are never lost;
 *   3. a kicked waiter that leaves passes on: shs_acquire() calls pass after it left;
 *   4. W is set by a compare-and-swap of the owned word after the waiter queued and
 *      before it sleeps (word_pass), unless the head is kicked:
 *
 *      owner                        waiter (object->lock)
 *                                   read word = id: queue
 *      CAS id -> 0
 *                                   CAS id -> id|W fails, reads 0: kicks the head
 *
 * A kicked head is on its way here, or its waker is, and whether it takes the word,
 * queues again or leaves, it passes, which sets W for whoever sleeps by then; of what is
 * frozen the thaw does.  So from the kick until it comes W is not set: who runs locks and
 * unlocks without a call, as often as it can, instead of with two calls each time.
 *
 * Fairness: a release with waiters kicks the head, which competes with newcomers for
 * the free word; a head older than SHS_HANDOFF_NS, or any head with SHS_INIT_FIFO or
 * by SHS_UNLOCK_FAIR, or one that no thread sleeps on, is made owner by the release
 * itself.  For age not again within that time: where all are old each release would else
 * end in a switch to the next process, by which they all grow older.
 *
 * Single operations share the owner SHS_ID_KERNEL among themselves (object->guard
 * orders them) as long as nobody is queued.  D survives their holding.
 *
 * Poison, of a mutex with a death behind it:
 *
 *   report    D; the next owner is told and D is gone
 *   STRICT    D; the next owner is told and D stays, so his unlock comes here too:
 *             declared (shs_recover) D is gone, else the mutex is lost: -ENOTRECOVERABLE
 *             for all, until a single operation recovers it
 *   IGNORE    nothing
 *
 * K keeps the word out of user space's hands where the kernel must see every owner: it
 * is on for good, or while somebody watches or freezes (shs_watch), and changes in the
 * word of an owner too, whose CAS id -> 0 then fails or succeeds again.
 *
 * Every compare-and-swap loop is bounded: an honest word changes at most a few
 * times per holder, so running out means a hostile writer, who gets -EAGAIN and
 * spoils only this object.
 */
#include "core.h"

static u32 *word_of(const struct shs_object *obj)
{
	return &obj->shared->word;
}

/* Of a mutex with these flags, that nobody ever held. */
u32 shs_mutex_new_word(u32 flags)
{
	return flags & (SHS_INIT_FIFO | SHS_INIT_RECURSIVE | SHS_INIT_DETECT) ?
	       SHS_WORD_KERNEL : 0;
}

/* Whether an unlock must come here: not while the head is on its way, for that passes. */
static u32 waiters_bit(const struct shs_object *obj)
{
	if (list_empty(&obj->queue) ||
	    list_first_entry(&obj->queue, struct shs_waiter, node)->kicked)
		return 0;
	return SHS_WORD_WAITERS;
}

static u32 kernel_bit(const struct shs_object *obj)
{
	return obj->lost || obj->watchers ? SHS_WORD_KERNEL : shs_mutex_new_word(obj->flags);
}

static u32 idle_bits(const struct shs_object *obj)
{
	return waiters_bit(obj) | kernel_bit(obj);
}

static bool owned(struct shs_object *obj, u32 owner, struct shs_wakes *wakes)
{
	if (owner == SHS_ID_KERNEL)
		return obj->mutex.kernel_holds;
	return owner && shs_att_live(obj, owner, wakes);
}

/* A death is news for the next process, not for a cell, whose value is whole. */
static bool death_is_news(const struct shs_object *obj)
{
	return obj->kind != SHS_KIND_CELL && !(obj->flags & SHS_INIT_IGNORE);
}

static u32 died_bit(const struct shs_object *obj, u32 word, bool stale)
{
	if (!death_is_news(obj))
		return 0;
	return stale ? SHS_WORD_DIED : word & SHS_WORD_DIED;
}

/* Word that makes w the owner. */
static u32 owned_word(const struct shs_object *obj, const struct shs_waiter *w, u32 died)
{
	bool told = w->att && !(obj->flags & SHS_INIT_STRICT);

	return shs_waiter_id(w) | idle_bits(obj) | (told ? 0 : died);
}

static void begin(struct shs_object *obj, struct shs_waiter *w)
{
	if (!w->att)
		obj->mutex.kernel_holds++;
	shs_hold_begin(obj, w);
}

/* Whether w's thread owns it already, as the kernel saw (bit K). */
static bool owns_already(const struct shs_object *obj, const struct shs_waiter *w, u32 owner)
{
	return w->att && owner == w->att->id && obj->hold.id == owner &&
	       obj->hold.thread == w->thread;
}

static int lock_again(struct shs_object *obj)
{
	if (obj->hold.depth >= S32_MAX)
		return -EOVERFLOW;
	obj->hold.depth++;
	return 0;
}

static int word_try(struct shs_object *obj, struct shs_waiter *w, struct shs_wakes *wakes)
{
	u32 *word = word_of(obj), old, died;
	int i;

	lockdep_assert_held(&obj->lock);
	if (obj->lost && !w->force)
		return -ENOTRECOVERABLE;
	for (i = 0; i < SHS_CAS_TRIES; i++) {
		old = READ_ONCE(*word);
		if (owned(obj, old & SHS_WORD_OWNER, wakes)) {
			if (obj->flags & SHS_INIT_RECURSIVE &&
			    owns_already(obj, w, old & SHS_WORD_OWNER))
				return lock_again(obj);
			if (!w->att && (old & SHS_WORD_OWNER) == SHS_ID_KERNEL &&
			    list_empty(&obj->queue) && !obj->freezers) {
				obj->mutex.kernel_holds++;
				return 0;
			}
			return -EBUSY;
		}
		if (obj->freezers || (obj->flags & SHS_INIT_FIFO && !list_empty(&obj->queue)))
			return -EBUSY;
		died = died_bit(obj, old, old & SHS_WORD_OWNER);
		if (cmpxchg(word, old, owned_word(obj, w, died)) != old)
			continue;
		begin(obj, w);
		return w->att && died ? -EOWNERDEAD : 0;
	}
	return -EAGAIN;
}

/*
 * D of the freed word: set if died, else as it was if it is to be kept.  W while anybody
 * is queued, so that nobody takes it before the pass that follows has served the head.
 */
static int free_word(struct shs_object *obj, u32 id, bool died, bool keep_died)
{
	u32 *word = word_of(obj), old, new;
	int i;

	for (i = 0; i < SHS_CAS_TRIES; i++) {
		old = READ_ONCE(*word);
		if ((old & SHS_WORD_OWNER) != id)
			return -EPERM;
		new = kernel_bit(obj) | (list_empty(&obj->queue) ? 0 : SHS_WORD_WAITERS);
		if (died || (keep_died && old & SHS_WORD_DIED))
			new |= SHS_WORD_DIED;
		if (cmpxchg(word, old, new) == old)
			return 0;
	}
	return -EAGAIN;
}

/* Hands the free (or stale) word to the head. */
static bool hand_off(struct shs_object *obj, struct shs_waiter *head, u32 old,
		     struct shs_wakes *wakes)
{
	u32 died = died_bit(obj, old, old & SHS_WORD_OWNER), more;

	more = list_is_singular(&obj->queue) ? 0 : SHS_WORD_WAITERS;
	if (cmpxchg(word_of(obj), old,
		    (owned_word(obj, head, died) & ~SHS_WORD_WAITERS) | more) != old)
		return false;
	if (!shs_claim(obj, head, wakes)) {	/* so it was free all the time */
		free_word(obj, shs_waiter_id(head), died, false);
		return false;
	}
	shs_trace(obj, SHS_EVENT_HANDOFF, shs_waiter_id(head), head->mode, 0);
	begin(obj, head);
	obj->mutex.handed_ns = shs_now_ns();
	shs_settle(obj, head, head->att && died ? -EOWNERDEAD : 0, wakes);
	return true;
}

static bool is_due(const struct shs_object *obj, const struct shs_waiter *head)
{
	return obj->flags & SHS_INIT_FIFO || head->next || shs_is_served(head) ||
	       (shs_time_since(head->since_ns) > SHS_HANDOFF_NS &&
		(s64)(shs_now_ns() - obj->mutex.handed_ns) > SHS_HANDOFF_NS);
}

/* The word is rewritten without end: whoever can look for himself does so in time. */
static void give_up(struct shs_object *obj, struct shs_wakes *wakes)
{
	struct shs_waiter *head;

	while (!list_empty(&obj->queue)) {
		head = list_first_entry(&obj->queue, struct shs_waiter, node);
		if (!shs_is_served(head)) {
			shs_kick_head(obj, wakes);
			return;
		}
		shs_settle(obj, head, head->done && !head->many ? -EBUSY : -EAGAIN, wakes);
	}
}

static void word_pass(struct shs_object *obj, struct shs_wakes *wakes)
{
	u32 *word = word_of(obj), old, new;
	struct shs_waiter *head;
	int i;

	lockdep_assert_held(&obj->lock);
	if (obj->lost)
		shs_tell_lost(obj, wakes);
	for (i = 0; i < SHS_CAS_TRIES; i++) {
		if (list_empty(&obj->queue))
			return;
		old = READ_ONCE(*word);
		if (owned(obj, old & SHS_WORD_OWNER, wakes)) {
			new = old | waiters_bit(obj);
			if (new == old || cmpxchg(word, old, new) == old)
				return;
			continue;
		}
		head = shs_taker(obj, wakes);
		/* a repair, here or by owned(), may have cancelled waiters */
		if (!head || old != READ_ONCE(*word))
			continue;
		if (is_due(obj, head)) {
			if (hand_off(obj, head, old, wakes))
				return;
			continue;
		}
		shs_kick_head(obj, wakes);
		new = idle_bits(obj) | died_bit(obj, old, old & SHS_WORD_OWNER);
		if (cmpxchg(word, old, new) == old)
			return;
	}
	give_up(obj, wakes);
}

static bool is_owed(const struct shs_object *obj)
{
	return obj->flags & SHS_INIT_STRICT && shs_mutex_died(obj);
}

static int release_own(struct shs_object *obj, struct shs_waiter *w, bool notice)
{
	bool was_lost = obj->lost;
	int ret;

	if (shs_mutex_owner(obj) != w->att->id)
		return -EPERM;
	if (obj->flags & SHS_INIT_RECURSIVE) {
		if (!owns_already(obj, w, w->att->id))
			return -EPERM;
		if (obj->hold.depth > 1 && !notice) {
			obj->hold.depth--;
			return 0;
		}
	}
	obj->lost |= is_owed(obj) && !notice;
	ret = free_word(obj, w->att->id, (notice && death_is_news(obj)) || obj->lost, false);
	if (ret)
		obj->lost = was_lost;
	else
		shs_hold_end(obj, w->att->id, w->mode, SHS_EVENT_RELEASE);
	return ret;
}

static int word_release(struct shs_object *obj, struct shs_waiter *w, bool notice,
			struct shs_wakes *wakes)
{
	lockdep_assert_held(&obj->lock);
	if (w->att)
		return release_own(obj, w, notice);
	if (!--obj->mutex.kernel_holds)
		free_word(obj, SHS_ID_KERNEL, false, true);
	return 0;
}

static void word_repair(struct shs_object *obj, struct shs_attachment *att,
			struct shs_wakes *wakes)
{
	lockdep_assert_held(&obj->lock);
	if (shs_mutex_owner(obj) != att->id)
		return;
	shs_death_note(att, SHS_MODE_EXCLUSIVE);
	shs_hold_end(obj, att->id, SHS_MODE_EXCLUSIVE, SHS_EVENT_OWNER_DIED);
	/* if a hostile writer makes it fail, the stale id says the same */
	free_word(obj, att->id, death_is_news(obj), false);
}

/* The release under way goes to the head, as if that had waited long. */
void shs_mutex_be_fair(struct shs_object *obj)
{
	lockdep_assert_held(&obj->lock);
	if (!list_empty(&obj->queue) && !shs_mutex_owner(obj))
		list_first_entry(&obj->queue, struct shs_waiter, node)->next = true;
}

/* Whether w's thread owns it more than once: one release would not free it. */
bool shs_mutex_is_nested(const struct shs_object *obj, const struct shs_waiter *w)
{
	return obj->flags & SHS_INIT_RECURSIVE && obj->hold.depth > 1 &&
	       owns_already(obj, w, shs_mutex_owner(obj));
}

u32 shs_mutex_owner(const struct shs_object *obj)
{
	return READ_ONCE(*word_of(obj)) & SHS_WORD_OWNER;
}

bool shs_mutex_died(const struct shs_object *obj)
{
	return READ_ONCE(*word_of(obj)) & SHS_WORD_DIED;
}

/* For who holds the word, as an attachment or a single operation: 0 or -EAGAIN. */
int shs_mutex_clear_died(struct shs_object *obj)
{
	u32 *word = word_of(obj), old;
	int i;

	lockdep_assert_held(&obj->lock);
	for (i = 0; i < SHS_CAS_TRIES; i++) {
		old = READ_ONCE(*word);
		if (cmpxchg(word, old, old & ~SHS_WORD_DIED) == old)
			return 0;
	}
	return -EAGAIN;
}

/* K as it should be by now, whoever owns: 0 or -EAGAIN. */
int shs_mutex_renew_kernel_bit(struct shs_object *obj)
{
	u32 *word = word_of(obj), old, kernel = kernel_bit(obj);
	int i;

	lockdep_assert_held(&obj->lock);
	for (i = 0; i < SHS_CAS_TRIES; i++) {
		old = READ_ONCE(*word);
		if (cmpxchg(word, old, (old & ~SHS_WORD_KERNEL) | kernel) == old)
			return 0;
	}
	return -EAGAIN;
}

const struct shs_kind_ops shs_mutex_ops = {
	.try = word_try,
	.release = word_release,
	.repair = word_repair,
	.pass = word_pass,
};
