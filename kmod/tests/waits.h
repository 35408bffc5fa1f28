/* SPDX-License-Identifier: GPL-2.0-only */
/* The halves of a wait, taken out of ../wait.c and ../condwait.c as they are. */
#ifndef _SHS_TESTS_WAITS_H
#define _SHS_TESTS_WAITS_H

#include "core.h"

int waits_enter(struct shs_object *obj, struct shs_waiter *w, bool may_wait);
int waits_leave(struct shs_object *obj, struct shs_waiter *w, int slept);
void shs_release_waiter(struct shs_object *obj, struct shs_waiter *w);

int waits_release_mutex(struct shs_attachment *att);
int waits_sleep_on_ticket(struct shs_attachment *att, struct shs_ticket *t, int slept);

#endif
