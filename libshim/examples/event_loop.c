// SPDX-License-Identifier: MIT
/* An event loop in one ring: it waits for a socket, a timer and a mutex of another process. */
#include <sys/socket.h>

#include "parties.h"
#include "ring.h"

enum event { SOCKET, TIMER, MUTEX, EVENTS };

static struct shs_object *mutex;
static int ends[2];

/* Holds the mutex until it is told that the timer has gone off. */
static void other_process(void)
{
	char answer;

	alarm(TIME_LIMIT);
	must(shs_mutex_lock(mutex));
	must(write(ends[1], "hello", 5) == 5 ? 0 : -errno);
	must(read(ends[1], &answer, 1) == 1 ? 0 : -errno);
	must(shs_mutex_unlock(mutex));
	_exit(0);
}

static struct io_uring_sqe *entry(struct io_uring *ring, enum event event)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(ring);

	must(sqe ? 0 : -ENOBUFS);
	sqe->user_data = event;
	return sqe;
}

static void wait_for_all(struct io_uring *ring, struct shs_call *call, char *message)
{
	static struct __kernel_timespec soon = { .tv_nsec = 10000000 };
	struct io_uring_sqe *sqe;

	sqe = entry(ring, SOCKET);
	io_uring_prep_recv(sqe, ends[0], message, 5, 0);
	sqe->user_data = SOCKET;
	sqe = entry(ring, TIMER);
	io_uring_prep_timeout(sqe, &soon, 0, 0);
	sqe->user_data = TIMER;
	sqe = entry(ring, MUTEX);
	must(shs_prep_mutex_lock(sqe, call, mutex, shs_deadline_never()));
	sqe->user_data = MUTEX;
	must(io_uring_submit(ring));
}

static enum event next(struct io_uring *ring, int *result)
{
	struct io_uring_cqe *cqe;
	enum event event;

	must(io_uring_wait_cqe(ring, &cqe));
	event = cqe->user_data;
	*result = cqe->res;
	io_uring_cqe_seen(ring, cqe);
	return event;
}

int main(void)
{
	char message[6] = "";
	struct io_uring ring;
	struct shs_call call;
	int result, status, i;

	if (!ring_works())
		return 0;
	mutex = anonymous(SHS_KIND_MUTEX, SHS_TYPE_U64, 1, NULL);
	must(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) ? -errno : 0);
	fflush(stdout);
	if (must(fork()) == 0)
		other_process();
	must(io_uring_queue_init(8, &ring, 0));
	/* Else this one might have the mutex first. */
	must(recv(ends[0], message, 1, MSG_PEEK) == 1 ? 0 : -errno);
	wait_for_all(&ring, &call, message);
	for (i = 0; i < EVENTS; i++) {
		switch (next(&ring, &result)) {
		case SOCKET:
			printf("the socket says: %s\n", message);
			break;
		case TIMER:
			printf("the timer has gone off\n");
			must(write(ends[0], "!", 1) == 1 ? 0 : -errno);
			break;
		case MUTEX:
			must(shs_call_end(&call, result));
			printf("Result: the mutex is locked\n");
			break;
		case EVENTS:
			return 1;
		}
	}
	must(shs_mutex_unlock(mutex));
	must(wait(&status));
	return status;
}
