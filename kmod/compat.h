/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The rest of the module is written for the newest kernel.  What older ones lack is
 * here, found by conftest.sh; each part names the release that makes it obsolete.
 */
#ifndef _SHS_COMPAT_H
#define _SHS_COMPAT_H

#include "conftest.h"		/* generated */
#include <linux/fs.h>
#include <linux/hrtimer.h>
#include <linux/kernel.h>
#include <linux/mm.h>
#ifdef SHS_HAVE_HEX_H		/* 6.4: bin2hex() moved there */
#include <linux/hex.h>
#endif
#ifdef SHS_HAVE_URING_CMD_H	/* 6.8 */
#include <linux/io_uring/cmd.h>
#else
#include <linux/io_uring.h>
#include <linux/io_uring_types.h>
#endif

/* 6.3 */
#ifndef SHS_HAVE_VM_FLAGS_SET
static inline void vm_flags_set(struct vm_area_struct *vma, unsigned long flags)
{
	vma->vm_flags |= flags;
}

static inline void vm_flags_clear(struct vm_area_struct *vma, unsigned long flags)
{
	vma->vm_flags &= ~flags;
}
#endif

/* 6.3 */
#ifdef SHS_HAVE_MNT_IDMAP
#define shs_idmap	mnt_idmap
#define shs_nop_idmap	(&nop_mnt_idmap)
#else
#define shs_idmap	user_namespace
#define shs_nop_idmap	(&init_user_ns)
#endif

/* 6.6 */
static inline void shs_inode_init_ts(struct inode *inode)
{
#ifdef SHS_HAVE_SIMPLE_INODE_INIT_TS
	simple_inode_init_ts(inode);
#else
	inode->i_mtime = current_time(inode);
	inode->i_atime = inode->i_mtime;
	inode->i_ctime = inode->i_mtime;
#endif
}

/* 7.0: names are persistent dentries, which every anonymous super block drops */
#ifdef SHS_HAVE_D_MAKE_PERSISTENT
#define shs_kill_sb	kill_anon_super
#else
#define shs_kill_sb	kill_litter_super
#endif

/* 7.0: ->create without excl */
#ifdef SHS_HAVE_CREATE_NO_EXCL
#define SHS_CREATE_MODE	umode_t mode
#else
#define SHS_CREATE_MODE	umode_t mode, bool excl
#endif

/* 6.13 */
#ifndef SHS_HAVE_HRTIMER_SETUP
static inline void hrtimer_setup(struct hrtimer *timer,
				 enum hrtimer_restart (*function)(struct hrtimer *),
				 clockid_t clock, enum hrtimer_mode mode)
{
	hrtimer_init(timer, clock, mode);
	timer->function = function;
}
#endif

/* 6.7: io_uring cancels commands that wait; before, a worker waits in their place. */
#ifdef SHS_HAVE_URING_CANCELABLE
#define SHS_URING_ASYNC			IS_ENABLED(CONFIG_IO_URING)
#define SHS_URING_WORKERS		0
#define shs_uring_is_cancel(flags)	((flags) & IO_URING_F_CANCEL)
#else
#define SHS_URING_ASYNC			0
#define SHS_URING_WORKERS		IS_ENABLED(CONFIG_IO_URING)
#define shs_uring_is_cancel(flags)	((void)(flags), false)
#endif

/* 6.8: whose command it is */
static inline struct task_struct *shs_uring_task(const struct io_uring_cmd *cmd)
{
#ifdef SHS_HAVE_URING_CMD_GET_TASK
	return io_uring_cmd_get_task((struct io_uring_cmd *)cmd);
#else
	return cmd_to_io_kiocb((void *)cmd)->task;
#endif
}

/* 6.18: done with the second result apart */
static inline void shs_uring_done(struct io_uring_cmd *cmd, int ret, unsigned int issue_flags)
{
#ifdef SHS_HAVE_URING_DONE32
	io_uring_cmd_done(cmd, ret, issue_flags);
#else
	io_uring_cmd_done(cmd, ret, 0, issue_flags);
#endif
}

/*
 * SHS_URING_TW(name, function): name is what shs_uring_complete_in_task(cmd, name) has the
 * task call that submitted cmd: function(cmd, issue_flags, dead); dead: it is another
 * task, for that one is gone.  6.19: by another type, and with dead in a token.
 */
#ifdef SHS_HAVE_URING_TW_REQ
#define SHS_URING_TW(name, function)						\
	static void name(struct io_tw_req req, io_tw_token_t token)		\
	{									\
		function(io_uring_cmd_from_tw(req),				\
			 IO_URING_CMD_TASK_WORK_ISSUE_FLAGS, token.cancel);	\
	}
#else
static inline bool shs_uring_is_dead(unsigned int issue_flags)
{
#ifdef SHS_HAVE_URING_TASK_DEAD
	return issue_flags & IO_URING_F_TASK_DEAD;
#else
	return current->flags & (PF_EXITING | PF_KTHREAD);
#endif
}

#define SHS_URING_TW(name, function)						\
	static void name(struct io_uring_cmd *cmd, unsigned int issue_flags)	\
	{									\
		function(cmd, issue_flags, shs_uring_is_dead(issue_flags));	\
	}
#endif
#define shs_uring_complete_in_task	io_uring_cmd_complete_in_task

/*
 * 6.6: the payload of a command.  The memory is shared with user space, and later
 * than in the first issue it may hold another command: read once, at once.
 */
static inline const void *shs_uring_payload(const struct io_uring_cmd *cmd)
{
#ifdef SHS_HAVE_URING_SQE
	return cmd->sqe->cmd;
#else
	return cmd->cmd;
#endif
}

#endif
