// SPDX-License-Identifier: MIT
/*
 * A prefork server: workers take connections from one socket, count requests under a
 * lock, and are killed at random while clients send as fast as they can. A client whose
 * worker died sends its request again, with the same number. Whether each request counted
 * once shows at the end.
 *
 * usage: prefork shstate|sem [REQUESTS]
 */
#include <signal.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>

#include "parties.h"
#include "prefork.h"

static const struct way *way;
static int64_t requests = 500;		/* of each client */
static int server;
static pid_t workers[WORKERS];

static struct sockaddr_un address(socklen_t *size)
{
	/* Of Linux's abstract ones: it goes with its last user. */
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	snprintf(address.sun_path + 1, sizeof(address.sun_path) - 1, "prefork-%s", way->name);
	*size = offsetof(struct sockaddr_un, sun_path) + 1 + strlen(address.sun_path + 1);
	return address;
}

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * SHS_NS_PER_S + now.tv_nsec;
}

void think(void)
{
	uint64_t end = now_ns() + 50000;

	while (now_ns() < end)
		;
}

/* ---------------------------------------------------------------- worker -- */

static void serve(int connection)
{
	struct request request;

	if (read(connection, &request, sizeof(request)) != sizeof(request))
		return;
	way->in_flight(1);
	if (!way->count(&request) && write(connection, "+", 1) != 1)
		perror("answer");
	way->in_flight(-1);
}

static void worker(void)
{
	int connection;

	signal(SIGPIPE, SIG_IGN);
	way->worker_begins();
	for (;;) {
		connection = accept(server, NULL, NULL);
		if (connection < 0)
			continue;
		serve(connection);
		close(connection);
	}
}

static pid_t start_worker(void)
{
	pid_t pid = must(fork());

	if (!pid)
		worker();
	return pid;
}

/* ---------------------------------------------------------------- client -- */

static int ask(const struct request *request)
{
	socklen_t size;
	struct sockaddr_un to = address(&size);
	int connection = must(socket(AF_UNIX, SOCK_STREAM, 0));
	char answer;
	int done;

	done = !connect(connection, (struct sockaddr *)&to, size) &&
	       write(connection, request, sizeof(*request)) == sizeof(*request) &&
	       read(connection, &answer, 1) == 1;
	close(connection);
	return done;
}

static pid_t start_client(int number)
{
	struct request request = { .client = number };
	pid_t pid = must(fork());

	if (pid)
		return pid;
	signal(SIGPIPE, SIG_IGN);
	while (request.number++ < requests) {
		while (!ask(&request))
			;
	}
	_exit(0);
}

/* ---------------------------------------------------------------- master -- */

static int replace_worker(pid_t dead)
{
	int i;

	for (i = 0; i < WORKERS; i++) {
		if (workers[i] == dead) {
			workers[i] = start_worker();
			return 1;
		}
	}
	return 0;
}

/* Kills one of them every few milliseconds until the clients are done. */
static int kill_at_random(void)
{
	int clients = CLIENTS, killed = 0;
	pid_t pid;

	while (clients) {
		usleep(1000 + rand() % 9000);
		kill(workers[rand() % WORKERS], SIGKILL);
		while ((pid = waitpid(-1, NULL, WNOHANG)) > 0) {
			if (replace_worker(pid))
				killed++;
			else
				clients--;
		}
	}
	return killed;
}

static void begin(void)
{
	socklen_t size;
	struct sockaddr_un at = address(&size);
	int i;

	server = must(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
	must(bind(server, (struct sockaddr *)&at, size) ? -errno : 0);
	must(listen(server, 64) ? -errno : 0);
	way->create();
	fflush(stdout);
	for (i = 0; i < WORKERS; i++)
		workers[i] = start_worker();
	for (i = 0; i < CLIENTS; i++)
		start_client(i);
}

/* The rest is killed too, so that what they leave behind is seen. */
static void end(void)
{
	int i;

	for (i = 0; i < WORKERS; i++)
		kill(workers[i], SIGKILL);
	while (wait(NULL) > 0)
		;
}

int main(int argc, char **argv)
{
	int64_t answered, counted, flying;
	int killed;

	way = argc > 1 && strcmp(argv[1], by_sem.name) == 0 ? &by_sem : &by_shstate;
	if (argc > 2)
		requests = atoll(argv[2]);
	srand(getpid());
	begin();
	killed = kill_at_random();
	end();

	answered = CLIENTS * requests;
	counted = way->total();
	flying = way->flying();
	printf("%s: %d workers killed; %lld requests answered, %lld counted; ",
	       way->name, killed, (long long)answered, (long long)counted);
	printf("%lld in flight when nobody is left\n", (long long)flying);
	way->report();
	return counted != answered || flying;
}
