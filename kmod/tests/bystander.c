// SPDX-License-Identifier: GPL-2.0-only
/* One contended lock and unlock after the other, each result known. */
#include "box.h"
#include "world.h"

#define K	SHS_WORD_KERNEL

static struct box box;
static unsigned int at;

void bystander_start(void)
{
	box_init(&box, SHS_KIND_MUTEX, SHS_INIT_FIFO, 2);
	box.shared.head.word = K;
	at = 0;
}

void bystander_step(void)
{
	switch (at++ % 6) {
	case 0:
		CHECK_EQ(box_try(&box, 0, 0), 0);
		CHECK_EQ(box.shared.head.word, 1 | K);
		break;
	case 1:
		CHECK_EQ(box_lock(&box, 1, 0), -EBUSY);
		CHECK_EQ(box.shared.head.word, 1 | K | SHS_WORD_WAITERS);
		break;
	case 2:
		CHECK_EQ(box_unlock(&box, 0, 0), 0);
		CHECK_EQ(box.shared.head.word, 2 | K);
		break;
	case 3:
		CHECK_EQ(box_wake(&box, 1, 0), 0);
		CHECK_EQ(box.shared.head.word, 2 | K);
		break;
	case 4:
		CHECK_EQ(box_try(&box, 0, 0), -EBUSY);
		break;
	case 5:
		CHECK_EQ(box_unlock(&box, 1, 0), 0);
		CHECK_EQ(box.shared.head.word, K);
		CHECK_EQ(box.obj.waiters, 0);
		break;
	}
}
