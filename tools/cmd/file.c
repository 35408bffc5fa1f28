// SPDX-License-Identifier: GPL-2.0-only
/*
 * Written beside its place, synced, and renamed: whoever looks, also after the machine
 * lost power, finds the old file or the new one.
 */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "file.h"

static char *folder_of(const char *path)
{
	char *copy = must_have(strdup(path)), *folder = must_have(strdup(dirname(copy)));

	free(copy);
	return folder;
}

/* Hidden, and of no name that somebody looks for, such as *.prom. */
static char *name_aside(const char *path)
{
	char *folder = folder_of(path), *copy = must_have(strdup(path)), *aside;

	must_have(asprintf(&aside, "%s/.%s.XXXXXX", folder, basename(copy)) < 0 ? NULL : aside);
	free(folder);
	free(copy);
	return aside;
}

static bool refuse(struct new_file *file, int error)
{
	complain("%s: cannot be written: %s; what was there before is as it was", file->path,
		 strerror(error));
	new_file_drop(file);
	return false;
}

bool new_file_begin(struct new_file *file, const char *path, unsigned int mode)
{
	int fd, error;

	*file = (struct new_file){
		.path = must_have(strdup(path)),
		.aside = name_aside(path),
	};
	fd = mkostemp(file->aside, O_CLOEXEC);
	if (fd < 0) {
		error = errno;
		free(file->aside);
		file->aside = NULL;
		return refuse(file, error);
	}
	file->out = fdopen(fd, "w");
	if (!file->out || fchmod(fd, mode) < 0)
		return refuse(file, errno);
	return true;
}

/* The name is on the disk once the folder is. */
static int sync_folder(const char *path)
{
	char *folder = folder_of(path);
	int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int ret = fd < 0 || fsync(fd) < 0 ? -errno : 0;

	if (fd >= 0)
		close(fd);
	free(folder);
	/* Some file systems need not, and so cannot. */
	return ret == -EINVAL ? 0 : ret;
}

bool new_file_end(struct new_file *file)
{
	int ret;

	if (fflush(file->out) || ferror(file->out) || fsync(fileno(file->out)) < 0 ||
	    rename(file->aside, file->path) < 0)
		return refuse(file, errno);
	free(file->aside);
	file->aside = NULL;
	ret = sync_folder(file->path);
	if (ret < 0)
		complain("%s: is written, but perhaps not on the disk yet: %s", file->path,
			 strerror(-ret));
	new_file_drop(file);
	return ret == 0;
}

void new_file_drop(struct new_file *file)
{
	if (file->out)
		fclose(file->out);
	if (file->aside)
		unlink(file->aside);
	free(file->aside);
	free(file->path);
	*file = (struct new_file){ };
}
