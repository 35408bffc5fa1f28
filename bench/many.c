// SPDX-License-Identifier: GPL-2.0-only
/* Making, opening and naming objects; and a hundred thousand of them. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/sem.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"
#include "ours.h"

/* ------------------------------------------------------- create and open -- */

static const struct shs_spec atomic = { .kind = SHS_KIND_ATOMIC, .type = SHS_TYPE_I64 };

static const char *ours_setup(void **state, long unused)
{
	struct shs_object *object;
	struct shs_ioc_abi abi;
	int ret;

	(void)state;
	(void)unused;
	if (shs_abi(NULL, &abi))
		return "the module is not there";
	ret = shs_object_open_or_create("bench", &atomic, &object);
	if (ret < 0)
		bench_die("cannot create: %s", strerror(-ret));
	shs_object_close(object);
	return NULL;
}

static void ours_teardown(void *state)
{
	(void)state;
	shs_object_unlink("bench");
}

static int create_nameless(void)
{
	struct shs_object *object;
	int ret = shs_object_create(NULL, &atomic, &object);

	if (!ret)
		shs_object_close(object);
	return ret;
}

static int create_named(void)
{
	struct shs_object *object;
	int ret = shs_object_create("new", &atomic, &object);

	if (!ret)
		shs_object_close(object);
	return ret ?: shs_object_unlink("new");
}

static int open_named(int attach)
{
	struct shs_object *object;
	int ret = shs_object_open("bench", 0, &object);

	if (ret)
		return ret;
	if (attach)
		ret = shs_object_attach(object);
	shs_object_close(object);
	return ret;
}

BENCH_RUN(ours_nameless, void *, failed |= create_nameless())
BENCH_RUN(ours_create, void *, failed |= create_named())
BENCH_RUN(ours_open, void *, failed |= open_named(0))
BENCH_RUN(ours_attach, void *, failed |= open_named(1))

static int file_at(const char *path, int flags, int map, int remove)
{
	int fd = open(path, flags | O_RDWR | O_CLOEXEC, 0600);
	void *memory;

	if (fd < 0)
		return fd;
	if (flags & O_CREAT && map && ftruncate(fd, 4096))
		return -1;
	if (map) {
		memory = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		if (memory == MAP_FAILED || munmap(memory, 4096))
			return -1;
	}
	close(fd);
	return remove ? unlink(path) : 0;
}

static const char *file_setup(void **state, long unused)
{
	(void)state;
	(void)unused;
	return file_at("/dev/shm/bench", O_CREAT, 1, 0) ? "there is no /dev/shm" : NULL;
}

static void file_teardown(void *state)
{
	(void)state;
	unlink("/dev/shm/bench");
}

BENCH_RUN(file_create, void *, failed |= file_at("/dev/shm/new", O_CREAT | O_EXCL, 0, 1))
BENCH_RUN(file_create_map, void *, failed |= file_at("/dev/shm/new", O_CREAT | O_EXCL, 1, 1))
BENCH_RUN(file_open, void *, failed |= file_at("/dev/shm/bench", 0, 0, 0))
BENCH_RUN(file_open_map, void *, failed |= file_at("/dev/shm/bench", 0, 1, 0))

static int create_sem(void)
{
	sem_t *sem = sem_open("/new", O_CREAT | O_EXCL, 0600, 1);

	return sem == SEM_FAILED || sem_close(sem) || sem_unlink("/new");
}

static int open_sem(void)
{
	sem_t *sem = sem_open("/bench", 0);

	return sem == SEM_FAILED || sem_close(sem);
}

static const char *sem_setup(void **state, long unused)
{
	sem_t *sem = sem_open("/bench", O_CREAT, 0600, 1);

	(void)state;
	(void)unused;
	return sem == SEM_FAILED || sem_close(sem) ? "there is no /dev/shm" : NULL;
}

static int create_semget(void)
{
	int id = semget(IPC_PRIVATE, 1, 0600);

	return id < 0 || semctl(id, 0, IPC_RMID);
}

static const char *semget_setup(void **state, long unused)
{
	(void)state;
	(void)unused;
	return create_semget() ? "the kernel has no System V semaphores" : NULL;
}

BENCH_RUN(sem_create, void *, failed |= create_sem())
BENCH_RUN(sem_open_run, void *, failed |= open_sem())
BENCH_RUN(semget_run, void *, failed |= create_semget())

#define OURS	.flags = BENCH_CALLS, .setup = ours_setup, .teardown = ours_teardown
#define FILES	.flags = BENCH_CALLS, .setup = file_setup, .teardown = file_teardown

static const struct bench_case creates[] = {
	{ .peer = "shstate without a name", OURS, .run = ours_nameless },
	{ .peer = "shstate", OURS, .run = ours_create },
	{ .peer = "tmpfs file", FILES, .run = file_create },
	{ .peer = "tmpfs file mapped", FILES, .run = file_create_map },
	{ .peer = "sem_open", .flags = BENCH_CALLS, .setup = sem_setup, .run = sem_create },
	{ .peer = "semget", .flags = BENCH_CALLS, .setup = semget_setup, .run = semget_run },
};

static const struct bench_case opens[] = {
	{ .peer = "shstate", OURS, .run = ours_open },
	{ .peer = "shstate attached", OURS, .run = ours_attach },
	{ .peer = "tmpfs file", FILES, .run = file_open },
	{ .peer = "tmpfs file mapped", FILES, .run = file_open_map },
	{ .peer = "sem_open", .flags = BENCH_CALLS, .setup = sem_setup, .run = sem_open_run },
};

