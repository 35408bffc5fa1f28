// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
/* Handles: how they are made and what can be asked of them. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "internal.h"

#define MOST_TURNS 10000	/* of open_or_create; one is the rule, two a race */

/*
 * Deadlines are absolute and a condvar's struct says how far it got, so that a
 * call that a signal interrupted is simply made again. -EAGAIN is the kernel's
 * way to let others run when user space keeps changing the word under it.
 */
int shs_restart_ioctl(int fd, unsigned int request, void *argument)
{
	int ret;

	do {
		SHS_STEP("call");
		ret = ioctl(fd, request, argument);
		SHS_STEP("called");
	} while (ret < 0 && (errno == EINTR || errno == EAGAIN));
	return ret < 0 ? -errno : ret;
}

/*
 * Gone on with where it was interrupted, for what was done must not be done twice.
 * done is told in any case.
 */
static int restart_batch(int fd, struct shs_ioc_batch *batch)
{
	struct shs_ioc_batch rest;
	int ret;

	batch->done = 0;
	do {
		rest = *batch;
		rest.done = 0;
		rest.count -= batch->done;
		rest.ops += (uint64_t)batch->done * sizeof(struct shs_ioc_op);
		if (rest.fds)
			rest.fds += (uint64_t)batch->done * sizeof(int32_t);
		SHS_STEP("batch");
		ret = ioctl(fd, SHS_IOC_BATCH, &rest) < 0 ? -errno : 0;
		SHS_STEP("batch done");
		batch->done += rest.done;
	} while (ret == -EINTR || ret == -EAGAIN);
	return ret;
}

static int object_call(const struct shs_object *object, unsigned int request, void *argument)
{
	if (request == SHS_IOC_BATCH)
		return restart_batch(to_handle(object)->fd, argument);
	return shs_restart_ioctl(to_handle(object)->fd, request, argument);
}

static void object_close(struct shs_object *object)
{
	struct handle *handle = to_handle(object);

	SHS_STEP("close");
	shs_detach(handle);
	SHS_STEP("close object");
	close(handle->fd);
	SHS_STEP("closed");
	free(handle);
}

static const struct shs_ops kernel_ops = {
	.call = object_call,
	.owner_call = shs_attach_call,
	.owner_fd = shs_attach_fd,
	.close = object_close,
};

static struct handle *handle_alloc(void)
{
	struct handle *handle = aligned_alloc(_Alignof(struct handle), sizeof(*handle));

	if (!handle)
		return NULL;
	memset(handle, 0, sizeof(*handle));
	handle->object.ops = &kernel_ops;
	handle->object.mode = &shs_no_mode;
	handle->attachment = -1;
	return handle;
}

int shs_object_from_fd(int fd, struct shs_object **object)
{
	struct shs_ioc_info info = { .size = sizeof(info) };
	struct handle *handle;
	int access = fcntl(fd, F_GETFL);
	int ret;

	if (access < 0)
		return -errno;
	ret = shs_restart_ioctl(fd, SHS_IOC_INFO, &info);
	if (ret < 0)
		return ret;
	handle = handle_alloc();
	if (!handle)
		return -ENOMEM;
	handle->fd = fd;
	handle->prot = PROT_READ | ((access & O_ACCMODE) == O_RDWR ? PROT_WRITE : 0);
	handle->flags = info.flags;
	handle->object.kind = info.kind;
	handle->object.type = info.type;
	handle->object.count = info.count;
	*object = &handle->object;
	return 0;
}

/* As shs_object_from_fd(), but the descriptor is gone in any case. */
static int consume_fd(int fd, struct shs_object **object)
{
	int ret = shs_object_from_fd(fd, object);

	if (ret < 0)
		close(fd);
	return ret;
}

