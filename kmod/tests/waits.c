// SPDX-License-Identifier: GPL-2.0-only
#include "waits.h"

struct shs_deadline {
	u64 unused;
};

struct condwait {
	struct shs_attachment *att;
	struct shs_deadline deadline;
	struct shs_ticket *ticket;
};

#include "waits.inc"	/* made by extract.sh */

int waits_enter(struct shs_object *obj, struct shs_waiter *w, bool may_wait)
{
	return enter(obj, w, may_wait);
}

int waits_leave(struct shs_object *obj, struct shs_waiter *w, int slept)
{
	return leave(obj, w, slept);
}

int waits_release_mutex(struct shs_attachment *att)
{
	return release_mutex(att);
}

int waits_sleep_on_ticket(struct shs_attachment *att, struct shs_ticket *t, int slept)
{
	struct condwait c = { .att = att, .ticket = t };

	env_sleep_result = slept;
	return sleep_on_ticket(&c);
}
