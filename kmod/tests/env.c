// SPDX-License-Identifier: GPL-2.0-only
/* The functions that core.h says its environment provides. */
#include <stdio.h>
#include "core.h"
#include "test.h"

#define TOUCHES_MAX 100000	/* of one step; the longest honest one takes some hundred */

struct env env;
void (*env_race)(enum env_access access, const void *p);
unsigned int env_asked;
bool env_wide_hash;

static unsigned int touches;
static bool racing;

void env_reset(void)
{
	memset(&env, 0, sizeof(env));
	env.now_ns = 1000;
	env_race = NULL;
	env_wide_hash = false;
	env_new_step();
}

void env_new_step(void)
{
	touches = 0;
	racing = false;
}

/* What is of interest during a step only. */
void env_forget(void)
{
	env.task = NULL;
	env.deaths = 0;
	env.death_id = 0;
	env.death_ids = 0;
	env.death_mode = 0;
}

/* What races does not race with itself. */
void env_touch(enum env_access access, const void *p)
{
	if (++touches > TOUCHES_MAX)
		env_fail("a loop without end");
	if (!env_race || racing)
		return;
	racing = true;
	env_race(access, p);
	racing = false;
}

u64 shs_now_ns(void)
{
	return env.now_ns;
}

/*
 * A full shs_wakes wakes at once, so what a sleeper looks at must be there already:
 * else it looks, finds nothing and sleeps on.
 */
void shs_wake_add(struct shs_wakes *wakes, struct task_struct *task)
{
	if (!task)
		return;
	if (!env.locks)
		env_fail("a wakeup is added without the lock");
	if (task->waits && task->waits->state == SHS_QUEUED && !task->waits->kicked)
		env_fail("a task is woken before the reason is there to see");
	if (wakes->n == ARRAY_SIZE(wakes->task))
		task->asleep = false;
	else
		wakes->task[wakes->n++] = task;
}

void shs_wakes_flush(struct shs_wakes *wakes)
{
	unsigned int i;

	if (env.locks || env.leaves)
		env_fail("tasks are woken under the lock");
	for (i = 0; i < wakes->n; i++)
		wakes->task[i]->asleep = false;
	wakes->n = 0;
	shs_tell_done(wakes);
}

bool shs_mm_is_gone(const struct shs_attachment *att)
{
	return !att->mm->mm_users;
}

void shs_death_note(struct shs_attachment *att, u32 mode)
{
	lockdep_assert_held(&att->obj->lock);
	att->obj->death.mode = mode;
	att->obj->death.deaths++;
	env.deaths++;
	env.death_id = att->id;
	env.death_ids |= 1ULL << att->id % 64;
	env.death_mode = mode;
}

bool shs_thread_is_gone(struct pid *thread)
{
	return thread->gone;
}

bool shs_is_dying(struct task_struct *task)
{
	env_asked++;
	return task && task->killed;
}

void shs_describe(struct shs_thread_info *info, const struct shs_object *obj,
		  const struct shs_waiter *w)
{
	*info = (struct shs_thread_info){
		.mode = w->mode,
		.flags = SHS_THREAD_WAITS,
		.tid = w->thread->nr,
		.count = w->permits ?: 1,
		.object = obj->serial,
	};
}

void shs_await_soon(struct shs_object *obj)
{
	lockdep_assert_held(&obj->lock);
	env.awaits_soon = true;
}

void shs_await_fence(struct shs_object *obj)
{
	lockdep_assert_held(&obj->lock);
	if (env.awaits_fence)
		env_fail("a fence is asked for while another is under way");
	env.awaits_fence = true;
}

/* Told of under the lock, or the order of events would be another. */
void shs_trace(const struct shs_object *obj, enum shs_event event, u32 id, u32 mode, u64 ns)
{
	lockdep_assert_held(&obj->lock);
}
