// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
/*
 * Attachments: what makes this process an owner. One per handle, made at the first
 * lock, bound by the kernel to this address space.
 *
 * After fork() the child's copy of a handle has a descriptor of the parent's
 * attachment, which the kernel refuses (-ESTALE), and pointers to regions that it
 * did not inherit. The handlers below forget both; where they did not run (_Fork,
 * clone) the first -ESTALE does.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

#include "internal.h"

/* Protects the list and every field of a handle below "attached". */
static pthread_mutex_t attach_lock = PTHREAD_MUTEX_INITIALIZER;
static struct handle *attached_handles;

/* Also for a child: the regions are not mapped there, their addresses not ours. */
static void forget_regions(struct handle *handle)
{
	struct shs_object *object = &handle->object;

	object->control = NULL;
	object->shared = NULL;
	object->lanes = NULL;
	object->value = NULL;
	object->id = 0;
	object->lane_count = 0;
	object->lane_stride = 0;
	for (size_t mode = 0; mode < sizeof(handle->holder) / sizeof(handle->holder[0]); mode++)
		atomic_store_explicit(&handle->holder[mode], 0, memory_order_relaxed);
	if (handle->link) {
		*handle->link = handle->next;
		if (handle->next)
			handle->next->link = handle->link;
		handle->link = NULL;
	}
	atomic_store_explicit(&handle->attached, 0, memory_order_release);
}

static void before_fork(void)
{
	pthread_mutex_lock(&attach_lock);
	SHS_STEP("fork");
}

static void after_fork_in_parent(void)
{
	SHS_STEP("forked");
	pthread_mutex_unlock(&attach_lock);
}

/* Async-signal-safe, as the child of a process with threads must be. */
static void after_fork_in_child(void)
{
	SHS_STEP("child");
	while (attached_handles) {
		struct handle *handle = attached_handles;

		forget_regions(handle);
		SHS_STEP("child forgot the regions");
		close(handle->attachment);
		SHS_STEP("child closed");
		handle->attachment = -1;
	}
	shs_thread_forked();
	pthread_mutex_unlock(&attach_lock);
}

/* At the first attach: before it a child or a thread's end has nothing to undo. */
static void start(void)
{
	pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child);
	shs_thread_start();
}

static int map_region(void **region, int fd, uint32_t size, int prot, off_t offset)
{
	void *address;

	if (!size)
		return 0;
	SHS_STEP("map");
	address = mmap(NULL, size, prot, MAP_SHARED, fd, offset);
	SHS_STEP("mapped");
	if (address == MAP_FAILED)
		return -errno;
	*region = address;
	return 0;
}

static void unmap_region(void *region, uint32_t size)
{
	if (region)
		munmap(region, size);
	SHS_STEP("unmapped");
}

/* The private region is where ownership begins and ends: mapped last, unmapped first. */
static void unmap_regions(struct handle *handle)
{
	unmap_region(handle->object.lanes, handle->layout.private_size);
	unmap_region(handle->object.shared, handle->layout.shared_size);
	unmap_region((void *)handle->object.control, handle->layout.control_size);
}

static int map_regions(struct handle *handle, int fd)
{
	const struct shs_ioc_attach *layout = &handle->layout;
	struct shs_object *object = &handle->object;
	void *control = NULL;
	int ret;

	ret = map_region(&control, fd, layout->control_size, PROT_READ, SHS_MMAP_CONTROL);
	object->control = control;
	if (!ret)
		ret = map_region(&object->shared, fd, layout->shared_size, handle->prot,
				 SHS_MMAP_SHARED);
	if (!ret)
		ret = map_region(&object->lanes, fd, layout->private_size,
				 PROT_READ | PROT_WRITE, SHS_MMAP_PRIVATE);
	if (ret) {
		unmap_regions(handle);
		forget_regions(handle);
	}
	return ret;
}

