/* SPDX-License-Identifier: GPL-2.0-only */
/* One object with its memory and some attachments, for tests that call step by step. */
#ifndef _SHS_TESTS_BOX_H
#define _SHS_TESTS_BOX_H

#include "waits.h"
#include "test.h"

#define BOX_ATTS	13
#define BOX_LANES	4
#define BOX_STRIDE	64

struct box {
	struct shs_object obj;
	struct {
		struct shs_control head;
		s64 base[8];		/* counter; or the value of a once */
	} control;
	struct {
		struct shs_shared head;
		u8 value[256];
	} shared;
	struct shs_attachment att[BOX_ATTS];
	struct mm_struct mm[BOX_ATTS];
	struct {
		struct shs_private head;
		u64 lanes[BOX_LANES][BOX_STRIDE / 8];
	} private[BOX_ATTS];
	struct task_struct task[BOX_ATTS];
	struct shs_waiter w[BOX_ATTS];
};

/* Attachments 0 to atts - 1, with ids from 1, live; the object is as INIT leaves it. */
void box_init(struct box *b, u32 kind, u32 flags, unsigned int atts);
/* The waiter of attachment i; the last two are single operations. */
#define BOX_SINGLE	(BOX_ATTS - 2)
struct shs_waiter *box_waiter(struct box *b, unsigned int i, u32 mode);
/* As the calls with these names. */
int box_lock(struct box *b, unsigned int i, u32 mode);		/* -EBUSY: queued */
int box_try(struct box *b, unsigned int i, u32 mode);
int box_unlock(struct box *b, unsigned int i, u32 mode);
/* By a thread that is known from another place; abandon: with a notice for the next. */
int box_unlock_as(struct box *b, unsigned int i, unsigned int thread, u32 mode, bool abandon);
int box_wake(struct box *b, unsigned int i, int slept);
void box_die(struct box *b, unsigned int i);

#endif
