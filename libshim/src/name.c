// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
/* Names: where they lie, and what can be done with them without a handle. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "internal.h"

static const char *usual_folder(void)
{
	/* Not from the environment of a set-user-ID program. */
	const char *folder = secure_getenv("SHSTATE_DIR");

	return folder && *folder ? folder : "/dev/shstate";
}

static int is_a_folder(const char *name)
{
	return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

int shs_name_path(const char *name, char *path, size_t size)
{
	int length;

	if (!*name || is_a_folder(name))
		return -EINVAL;
	if (strstr(name, "://"))
		return -EPROTONOSUPPORT;
	if (strchr(name, '/'))
		length = snprintf(path, size, "%s", name);
	else
		length = snprintf(path, size, "%s/%s", usual_folder(), name);
	return (size_t)length < size ? length : -ENAMETOOLONG;
}

/* So that a mistaken path does not cost somebody a file. */
static int must_be_object(const char *path)
{
	int fd = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	struct statfs fs;
	int ret;

	if (fd < 0)
		return -errno;
	ret = fstatfs(fd, &fs) < 0 ? -errno : 0;
	close(fd);
	if (ret)
		return ret;
	/* The type of the field differs between architectures. */
	return (uint32_t)fs.f_type == SHS_SUPER_MAGIC ? 0 : -ENOTTY;
}

int shs_object_unlink(const char *name)
{
	char path[PATH_MAX];
	int ret = shs_name_path(name, path, sizeof(path));

	if (ret >= 0)
		ret = must_be_object(path);
	if (ret < 0)
		return ret;
	SHS_STEP("unlink");
	ret = unlink(path) < 0 ? -errno : 0;
	SHS_STEP("unlinked");
	return ret;
}

int shs_object_rename(const char *old_name, const char *new_name)
{
	char old_path[PATH_MAX], new_path[PATH_MAX];
	int ret = shs_name_path(old_name, old_path, sizeof(old_path));

	if (ret >= 0)
		ret = shs_name_path(new_name, new_path, sizeof(new_path));
	if (ret >= 0)
		ret = must_be_object(old_path);
	if (ret < 0)
		return ret;
	SHS_STEP("rename");
	ret = rename(old_path, new_path) < 0 ? -errno : 0;
	SHS_STEP("renamed");
	return ret;
}

int shs_abi(const char *folder, struct shs_ioc_abi *abi)
{
	int fd = open(folder ? folder : usual_folder(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int ret;

	if (fd < 0)
		return -errno;
	*abi = (struct shs_ioc_abi){ .size = sizeof(*abi) };
	ret = shs_restart_ioctl(fd, SHS_IOC_ABI, abi);
	close(fd);
	return ret;
}
