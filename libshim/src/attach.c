// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
/*
 * Attachments: what makes this process an owner. One per handle, made at the first
 * lock, bound by the kernel to this address space.
 *
 * After fork() the child's copy of a handle has a descriptor of the parent's
 * attachment, which the kernel refuses (-ESTALE), and pointers to regions that it
 * did not inherit; but its mode is 0 there, as are all words that a fork wipes
 * (word.c). The handlers below forget both; where they did not run (_Fork, clone)
 * the next use does, which finds shs_here wiped.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "internal.h"

#define ATTACHING	(1U << 31)	/* of a mode: allows nothing, and says that nobody forked */

/* Protects the list and every field of a handle below "attached". */
static pthread_mutex_t attach_lock = PTHREAD_MUTEX_INITIALIZER;
static struct handle *attached_handles;
static int has_stranger;	/* see notice_fork() */

/* Not a cancellation point: the lock is held. */
static void close_fd(int fd)
{
	syscall(SYS_close, fd);
}

/* Also for a child: the regions are not mapped there, their addresses not ours. */
static void forget_regions(struct handle *handle)
{
	struct shs_object *object = &handle->object;

	if (object->mode != &shs_no_mode)
		__atomic_store_n((uint32_t *)object->mode, 0, __ATOMIC_RELEASE);
	object->control = NULL;
	object->shared = NULL;
	object->lanes = NULL;
	object->id = 0;
	object->lane_count = 0;
	object->lane_stride = 0;
	__atomic_store_n(&object->holder, 0, __ATOMIC_RELAXED);
	__atomic_store_n(&handle->upgrader, 0, __ATOMIC_RELAXED);
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
		close_fd(handle->attachment);
		SHS_STEP("child closed");
		handle->attachment = -1;
	}
	has_stranger = 0;
	shs_thread_forked();
	pthread_mutex_unlock(&attach_lock);
}

/* At the start of the program, so that what comes to it later needs no lock. */
static void __attribute__((constructor)) start(void)
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

/*
 * The private region is where ownership begins and ends: mapped last, unmapped first. In
 * a child that was not noticed yet other things may be there.
 */
static void unmap_regions(struct handle *handle)
{
	if (!*shs_here)
		return;
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
	if (ret)
		unmap_regions(handle);
	return ret;
}

static uint32_t fast_numbers(const struct handle *handle)
{
	if (shs_type_size(handle->object.type) != sizeof(int64_t))
		return 0;
	return SHS_FAST_LOAD64 | (handle->prot & PROT_WRITE ? SHS_FAST_ALL64 : 0);
}

/*
 * What may be done without a call. Where the kernel must see every owner it keeps the
 * word to itself, which need not be tried.
 */
static uint32_t fast_paths(const struct handle *handle)
{
	const struct shs_object *object = &handle->object;
	const char *wish = getenv("SHSTATE_FAST");
	int may_write = handle->prot & PROT_WRITE;

	if (wish && !strcmp(wish, "0"))
		return 0;
	switch (object->kind) {
	case SHS_KIND_MUTEX:
		if (!may_write || handle->flags & (SHS_INIT_FIFO | SHS_INIT_RECURSIVE |
						   SHS_INIT_DETECT))
			return 0;
		if (has_stranger)
			return 0;
		return handle->flags & SHS_INIT_COMMIT ? SHS_FAST_WORD :
		       SHS_FAST_LOCK | SHS_FAST_WORD;
	case SHS_KIND_RWLOCK:
		return object->lane_count > 1 && !(handle->flags & SHS_INIT_DETECT) ?
		       SHS_FAST_READ : 0;
	case SHS_KIND_COUNTER:
		return object->lane_count > 1 ? SHS_FAST_ADD : 0;
	case SHS_KIND_CELL:
		/* What a hostile writer made of a bool is for the kernel to read. */
		if (object->type == SHS_TYPE_BOOL)
			return 0;
		return SHS_FAST_LOAD | (may_write && !has_stranger ? SHS_FAST_WORD : 0);
	case SHS_KIND_ATOMIC:
		return SHS_FAST_ATOMIC | SHS_FAST_NOTIFY | fast_numbers(handle);
	case SHS_KIND_CONDVAR:
		return SHS_FAST_NOTIFY;
	case SHS_KIND_ONCE:
		return SHS_FAST_DONE;
	}
	return 0;
}

/*
 * The number of a stale descriptor is used again: other threads may be about to. -ESTALE:
 * a signal handler forked meanwhile, and this is the child; fd is the handle's.
 */
static int publish(struct handle *handle, int fd)
{
	struct shs_object *object = &handle->object;
	uint32_t attaching = ATTACHING;

	if (handle->attachment >= 0) {
		if (dup3(fd, handle->attachment, O_CLOEXEC) < 0)
			return -errno;
		close_fd(fd);
	} else {
		handle->attachment = fd;
	}
	object->id = handle->layout.id;
	if (object->kind == SHS_KIND_CELL) {
		object->size = handle->layout.value_size;
		object->slot_stride = handle->layout.slot_stride;
	} else {
		object->lane_count = handle->layout.lanes;
		object->lane_stride = handle->layout.lane_stride;
	}

	handle->next = attached_handles;
	handle->link = &attached_handles;
	if (handle->next)
		handle->next->link = &handle->next;
	attached_handles = handle;

	SHS_STEP("attach: no mode yet");
	if (!__atomic_compare_exchange_n((uint32_t *)object->mode, &attaching,
					 fast_paths(handle), 0, __ATOMIC_RELEASE,
					 __ATOMIC_RELAXED))
		return -ESTALE;
	SHS_STEP("attach: not yet said");
	atomic_store_explicit(&handle->attached, 1, memory_order_release);
	SHS_STEP("attached");
	return 0;
}

