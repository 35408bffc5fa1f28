/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A call of SHS_IOC_MANY while it lasts: manycall.c makes it, manystep.c brings it to its
 * end, many.c is what it does to its objects.
 */
#ifndef _SHS_MANY_H
#define _SHS_MANY_H

#include <linux/completion.h>
#include <linux/mutex.h>
#include "shstate.h"

/* One of several.  It keeps the object, not the attachment, which may end meanwhile. */
struct shs_many_one {
	struct shs_waiter w;		/* its att is known to live under the object's lock only */
	struct shs_object *obj;
	struct file *file;		/* of the object */
	u32 id;				/* of the attachment */
	bool condition;			/* nothing of it is taken */
	bool no_undo;			/* all: and w is not, as long as it may be given back */
	bool had;			/* by this call */
	bool marked;			/* its object is attempted, by this call */
};

enum shs_many_stage {
	SHS_MANY_BEGINS,
	SHS_MANY_WAITS,
	SHS_MANY_ENDED,
	SHS_MANY_POSTED,
};

struct shs_many_wait {
	struct shs_many many;
	struct super_block *sb;
	struct shs_ioc_many __user *user;
	struct shs_many_item __user *user_items;
	u32 item_size;
	bool may_wait;
	struct shs_deadline deadline;
	u32 index;			/* of the item that the result is about */
	u32 queued;			/* any: so many were */
	struct shs_many_one *scout;	/* all: where it waits, or did last */
	struct list_head node;		/* all: sbi->waits_for_all */
	bool cancelled;			/* under sbi->attempts */

	int ret;			/* how it ended */

	struct shs_request *request;	/* no thread sleeps for it; for that case: */
	spinlock_t lock;		/* of the two below */
	enum shs_many_stage stage;
	u32 untold;			/* waiters that are queued, or settled and not told yet */
	bool watches;			/* the attachment that it is armed on */
	bool orphaned;			/* that has ended, and told the bell */
	struct completion told;		/* nobody uses the bell any more */

	u32 nr;
	struct shs_many_one one[];
};

static inline struct shs_many_item __user *shs_many_user_item(const struct shs_many_wait *m, u32 i)
{
	return (void __user *)m->user_items + (size_t)i * m->item_size;
}

static inline bool shs_is_grant(int ret)
{
	return !ret || ret == -EOWNERDEAD;
}

/* many.c */
bool shs_many_first(struct shs_many_wait *m);
bool shs_many_next(struct shs_many_wait *m, int why);
void shs_many_undo(struct shs_many_wait *m);

/* manystep.c */
int shs_many_run(struct shs_many_wait *m);
void shs_many_prepare(struct shs_many_wait *m, struct shs_request *r);
bool shs_many_begin(struct shs_many_wait *m);
bool shs_many_step(struct shs_many_wait *m);
void shs_many_wake(struct shs_many_wait *m);
void shs_many_leave_door(struct shs_many_wait *m);
int shs_many_end(struct shs_many_wait *m, bool closed);
void shs_many_free(struct shs_many_wait *m);

#endif
