/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The rest of the module is written for the newest kernel.  What older ones lack is
 * here, found by conftest.sh; each part names the release that makes it obsolete.
 */
#ifndef _SHS_COMPAT_H
#define _SHS_COMPAT_H

#include "conftest.h"		/* generated */
#include <linux/fs.h>
#include <linux/kernel.h>
#include <linux/mm.h>
#ifdef SHS_HAVE_HEX_H		/* 6.4: bin2hex() moved there */
#include <linux/hex.h>
#endif
#ifdef SHS_HAVE_URING_CMD_H	/* 6.8 */
#include <linux/io_uring/cmd.h>
#else
#include <linux/io_uring.h>
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
