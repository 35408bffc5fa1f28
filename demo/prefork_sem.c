// SPDX-License-Identifier: MIT
/*
 * The usual way: a semaphore for a lock, and a file of its own for each worker that holds
 * what it has in flight, as metrics libraries do. Whoever waits for long supposes that the
 * holder was killed, and goes on; there is nothing to be known.
 */
#include <fcntl.h>
#include <glob.h>
#include <semaphore.h>
#include <time.h>

#include "parties.h"
#include "prefork.h"

#define PATIENCE_MS 200

static struct shared {
	sem_t lock;
	struct ledger ledger;
	int64_t lost;
} *shared;

static char folder[] = "/tmp/prefork.XXXXXX";
static int64_t *own;

static void create(void)
{
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	must(shared == MAP_FAILED ? -errno : 0);
	sem_init(&shared->lock, 1, 1);
	must(mkdtemp(folder) ? 0 : -errno);
}

static void worker_begins(void)
{
	char path[64];
	int file;

	snprintf(path, sizeof(path), "%s/%d", folder, getpid());
	file = must(open(path, O_RDWR | O_CREAT, 0600));
	must(ftruncate(file, sizeof(*own)));
	own = mmap(NULL, sizeof(*own), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	must(own == MAP_FAILED ? -errno : 0);
	close(file);
}

static void lock(void)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_nsec += PATIENCE_MS * 1000000;
	until.tv_sec += until.tv_nsec / 1000000000;
	until.tv_nsec %= 1000000000;
	if (sem_timedwait(&shared->lock, &until))
		__atomic_fetch_add(&shared->lost, 1, __ATOMIC_RELAXED);
}

static int count(const struct request *request)
{
	struct ledger *ledger = &shared->ledger;

	lock();
	if (ledger->last[request->client] != request->number) {
		ledger->last[request->client] = request->number;
		think();
		ledger->total++;
	}
	sem_post(&shared->lock);
	return 0;
}

static void in_flight(int change)
{
	*own += change;
}

static int64_t total(void)
{
	return shared->ledger.total;
}

static int64_t total_flying(void)
{
	char pattern[64];
	int64_t value, sum = 0;
	glob_t files;
	size_t i;
	int file;

	snprintf(pattern, sizeof(pattern), "%s/*", folder);
	if (glob(pattern, 0, NULL, &files))
		return 0;
	for (i = 0; i < files.gl_pathc; i++) {
		file = must(open(files.gl_pathv[i], O_RDONLY));
		if (read(file, &value, sizeof(value)) == sizeof(value))
			sum += value;
		close(file);
	}
	printf("sem: %zu files of workers, which somebody has to remove\n", files.gl_pathc);
	globfree(&files);
	return sum;
}

static void report(void)
{
	printf("sem: %lld times the lock was lost with its holder, and taken after %d ms of waiting\n",
	       (long long)shared->lost, PATIENCE_MS);
}

const struct way by_sem = {
	"sem", create, worker_begins, count, in_flight, report, total, total_flying,
};
