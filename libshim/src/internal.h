/* SPDX-License-Identifier: LGPL-2.1-or-later OR MIT */
/* What the files of the library share. */
#ifndef SHSTATE_INTERNAL_H
#define SHSTATE_INTERNAL_H

#include <stdatomic.h>
#include <sys/types.h>

#include "inject.h"

#include <shstate.h>

/*
 * The table of operations: what a back end does for a handle. A request is one of
 * the ioctl numbers of linux/shstate.h with its struct, which serves as the
 * message; results are 0, positive or -errno. Both calls repeat what a signal
 * interrupted.
 */
struct shs_ops {
	/* Of the object: single operations and queries. */
	int (*call)(const struct shs_object *object, unsigned int request, void *argument);
	/* Of an owner: locks and waits; attaches if need be. */
	int (*owner_call)(struct shs_object *object, unsigned int request, void *argument);
	/* A descriptor naming the owner to the back end; attaches if need be. */
	int (*owner_fd)(struct shs_object *object);
	void (*close)(struct shs_object *object);
};

/* A handle of the kernel back end. */
struct handle {
	struct shs_object object;	/* first */
	int fd;				/* of the object */
	int prot;			/* PROT_* of the shared region */
	uint32_t flags;			/* SHS_INIT_* */

	/* Written under the lock of attach.c; attached is the last, by release. */
	_Atomic int attached;
	int attachment;			/* fd, keeps its number for life; -1: none */
	uint32_t upgrader;		/* as object.holder, see thread.c */
	uint32_t depth;			/* SHS_INIT_RECURSIVE: the holder's own */
	uint32_t uses;			/* as long as not attached */
	struct shs_ioc_attach layout;
	struct handle *next, **link;	/* all attached handles */
};

/* More of mode, for what the library does out of line. */
#define SHS_FAST_WORD	(1U << 16)	/* mutex, with slots too, and cell: take and free the word */
#define SHS_FAST_ATOMIC	(1U << 17)	/* atomic: operate on the elements */
#define SHS_FAST_NOTIFY	(1U << 18)	/* atomic, condvar: look whether anybody waits */

static inline struct handle *to_handle(const struct shs_object *object)
{
	return (struct handle *)object;
}

/* object.c */
int shs_restart_ioctl(int fd, unsigned int request, void *argument);

/* attach.c */
int shs_attach_call(struct shs_object *object, unsigned int request, void *argument);
int shs_attach_fd(struct shs_object *object);
int shs_attached_here(const struct handle *handle);
int shs_attach_if_used(struct shs_object *object);
void shs_detach(struct handle *handle);
void shs_each_attached(void (*visit)(struct handle *handle));

/* word.c, under the lock of attach.c; free also sees to it that it is 0 again. */
extern const uint32_t shs_no_mode;	/* of a handle that was never attached */
uint32_t *shs_word_new(void);
void shs_word_free(const uint32_t *word);

/* lock.c: 0 or -EOWNERDEAD: held. */
int shs_lock(struct shs_object *object, uint32_t mode, uint32_t flags, uint32_t lane,
	     struct shs_deadline deadline);
int shs_unlock(struct shs_object *object, uint32_t mode, uint32_t flags, uint32_t lane);
int shs_granted(struct shs_object *object, uint32_t mode, int status);
int shs_is_held(int status);

/*
 * await.c: the operation that waits for a value, -EINVAL or -EOPNOTSUPP; whoever calls
 * shs_tell_of_change() (shstate_fast.h) has changed one.
 */
int shs_many_fill(struct shs_ioc_many *request, struct shs_many_item *item,
		  struct shs_wanted *list, uint32_t count, uint32_t flags,
		  struct shs_deadline deadline);
int shs_many_end(const struct shs_ioc_many *request, struct shs_wanted *list, int ret);
int shs_await_fill(struct shs_ioc_op *op, const struct shs_object *object, uint32_t kind,
		   uint32_t index, uint32_t condition, int64_t argument,
		   struct shs_deadline deadline);

/*
 * condvar.c: a wait ended with status; before it hidden was what shs_value_for() said
 * and holder what shs_thread_releases() did.
 */
void shs_condvar_waited(struct handle *mutex, int status, const void *hidden, pid_t holder);

/* rwlock.c: of a held rwlock; lane is written if to is READ. */
int shs_convert(struct shs_object *rwlock, uint32_t from, uint32_t to, uint32_t *lane);

/*
 * commit.c: where the value is for one who holds it in that mode; NULL if not
 * attached. begin: this thread was granted the write lock anew; resume: the same,
 * and what was hidden before is so again.
 */
void *shs_value_for(const struct shs_object *object, uint32_t mode);
void shs_value_begin(const struct handle *handle);
void shs_value_resume(const struct handle *handle, const void *hidden);

/*
 * thread.c. holds: this thread was granted it; more, less: it had it already, by
 * SHS_INIT_RECURSIVE, and 1 says that this is all (-EOVERFLOW). releases: somebody is
 * about to release it; returns who had it, for holds_still, if nothing came of that.
 */
extern uint32_t *shs_here;
int shs_thread_has_epochs(void);
void shs_thread_new_epoch(void);
void shs_thread_start(void);
void shs_thread_forked(void);
void shs_thread_enter(void);
uint32_t shs_thread_lane(const struct handle *handle);
void shs_thread_name_lane(const struct handle *handle, uint32_t lane);
void shs_thread_holds(struct handle *handle, uint32_t mode);
void shs_thread_mark_lane(const struct handle *handle);
int shs_thread_holds_more(struct handle *handle);
int shs_thread_holds_less(struct handle *handle);
int shs_thread_is_nested(struct handle *handle);
int shs_thread_is_holder(struct handle *handle);
pid_t shs_thread_releases(struct handle *handle, uint32_t mode);
void shs_thread_holds_still(struct handle *handle, uint32_t mode, pid_t holder);

#endif /* SHSTATE_INTERNAL_H */
