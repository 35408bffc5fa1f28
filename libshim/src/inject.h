/* SPDX-License-Identifier: LGPL-2.1-or-later OR MIT */
/*
 * Numbered steps, for tests of death. SHS_STEP(name) stands where a kill leaves
 * another state behind than a moment before. In libshstate-inject.a, which is built
 * with SHS_INJECT, each is counted and can be acted upon; elsewhere it is nothing.
 */
#ifndef SHSTATE_INJECT_H
#define SHSTATE_INJECT_H

#ifdef SHS_INJECT

#define SHS_STEP(name)	shs_inject_step(name)

/*
 * Counts anew from 1; at that step action(name) is called, or this process killed if
 * action is NULL. Step 0 never comes. A child goes on where its parent forked.
 */
void shs_inject_at(unsigned long step, void (*action)(const char *name));

/* How many steps this process has passed since. */
unsigned long shs_inject_passed(void);

void shs_inject_step(const char *name);

#else

#define SHS_STEP(name)	((void)0)

#endif

#endif /* SHSTATE_INJECT_H */
