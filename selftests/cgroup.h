/* SPDX-License-Identifier: GPL-2.0-only */
/* A cgroup of the test's own, in the second hierarchy, to freeze or to limit in it. */
#ifndef SHS_SELFTEST_CGROUP_H
#define SHS_SELFTEST_CGROUP_H

#include "shs.h"

struct shs_cgroup {
	char path[200];
};

/* Where it is mounted, or mounts it there for this mount namespace. */
static inline int shs_cgroup_root(char *path, size_t size)
{
	FILE *mounts = fopen("/proc/mounts", "r");
	char line[1000], at[500], type[100];
	int ret = -ENOENT;

	while (ret && mounts && fgets(line, sizeof(line), mounts))
		if (sscanf(line, "%*s %499s %99s", at, type) == 2 && !strcmp(type, "cgroup2"))
			ret = snprintf(path, size, "%s", at) < size ? 0 : -ENAMETOOLONG;
	if (mounts)
		fclose(mounts);
	if (!ret)
		return 0;
	snprintf(path, size, "/sys/fs/cgroup");
	return mount("cgroup2", path, "cgroup2", 0, NULL) ? -errno : 0;
}

static inline int shs_cgroup_put(const struct shs_cgroup *g, const char *file, const char *text)
{
	char path[300];

	snprintf(path, sizeof(path), "%s/%s", g->path, file);
	return shs_put_file(path, text);
}

/* The number in a file, or behind a word in it: -1 if there is none. */
static inline long long shs_cgroup_get(const struct shs_cgroup *g, const char *file,
				       const char *key)
{
	long long value = -1, found = -1;
	char path[300], word[100];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", g->path, file);
	f = fopen(path, "r");
	if (!f)
		return -1;
	if (!key) {
		if (fscanf(f, "%lld", &found) != 1)
			found = -1;
	} else {
		while (found < 0 && fscanf(f, "%99s %lld", word, &value) == 2)
			if (!strcmp(word, key))
				found = value;
	}
	fclose(f);
	return found;
}

static inline int shs_cgroup_add(const struct shs_cgroup *g, pid_t pid)
{
	char text[20];

	snprintf(text, sizeof(text), "%d", pid);
	return shs_cgroup_put(g, "cgroup.procs", text);
}

/* New, with that controller if it is not NULL; -ENOENT: this kernel has no such. */
static inline int shs_cgroup_make(struct shs_cgroup *g, const char *controller)
{
	char root[150], control[200], enable[50];
	int err = shs_cgroup_root(root, sizeof(root));

	if (err)
		return err;
	if (controller) {
		snprintf(control, sizeof(control), "%s/cgroup.subtree_control", root);
		snprintf(enable, sizeof(enable), "+%s", controller);
		err = shs_put_file(control, enable);
		if (err)
			return err == -EINVAL ? -ENOENT : err;
	}
	snprintf(g->path, sizeof(g->path), "%s/shstate-%d", root, getpid());
	return mkdir(g->path, 0755) ? -errno : 0;
}

/* Once all who were in it are gone. */
static inline void shs_cgroup_end(const struct shs_cgroup *g)
{
	while (rmdir(g->path) && errno == EBUSY)
		sched_yield();
}

#endif /* SHS_SELFTEST_CGROUP_H */
