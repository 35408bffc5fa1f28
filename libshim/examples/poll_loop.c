// SPDX-License-Identifier: MIT
/* An event loop with epoll: it waits for a pipe, a once, a condvar and a mutex of others. */
#include <sys/epoll.h>

#include "parties.h"
#include <shstate_uring.h>

enum event { PIPE, ONCE, CONDVAR, MUTEX, EVENTS };

static struct shs_object *mutex, *once, *beside, *condvar;
static int ends[2];

/* Has the mutex and the once until it lets go, in the order in which it is told to below. */
static void other_process(int ready)
{
	alarm(TIME_LIMIT);
	must(shs_mutex_lock(mutex));
	must(shs_once_begin(once, 0, shs_deadline_never()) == 1 ? 0 : -EIO);
	must(write(ready, "!", 1) == 1 ? 0 : -errno);
	must(shs_mutex_lock(beside));	/* free once the other one waits at the condvar */
	must(shs_condvar_notify_one(condvar) < 0 ? -EIO : 0);
	must(shs_mutex_unlock(beside));
	must(write(ends[1], "hello", 5) == 5 ? 0 : -errno);
	must(shs_once_complete(once));
	must(shs_mutex_unlock(mutex));
	_exit(0);
}

static void add(int epoll, int fd, enum event event)
{
	struct epoll_event in = { .events = EPOLLIN, .data.u32 = event };

	must(fd < 0 ? fd : 0);
	must(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &in) ? -errno : 0);
}

static void wait_for_all(int epoll, struct shs_call call[EVENTS])
{
	struct shs_deadline never = shs_deadline_never();

	add(epoll, ends[0], PIPE);
	must(shs_prep_once_wait(NULL, &call[ONCE], once, never));
	add(epoll, shs_call_arm(&call[ONCE]), ONCE);
	must(shs_prep_mutex_lock(NULL, &call[MUTEX], mutex, never));
	add(epoll, shs_call_arm(&call[MUTEX]), MUTEX);
	must(shs_prep_condvar_wait(NULL, &call[CONDVAR], condvar, beside, never));
	add(epoll, shs_call_arm(&call[CONDVAR]), CONDVAR);
}

static enum event next(int epoll)
{
	struct epoll_event event;
	int ret;

	do
		ret = epoll_wait(epoll, &event, 1, -1);
	while (ret < 0 && errno == EINTR);
	must(ret == 1 ? 0 : -errno);
	return event.data.u32;
}

int main(void)
{
	struct shs_call call[EVENTS];
	int epoll, ready[2], status, i;
	char message[6] = "";

	mutex = anonymous(SHS_KIND_MUTEX, SHS_TYPE_U64, 1, NULL);
	beside = anonymous(SHS_KIND_MUTEX, SHS_TYPE_U64, 1, NULL);
	once = anonymous(SHS_KIND_ONCE, SHS_TYPE_NONE, 0, NULL);
	condvar = anonymous(SHS_KIND_CONDVAR, SHS_TYPE_NONE, 0, NULL);
	must(pipe(ends) || pipe(ready) ? -errno : 0);
	must(shs_mutex_lock(beside));
	fflush(stdout);
	if (must(fork()) == 0)
		other_process(ready[1]);
	must(read(ready[0], message, 1) == 1 ? 0 : -errno);
	epoll = must(epoll_create1(EPOLL_CLOEXEC));
	wait_for_all(epoll, call);
	for (i = 0; i < EVENTS; i++) {
		enum event event = next(epoll);

		switch (event) {
		case PIPE:
			must(read(ends[0], message, 5) == 5 ? 0 : -errno);
			printf("the pipe says: %s\n", message);
			break;
		case ONCE:
			must(shs_call_collect(&call[event]));
			printf("the once is done\n");
			break;
		case CONDVAR:
			must(shs_call_collect(&call[event]));
			must(shs_mutex_unlock(beside));
			printf("the condvar was notified\n");
			break;
		case MUTEX:
			must(shs_call_collect(&call[event]));
			must(shs_mutex_unlock(mutex));
			printf("the mutex was locked\n");
			break;
		case EVENTS:
			return 1;
		}
	}
	must(wait(&status));
	printf("Result: four events by one epoll_wait()\n");
	return status;
}