/* The number of a stale descriptor is used again: other threads may be about to. */
static int publish(struct handle *handle, int fd)
{
	static unsigned int number;
	struct shs_object *object = &handle->object;

	if (handle->attachment >= 0) {
		if (dup3(fd, handle->attachment, O_CLOEXEC) < 0)
			return -errno;
		close(fd);
	} else {
		handle->attachment = fd;
	}
	/* Of two slots no pointer is the value for good. */
	if (object->shared && !(handle->flags & SHS_INIT_COMMIT))
		object->value = (char *)object->shared + handle->layout.value_offset;
	object->id = handle->layout.id;
	object->lane_count = handle->layout.lanes;
	object->lane_stride = handle->layout.lane_stride;

	handle->pid = getpid();
	handle->next = attached_handles;
	handle->link = &attached_handles;
	if (handle->next)
		handle->next->link = &handle->next;
	attached_handles = handle;

	SHS_STEP("attach: not yet said");
	if (!++number)	/* 0 is none */
		number = 1;
	atomic_store_explicit(&handle->attached, number, memory_order_release);
	SHS_STEP("attached");
	return 0;
}

static int attach_locked(struct handle *handle)
{
	int fd, ret;

	handle->layout = (struct shs_ioc_attach){ .size = sizeof(handle->layout) };
	fd = shs_restart_ioctl(handle->fd, SHS_IOC_ATTACH, &handle->layout);
	if (fd < 0)
		return fd;
	ret = map_regions(handle, fd);
	if (!ret) {
		ret = publish(handle, fd);
		if (ret) {
			unmap_regions(handle);
			forget_regions(handle);
		}
	}
	if (ret)
		close(fd);
	return ret;
}

/* Writes the number of the attachment, for forget_stale(). */
static int attach(struct handle *handle, unsigned int *number)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	int ret = 0;

	*number = atomic_load_explicit(&handle->attached, memory_order_acquire);
	if (*number)
		return 0;
	pthread_once(&once, start);
	pthread_mutex_lock(&attach_lock);
	*number = atomic_load_explicit(&handle->attached, memory_order_relaxed);
	if (!*number) {
		ret = attach_locked(handle);
		*number = atomic_load_explicit(&handle->attached, memory_order_relaxed);
	}
	pthread_mutex_unlock(&attach_lock);
	return ret;
}

/* Unless another thread was faster and the number is of a newer one. */
static void forget_stale(struct handle *handle, unsigned int number)
{
	pthread_mutex_lock(&attach_lock);
	if (handle->attached == number)
		forget_regions(handle);
	SHS_STEP("forgot what was stale");
	pthread_mutex_unlock(&attach_lock);
}

/* -ESTALE: made before a fork that no handler saw. It comes once. */
int shs_attach_call(struct shs_object *object, unsigned int request, void *argument)
{
	struct handle *handle = to_handle(object);
	unsigned int number;
	int ret, again;

	for (again = 0; ; again = 1) {
		ret = attach(handle, &number);
		if (ret)
			return ret;
		ret = shs_restart_ioctl(handle->attachment, request, argument);
		if (ret != -ESTALE || again || handle->pid == getpid())
			return ret;	/* or it is another descriptor that is stale */
		forget_stale(handle, number);
	}
}

int shs_attach_fd(struct shs_object *object)
{
	struct handle *handle = to_handle(object);
	unsigned int number;
	int ret = attach(handle, &number);

	return ret < 0 ? ret : handle->attachment;
}

/* Not so in a child that no handler saw: there the regions are not mapped. */
int shs_attached_here(const struct handle *handle)
{
	return atomic_load_explicit(&handle->attached, memory_order_acquire) &&
	       handle->pid == getpid();
}

/* In a child that no handler saw there is nothing to unmap. */
void shs_detach(struct handle *handle)
{
	if (handle->attachment < 0)
		return;
	pthread_mutex_lock(&attach_lock);
	SHS_STEP("detach");
	if (handle->attached && handle->pid == getpid())
		unmap_regions(handle);
	forget_regions(handle);
	SHS_STEP("close attachment");
	close(handle->attachment);
	SHS_STEP("detached");
	pthread_mutex_unlock(&attach_lock);
}

/* What visit does must neither attach nor wait. */
void shs_each_attached(void (*visit)(struct handle *handle))
{
	struct handle *handle;

	pthread_mutex_lock(&attach_lock);
	for (handle = attached_handles; handle; handle = handle->next) {
		if (handle->pid == getpid())
			visit(handle);
	}
	pthread_mutex_unlock(&attach_lock);
}