/* ------------------------------------------------------ a hundred thousand -- */

#define MANY	100000
#define FOLDER	"/tmp/bench.many"

struct crowd {
	const char *peer, *type, *options;
	int (*create)(const char *path);
};

static int create_ours(const char *path)
{
	struct shs_object *object;
	int ret = shs_object_create(path, &atomic, &object);

	if (!ret)
		shs_object_close(object);
	return ret;
}

static int create_empty(const char *path)
{
	int fd = open(path, O_CREAT | O_EXCL | O_RDWR, 0600);

	return fd < 0 ? -errno : close(fd);
}

static const struct crowd crowds[] = {
	{ "shstate", "shstate",
	  "nr_objects=200000,nr_objects_user=200000,size=1G,size_user=1G", create_ours },
	{ "tmpfs file", "tmpfs", "nr_inodes=200000", create_empty },
};

static double free_memory(void)
{
	double kib = 0;
	char line[100];
	FILE *file = fopen("/proc/meminfo", "re");

	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "MemFree: %lf", &kib) == 1)
			break;
	if (file)
		fclose(file);
	return kib * 1024;
}

static void path_of(char *path, size_t size, unsigned int number)
{
	snprintf(path, size, FOLDER "/object%06u", number);
}

static void one(const struct bench_what *about, const char *metric, const char *unit,
		const char *peer, double value)
{
	struct bench_what what = *about;
	struct bench_samples samples = {};

	what.metric = metric;
	what.unit = unit;
	bench_sample(&samples, value);
	bench_result(&what, peer, &samples);
}

static unsigned int list(void)
{
	DIR *folder = opendir(FOLDER);
	unsigned int count = 0;

	while (folder && readdir(folder))
		count++;
	if (folder)
		closedir(folder);
	return count;
}

/* The command over the folder, output and all. */
static void ls(void)
{
	int status;

	if (!bench_fork()) {
		if (!freopen("/dev/null", "w", stdout))
			_exit(1);
		execlp("shstate", "shstate", "-d", FOLDER, "ls", NULL);
		_exit(127);
	}
	if (wait(&status) < 0 || status)
		bench_die("shstate ls failed");
}

static double elapsed(uint64_t since)
{
	return (bench_ticks() - since) / bench_ticks_per_ns;
}

static void look_up(const struct bench_what *what, const char *peer)
{
	struct bench_samples samples = {};
	struct bench_what about = *what;
	unsigned int number = 1;
	struct stat stat_;
	char path[64];

	for (int i = 0; i < 10000; i++) {
		uint64_t begin;

		number = (number * 16807ULL) % 2147483647;
		path_of(path, sizeof(path), number % MANY);
		begin = bench_ticks();
		if (stat(path, &stat_))
			bench_die("%s: %s", path, strerror(errno));
		bench_sample(&samples, elapsed(begin));
	}
	about.metric = "lookup";
	about.unit = "ns";
	bench_result(&about, peer, &samples);
}

/* What the module's own structures take, where the kernel tells. */
static void slabs(const struct bench_what *what, const char *peer)
{
	static const char *const slab[][2] = {
		{ "slab object", "/sys/kernel/slab/shs_object/object_size" },
		{ "slab attachment", "/sys/kernel/slab/shs_attachment/object_size" },
	};
	double bytes;

	for (size_t i = 0; i < BENCH_COUNT(slab); i++) {
		FILE *file = fopen(slab[i][1], "re");

		if (file && fscanf(file, "%lf", &bytes) == 1)
			one(what, slab[i][0], "bytes", peer, bytes);
		if (file)
			fclose(file);
	}
}

static void measure(const struct crowd *crowd)
{
	struct bench_what what = { .family = "many", .workload = "objects", .parameter = MANY };
	double before;
	uint64_t begin;
	char path[64];

	mkdir(FOLDER, 0700);
	if (mount("none", FOLDER, crowd->type, 0, crowd->options)) {
		bench_skip(&what, crowd->peer, "cannot be mounted here");
		return;
	}
	before = free_memory();
	begin = bench_ticks();
	for (unsigned int i = 0; i < MANY; i++) {
		int ret;

		path_of(path, sizeof(path), i);
		ret = crowd->create(path);
		if (ret)
			bench_die("cannot create %s: %s", path, strerror(-ret));
	}
	one(&what, "create", "ns", crowd->peer, elapsed(begin) / MANY);
	one(&what, "memory", "bytes", crowd->peer, (before - free_memory()) / MANY);
	begin = bench_ticks();
	if (list() < MANY)
		bench_die("readdir does not see all");
	one(&what, "readdir", "ms", crowd->peer, elapsed(begin) / 1e6);
	look_up(&what, crowd->peer);
	if (!strcmp(crowd->type, "shstate")) {
		begin = bench_ticks();
		ls();
		one(&what, "shstate ls", "ms", crowd->peer, elapsed(begin) / 1e6);
		slabs(&what, crowd->peer);
	}
	if (umount(FOLDER))
		bench_die("umount: %s", strerror(errno));
}

void bench_many(void)
{
	bench_alone("many", "create and remove", 0, creates, BENCH_COUNT(creates));
	bench_alone("many", "open and close", 0, opens, BENCH_COUNT(opens));
	if (bench_options.instructions || bench_options.uml)
		return;
	for (size_t i = 0; i < BENCH_COUNT(crowds); i++)
		measure(&crowds[i]);
}
