/* SPDX-License-Identifier: GPL-2.0-only */
/* A box with a word, for the tests of its states. */
#ifndef _SHS_TESTS_WORD_BOX_H
#define _SHS_TESTS_WORD_BOX_H

#include "box.h"

#define W	SHS_WORD_WAITERS
#define D	SHS_WORD_DIED
#define K	SHS_WORD_KERNEL
#define KERNEL	SHS_ID_KERNEL
#define NOBODY	0x1234567	/* an id that nobody has */
#define DEAD	3		/* id of an attachment that was repaired */
#define GONE	4		/* of one without users, not repaired yet */

static struct box box;

static inline u32 word(void)
{
	return box.shared.head.word;
}

static inline void start(u32 kind, u32 flags, u32 word)
{
	box_init(&box, kind, flags, 4);
	box_die(&box, DEAD - 1);
	box.mm[GONE - 1].mm_users = 0;
	box.shared.head.word = word;
	if ((word & SHS_WORD_OWNER) == KERNEL)
		box.obj.mutex.kernel_holds = 1;
	env.deaths = 0;
}

#endif