/* The word that the mode is in, once for each handle; a fork from here on wipes it. */
static int begin_mode(struct shs_object *object)
{
	uint32_t *mode;

	if (object->mode == &shs_no_mode) {
		mode = shs_word_new();
		if (!mode)
			return -ENOMEM;
		__atomic_store_n(&object->mode, mode, __ATOMIC_RELAXED);
	}
	__atomic_store_n((uint32_t *)object->mode, ATTACHING, __ATOMIC_RELAXED);
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	return *shs_here ? 0 : -ESTALE;
}

static int attach_regions(struct handle *handle)
{
	int fd, ret;

	handle->layout = (struct shs_ioc_attach){ .size = sizeof(handle->layout) };
	fd = shs_restart_ioctl(handle->fd, SHS_IOC_ATTACH, &handle->layout);
	if (fd < 0)
		return fd;
	if (__atomic_load_n(handle->object.mode, __ATOMIC_RELAXED) != ATTACHING) {
		close_fd(fd);		/* it would be this child's, and left behind */
		return -ESTALE;
	}
	ret = map_regions(handle, fd);
	if (!ret) {
		ret = publish(handle, fd);
		if (ret == -ESTALE)
			return ret;
		if (ret)
			unmap_regions(handle);
	}
	if (ret)
		close_fd(fd);
	return ret;
}

/*
 * A child that no handler saw begins by forgetting its parent's. The lanes of the
 * parent's threads stay taken there: it has fewer, and the last for all others.
 *
 * Only the thread that forked, the leader here, has a tid of the parent's time, and only
 * it can take that off. If another one notices first the library would not know for
 * whom a word is taken, so there that is left to the kernel.
 */
static void notice_fork(void)
{
	if (*shs_here)
		return;
	while (attached_handles)
		forget_regions(attached_handles);
	SHS_STEP("forgot the parent's");
	shs_thread_new_epoch();
	has_stranger = gettid() != getpid();
	shs_thread_enter();
}

/* With the lock. Anew, if a signal handler forks meanwhile and returns in the child. */
static int attach_locked(struct handle *handle)
{
	int ret;

	do {
		notice_fork();
		if (handle->attached)
			return 0;
		ret = begin_mode(&handle->object);
		if (!ret)
			ret = attach_regions(handle);
		if (ret)
			forget_regions(handle);
	} while ((!ret || ret == -ESTALE) && !*shs_here);
	return ret;
}

static int attach(struct handle *handle)
{
	int ret;

	if (shs_attached_here(handle))
		return 0;
	if (!shs_thread_has_epochs())
		return -ENOMEM;
	pthread_mutex_lock(&attach_lock);
	ret = attach_locked(handle);
	pthread_mutex_unlock(&attach_lock);
	return ret;
}

#define SOME_USES	8	/* of a handle: then it is worth the pages of an attachment */

/*
 * For single operations, which can do without: 1 if it is attached. Async-signal-safe:
 * does not wait for the lock, which the interrupted thread may hold.
 */
int shs_attach_if_used(struct shs_object *object)
{
	struct handle *handle = to_handle(object);

	if (shs_attached_here(handle))
		return 1;
	if (object->ops->owner_call != shs_attach_call || !shs_thread_has_epochs() ||
	    __atomic_add_fetch(&handle->uses, 1, __ATOMIC_RELAXED) < SOME_USES ||
	    pthread_mutex_trylock(&attach_lock))
		return 0;
	attach_locked(handle);
	pthread_mutex_unlock(&attach_lock);
	if (!shs_attached_here(handle)) {
		__atomic_store_n(&handle->uses, 0, __ATOMIC_RELAXED);
		return 0;
	}
	return 1;
}

int shs_attach_call(struct shs_object *object, unsigned int request, void *argument)
{
	struct handle *handle = to_handle(object);
	int ret;

	do {
		ret = attach(handle);
		if (!ret)
			ret = shs_restart_ioctl(handle->attachment, request, argument);
	} while (ret == -ESTALE && !*shs_here && request != SHS_IOC_WAIT);
	return ret;
}

int shs_attach_fd(struct shs_object *object)
{
	struct handle *handle = to_handle(object);
	int ret = attach(handle);

	return ret < 0 ? ret : handle->attachment;
}

/* Not so in a child that no handler saw: there the regions are not mapped. */
int shs_attached_here(const struct handle *handle)
{
	return atomic_load_explicit(&handle->attached, memory_order_acquire) && *shs_here;
}

/* In a child that no handler saw there is nothing to unmap. */
void shs_detach(struct handle *handle)
{
	if (handle->object.mode == &shs_no_mode)
		return;
	pthread_mutex_lock(&attach_lock);
	SHS_STEP("detach");
	if (shs_attached_here(handle))
		unmap_regions(handle);
	forget_regions(handle);
	shs_word_free(handle->object.mode);
	SHS_STEP("close attachment");
	if (handle->attachment >= 0)
		close_fd(handle->attachment);
	SHS_STEP("detached");
	pthread_mutex_unlock(&attach_lock);
}

/* What visit does must neither attach nor wait. */
void shs_each_attached(void (*visit)(struct handle *handle))
{
	struct handle *handle;

	pthread_mutex_lock(&attach_lock);
	for (handle = *shs_here ? attached_handles : NULL; handle; handle = handle->next)
		visit(handle);
	pthread_mutex_unlock(&attach_lock);
}
