// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
/* Of libshstate-inject.a alone. */
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <unistd.h>

#include "inject.h"

static _Atomic unsigned long passed;
static unsigned long chosen;
static void (*chosen_action)(const char *name);

void shs_inject_at(unsigned long step, void (*action)(const char *name))
{
	chosen = step;
	chosen_action = action;
	atomic_store(&passed, 0);
}

unsigned long shs_inject_passed(void)
{
	return atomic_load(&passed);
}

void shs_inject_step(const char *name)
{
	int saved = errno;

	if (atomic_fetch_add(&passed, 1) + 1 != chosen)
		return;
	if (chosen_action)
		chosen_action(name);
	else
		kill(getpid(), SIGKILL);
	errno = saved;
}
