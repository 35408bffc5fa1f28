// SPDX-License-Identifier: MIT
/*
 * A mutex holder, a reader and an initialiser are killed while a child of each keeps
 * its descriptors. The next ones go on, and are told who died.
 */
#include <signal.h>

#include "parties.h"

static struct shs_object *object;
static int ready[2], leash[2];

/* A child with every descriptor of its parent, until main() ends. */
static void leave_child(void)
{
	char byte;

	/* Not fork(): its handlers would close what this is about. */
	if (must(_Fork()) == 0) {
		close(leash[1]);
		_exit(read(leash[0], &byte, 1) != 0);
	}
}

/* Tells main() that it holds, and stays so. */
static _Noreturn void hold_for_ever(void)
{
	leave_child();
	must(write(ready[1], "", 1) == 1 ? 0 : -EPIPE);
	for (;;)
		pause();
}

static int hold_mutex(void)
{
	shs_scope(num, shs_mutex_hold(object)) {
		*(int *)num.value = 999;	/* half done */
		hold_for_ever();
	}
	return 1;
}

static int hold_read_lock(void)
{
	shs_scope(r, shs_rwlock_hold_read(object)) {
		hold_for_ever();
	}
	return 1;
}

static int initialise_for_ever(void *argument, int earlier)
{
	(void)argument;
	(void)earlier;
	hold_for_ever();
}

static int hold_once(void)
{
	return shs_once_call(object, initialise_for_ever, NULL);
}

/* Waits until the holder holds, kills it, and returns its pid. */
static pid_t kill_holder(int (*hold)(void))
{
	pid_t holder = must(fork());
	char byte;

	if (holder == 0)
		_exit(hold());
	must(read(ready[0], &byte, 1) == 1 ? 0 : -EPIPE);
	kill(holder, SIGKILL);
	waitpid(holder, NULL, 0);
	return holder;
}

/* Prints who died; wrong unless it was that one, by that signal. */
static int report(const char *what, pid_t holder)
{
	struct shs_ioc_death death;
	char text[128];

	must(shs_object_death(object, &death));
	printf("%s: %s\n", what, shs_death_describe(&death, text, sizeof(text)));
	return death.pid != holder || death.why != SHS_WHY_SIGNAL || death.code != SIGKILL;
}

static int mutex(void)
{
	struct shs_deadline soon = shs_deadline_in(10 * SHS_NS_PER_S);
	pid_t holder;
	int status = 0;

	object = anonymous(SHS_KIND_MUTEX, SHS_TYPE_I32, 1, NULL);
	holder = kill_holder(hold_mutex);
	shs_scope(num, shs_mutex_hold_until(object, soon)) {
		status = num.status;
		*(int *)num.value = 0;	/* repaired */
	}
	return report("mutex holder", holder) || status != -EOWNERDEAD ||
	       shs_mutex_lock_until(object, soon) != 0;
}

static int reader(void)
{
	pid_t holder;
	int ret;

	object = anonymous(SHS_KIND_RWLOCK, SHS_TYPE_I32, 1, NULL);
	holder = kill_holder(hold_read_lock);
	ret = shs_rwlock_write_until(object, shs_deadline_in(10 * SHS_NS_PER_S));
	return report("reader", holder) || ret;
}

static int note_earlier(void *argument, int earlier)
{
	*(int *)argument = earlier;
	return 0;
}

static int initialiser(void)
{
	pid_t holder;
	int earlier = 0, ret;

	object = anonymous(SHS_KIND_ONCE, SHS_TYPE_NONE, 0, NULL);
	holder = kill_holder(hold_once);
	ret = shs_once_call_until(object, note_earlier, &earlier,
				  shs_deadline_in(10 * SHS_NS_PER_S));
	return report("initialiser", holder) || ret != 1 || earlier != -EOWNERDEAD;
}

int main(void)
{
	int wrong;

	alarm(TIME_LIMIT);
	must(pipe(ready) < 0 || pipe(leash) < 0 ? -errno : 0);
	wrong = mutex();
	wrong |= reader();
	wrong |= initialiser();
	printf("Result: %s\n", wrong ? "wrong" : "all went on");
	return wrong;
}