/* O_CREAT is never used: sticky folders refuse it for another user's object. */
static int open_path(const char *path, unsigned int flags, struct shs_object **object)
{
	int access = flags & SHS_OPEN_RDONLY ? O_RDONLY : O_RDWR;
	int fd;

	if (flags & ~SHS_OPEN_RDONLY)
		return -EINVAL;
	/* A name may turn out to be a terminal or a pipe: no side effects. */
	SHS_STEP("open");
	fd = open(path, access | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	SHS_STEP("opened");
	if (fd < 0)
		return -errno;
	return consume_fd(fd, object);
}

int shs_object_open(const char *name, unsigned int flags, struct shs_object **object)
{
	char path[PATH_MAX];
	int ret = shs_name_path(name, path, sizeof(path));

	return ret < 0 ? ret : open_path(path, flags, object);
}

/* From the number of a descriptor to a path that the kernel resolves to it. */
static void fd_path(int fd, char path[static 32])
{
	snprintf(path, 32, "/proc/self/fd/%d", fd);
}

int shs_object_weak_fd(const struct shs_object *object)
{
	char path[32];
	int fd;

	fd_path(to_handle(object)->fd, path);
	fd = open(path, O_PATH | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int shs_object_upgrade(int weak_fd, unsigned int flags, struct shs_object **object)
{
	char path[32];

	fd_path(weak_fd, path);
	return open_path(path, flags, object);
}

static int link_path(int fd, const char *path)
{
	char self[32];
	int ret;

	fd_path(fd, self);
	SHS_STEP("link");
	ret = linkat(AT_FDCWD, self, AT_FDCWD, path, AT_SYMLINK_FOLLOW) < 0 ? -errno : 0;
	SHS_STEP("linked");
	return ret;
}

int shs_object_link(struct shs_object *object, const char *name)
{
	char path[PATH_MAX];
	int ret = shs_name_path(name, path, sizeof(path));

	return ret < 0 ? ret : link_path(to_handle(object)->fd, path);
}

static uint32_t spec_count(const struct shs_spec *spec)
{
	int has_value = spec->type != SHS_TYPE_NONE;

	return spec->count || !has_value ? spec->count : 1;
}

static int spec_valid(const struct shs_spec *spec)
{
	static const uint64_t zero[4];

	return memcmp(spec->reserved, zero, sizeof(zero)) == 0 &&
	       !(spec->mode & ~07777U) &&
	       spec_count(spec) <= SHS_VALUE_MAX;
}

static int init(int fd, const struct shs_spec *spec)
{
	struct shs_ioc_init request = {
		.size = sizeof(request),
		.kind = spec->kind,
		.type = spec->type,
		.count = spec_count(spec),
		.flags = spec->flags,
		.value = (uintptr_t)spec->value,
		.meta = (uintptr_t)spec->meta,
		.meta_size = spec->meta_size,
	};

	if (spec->value)
		request.value_size = request.count * shs_type_size(spec->type);
	return shs_restart_ioctl(fd, SHS_IOC_INIT, &request);
}

/* The folder in which path lies: a name needs it to be made in. */
static void cut_to_folder(char *path)
{
	char *slash = strrchr(path, '/');

	slash[slash == path] = '\0';
}

/* Makes a whole object in folder, still without a name. Returns its fd. */
static int create_unnamed(const char *folder, const struct shs_spec *spec)
{
	int fd = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, spec->mode ? spec->mode : 0600);
	int ret;

	SHS_STEP("made a file");
	if (fd < 0)
		return -errno;
	ret = init(fd, spec);
	if (ret < 0) {
		close(fd);
		return ret;
	}
	return fd;
}

int shs_object_create(const char *name, const struct shs_spec *spec, struct shs_object **object)
{
	char path[PATH_MAX], folder[PATH_MAX];
	int ret, fd;

	if (!spec_valid(spec))
		return -EINVAL;
	/* Any name will do to find the folder of what will have none. */
	ret = shs_name_path(name ? name : "unnamed", path, sizeof(path));
	if (ret < 0)
		return ret;
	strcpy(folder, path);
	cut_to_folder(folder);

	fd = create_unnamed(folder, spec);
	if (fd < 0)
		return fd;
	ret = name ? link_path(fd, path) : 0;
	if (ret < 0) {
		close(fd);
		return ret;
	}
	return consume_fd(fd, object);
}

static int is_as_specified(const struct shs_object *object, const struct shs_spec *spec)
{
	return object->kind == spec->kind && object->type == spec->type &&
	       object->count == spec_count(spec);
}

/*
 * Each turn of the loop that does not end it was lost: to somebody who won, or to an
 * ephemeral object that was there to refuse the name and gone to be opened.
 */
int shs_object_open_or_create(const char *name, const struct shs_spec *spec,
			      struct shs_object **object)
{
	struct shs_object *found;
	int turns, ret;

	for (turns = 0; ; turns++) {
		ret = shs_object_open(name, 0, &found);
		if (ret != -ENOENT)
			break;
		ret = shs_object_create(name, spec, object);
		if (ret != -EEXIST)
			return ret < 0 ? ret : 1;
		if (turns == MOST_TURNS)
			return -EAGAIN;
		if (turns)
			sched_yield();
	}
	if (ret < 0)
		return ret;
	if (!is_as_specified(found, spec)) {
		shs_object_close(found);
		return -EEXIST;
	}
	*object = found;
	return 0;
}

void shs_object_close(struct shs_object *object)
{
	if (object)
		object->ops->close(object);
}

void shs_object_drop(struct shs_object **object)
{
	shs_object_close(*object);
}

int shs_object_fd(const struct shs_object *object)
{
	return to_handle(object)->fd;
}

int shs_object_attachment_fd(struct shs_object *object)
{
	return object->ops->owner_fd(object);
}

int shs_object_attach(struct shs_object *object)
{
	int ret = object->ops->owner_fd(object);

	return ret < 0 ? ret : 0;
}

int shs_object_op(struct shs_object *object, struct shs_ioc_op *op)
{
	op->size = sizeof(*op);
	op->result = 0;
	op->notice = 0;
	return object->ops->call(object, SHS_IOC_OP, op);
}

int shs_batch(struct shs_object *object, struct shs_object *const *objects,
	      struct shs_ioc_op *ops, uint32_t count, uint32_t *done)
{
	struct shs_ioc_batch batch = {
		.size = sizeof(batch),
		.count = count,
		.ops = (uintptr_t)ops,
	};
	int32_t fds[SHS_BATCH_MAX];
	uint32_t i;
	int ret;

	if (done)
		*done = 0;
	if (!count || count > SHS_BATCH_MAX)
		return -EINVAL;
	for (i = 0; i < count; i++) {
		ops[i].size = sizeof(ops[i]);
		ops[i].result = 0;
		ops[i].notice = 0;
		if (objects)
			fds[i] = shs_object_fd(objects[i]);
	}
	if (objects) {
		batch.fds = (uintptr_t)fds;
		object = objects[0];
	}
	ret = object->ops->call(object, SHS_IOC_BATCH, &batch);
	if (done)
		*done = batch.done;
	return ret;
}

int shs_object_info(const struct shs_object *object, struct shs_ioc_info *info)
{
	*info = (struct shs_ioc_info){ .size = sizeof(*info) };
	return object->ops->call(object, SHS_IOC_INFO, info);
}

int shs_object_death(const struct shs_object *object, struct shs_ioc_death *death)
{
	*death = (struct shs_ioc_death){ .size = sizeof(*death) };
	return object->ops->call(object, SHS_IOC_DEATH, death);
}

int shs_object_meta(const struct shs_object *object, void *meta, size_t size)
{
	struct shs_ioc_meta request = {
		.size = sizeof(request),
		.addr = (uintptr_t)meta,
		.capacity = size < SHS_META_MAX ? size : SHS_META_MAX,
	};
	int ret = object->ops->call(object, SHS_IOC_META, &request);

	return ret < 0 ? ret : (int)request.meta_size;
}
