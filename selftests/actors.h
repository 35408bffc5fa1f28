/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Actors: threads, of this or that process, that do what the test tells them, one
 * call at a time. A call that sleeps is begun by act_start() and ended by act_end();
 * so a test reads as one sequence, whoever does what.
 */
#ifndef SHS_ACTORS_H
#define SHS_ACTORS_H

#include "shs.h"
#include <poll.h>
#include <pthread.h>
#include <sys/syscall.h>

#define ACT_LIST 32	/* entries that an actor's list has room for */
#define ACT_GONE (-1000)	/* the outcome of an actor that ended */

/* A call goes to the attachment of an object; with this, to the object itself. */
#define ON_OBJECT 0x100

/* In memory that all have in common; only one side writes at a time. */
struct actor {
	struct shs_pipe command, reply;
	pid_t pid, tid;
	int ret;
	/* What to do: a call or, if request is 0, a function. */
	unsigned long request;
	int object, mutex;
	int (*function)(struct actor *actor);
	union {
		struct shs_ioc_lock lock;
		struct shs_ioc_convert convert;
		struct shs_ioc_wait wait;
		struct shs_ioc_once once;
		struct shs_ioc_op op;
		struct shs_ioc_recover recover;
		struct shs_ioc_info info;
		struct shs_ioc_threads threads;
		struct shs_ioc_cycle cycle;
		struct shs_ioc_batch batch;
		char bytes[256];
	} arg;
	struct shs_thread_info list[ACT_LIST];
	/* In its process only. */
	struct shs_att *att;
	const int *objects;
	bool last;
};

static inline int actor_do(struct actor *actor)
{
	int object = actor->object & ~ON_OBJECT;

	if (!actor->request)
		return actor->function(actor);
	if (actor->request == SHS_IOC_WAIT)
		actor->arg.wait.mutex_fd = actor->att[actor->mutex].fd;
	return shs_ioctl(actor->object & ON_OBJECT ? actor->objects[object] :
			 actor->att[object].fd, actor->request, &actor->arg);
}

static inline void *actor_main(void *argument)
{
	struct actor *actor = argument;

	actor->tid = syscall(SYS_gettid);
	do {
		shs_say(&actor->reply);
		shs_hear(&actor->command);
		actor->ret = actor_do(actor);
	} while (!actor->last);
	shs_say(&actor->reply);
	return NULL;
}

static inline void actors_begin(struct actor *actor, const int *objects, int count, int threads)
{
	struct shs_att *att = calloc(count, sizeof(*att));
	pthread_t thread;

	for (int i = 0; i < count; i++)
		if (shs_attach(&att[i], objects[i]))
			_exit(255);
	for (int i = 0; i < threads; i++) {
		actor[i].att = att;
		actor[i].objects = objects;
	}
	for (int i = 1; i < threads; i++)
		if (pthread_create(&thread, NULL, actor_main, &actor[i]))
			_exit(255);
	actor_main(&actor[0]);
	for (;;)
		pause();
}

/* The outcome of a call begun; ACT_GONE if the actor's process ended instead. */
static inline int act_end(struct actor *actor)
{
	struct pollfd reply = { .fd = actor->reply.end[0], .events = POLLIN };

	while (poll(&reply, 1, 50) != 1)
		if (shs_is_gone(actor->pid) && poll(&reply, 1, 0) != 1)
			return ACT_GONE;
	shs_hear(&actor->reply);
	return actor->ret;
}

/* A process with so many threads; they share one attachment of each object. */
static inline struct actor *act_process(const int *objects, int count, int threads)
{
	struct actor *actor = shs_common(threads * sizeof(*actor));
	pid_t child;

	for (int i = 0; i < threads; i++) {
		actor[i].command = shs_pipe();
		actor[i].reply = shs_pipe();
	}
	child = shs_fork();
	if (!child)
		actors_begin(actor, objects, count, threads);
	for (int i = 0; i < threads; i++) {
		actor[i].pid = child;
		if (act_end(&actor[i]) == ACT_GONE)
			abort();
	}
	return actor;
}

static inline void act_start_as(struct actor *actor, int object, unsigned long request,
				const void *arg, size_t size)
{
	actor->object = object;
	actor->request = request;
	memcpy(&actor->arg, arg, size);
	actor->ret = 0;
	shs_say(&actor->command);
}

#define ACT_START(actor, object, request, arg) \
	act_start_as(actor, object, SHS_IOC_##request, arg, sizeof(*(arg)))
#define ACT(actor, object, request, arg) \
	({ ACT_START(actor, object, request, arg); act_end(actor); })

/* Runs a function of the test in the actor, which finds its attachments in *actor. */
static inline int act_call(struct actor *actor, int (*function)(struct actor *actor))
{
	actor->request = 0;
	actor->function = function;
	shs_say(&actor->command);
	return act_end(actor);
}

static inline int act_lock(struct actor *actor, int object)
{
	return ACT(actor, object, LOCK, &SHS_LOCK(.deadline = SHS_FOREVER));
}

static inline int act_trylock(struct actor *actor, int object)
{
	return ACT(actor, object, LOCK, &SHS_LOCK(.flags = SHS_LOCK_NOWAIT));
}

static inline void act_start_lock(struct actor *actor, int object)
{
	ACT_START(actor, object, LOCK, &SHS_LOCK(.deadline = SHS_FOREVER));
}

static inline int act_unlock(struct actor *actor, int object)
{
	return ACT(actor, object, UNLOCK, &SHS_LOCK());
}

/* Waits on a condvar with a mutex that the actor holds. */
static inline void act_start_wait(struct actor *actor, int condvar, int mutex)
{
	actor->mutex = mutex;
	ACT_START(actor, condvar, WAIT, &SHS_WAIT(.deadline = SHS_FOREVER));
}

/* The same call again, with what the last one left in its struct. */
static inline void act_start_again(struct actor *actor)
{
	shs_say(&actor->command);
}

/* What an actor sees of an object. */
static inline struct shs_ioc_info act_info(struct actor *actor, int object)
{
	struct shs_ioc_info info;

	memset(&info, 0xa5, sizeof(info));
	info.size = sizeof(info);
	if (ACT(actor, object, INFO, &info))
		return info;
	return actor->arg.info;
}

/* The cycle for which the actor was refused: its length, and actor->list; or an error. */
static inline int act_cycle(struct actor *actor, int object)
{
	int ret;

	memset(actor->list, 0xa5, sizeof(actor->list));
	ret = ACT(actor, object, CYCLE, (&(struct shs_ioc_cycle){
			.size = sizeof(struct shs_ioc_cycle), .capacity = SHS_CYCLE_MAX,
			.addr = (unsigned long)actor->list }));
	return ret ?: actor->arg.cycle.count;
}

/* Interrupts this thread and no other one of its process. */
static inline void act_signal(struct actor *actor, int number)
{
	syscall(SYS_tgkill, actor->pid, actor->tid, number);
}

/* Ends the actor's process, and with it all its threads. */
static inline int act_kill(struct actor *actor)
{
	return shs_kill(actor->pid);
}

#endif /* SHS_ACTORS_H */
