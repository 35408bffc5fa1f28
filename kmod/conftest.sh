#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# conftest.sh OUT CC FLAGS...
#
# Asks the kernel's headers what they offer: one syntax check per feature, with the
# flags and the working directory that kbuild compiles with.  Version numbers do not
# tell (distributions port back), so compat.h asks SHS_HAVE_* only.
out=$1
shift
compiler=("$@")
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT

feature() { # NAME, program on standard input
	cat >"$dir/$1.c"
	if "${compiler[@]}" -Werror=implicit-function-declaration \
		-Werror=incompatible-pointer-types -Wno-unused -Wno-missing-prototypes \
		-fsyntax-only "$dir/$1.c" >"$dir/$1.log" 2>&1; then
		echo "#define SHS_HAVE_$1 1"
	else
		echo "/* no SHS_HAVE_$1 */"
	fi
}

{
feature BASELINE <<< '#include <linux/module.h>
int t(void);
int t(void) { return 0; }'

feature HEX_H <<< '#include <linux/hex.h>'

feature URING_CMD_H <<< '#include <linux/io_uring/cmd.h>'

feature VM_FLAGS_SET <<< '#include <linux/mm.h>
void t(struct vm_area_struct *v);
void t(struct vm_area_struct *v) { vm_flags_clear(v, VM_MAYWRITE); }'

feature MNT_IDMAP <<< '#include <linux/fs.h>
void t(struct inode *i);
void t(struct inode *i) { inode_init_owner(&nop_mnt_idmap, i, i, 0); }'

feature SIMPLE_INODE_INIT_TS <<< '#include <linux/fs.h>
void t(struct inode *i);
void t(struct inode *i) { simple_inode_init_ts(i); }'

feature D_MAKE_PERSISTENT <<< '#include <linux/fs.h>
#include <linux/dcache.h>
void t(struct inode *i, struct dentry *d);
void t(struct inode *i, struct dentry *d) { d_make_persistent(d, i); }'

feature CREATE_NO_EXCL <<< '#include <linux/fs.h>
int t(struct mnt_idmap *m, struct inode *i, struct dentry *d, umode_t mode);
const struct inode_operations o = { .create = t };'

feature URING_SQE <<< '#include <linux/io_uring/cmd.h>
const void *t(struct io_uring_cmd *c);
const void *t(struct io_uring_cmd *c) { return c->sqe->cmd; }'

feature HRTIMER_SETUP <<< '#include <linux/hrtimer.h>
enum hrtimer_restart f(struct hrtimer *t);
void t(struct hrtimer *h);
void t(struct hrtimer *h) { hrtimer_setup(h, f, CLOCK_MONOTONIC, HRTIMER_MODE_ABS); }'

feature URING_CANCELABLE <<< '#include <linux/io_uring/cmd.h>
void t(struct io_uring_cmd *c);
void t(struct io_uring_cmd *c) { io_uring_cmd_mark_cancelable(c, IO_URING_F_CANCEL); }'

feature URING_CMD_GET_TASK <<< '#include <linux/io_uring/cmd.h>
void *t(struct io_uring_cmd *c);
void *t(struct io_uring_cmd *c) { return io_uring_cmd_get_task(c); }'

feature URING_DONE32 <<< '#include <linux/io_uring/cmd.h>
void t(struct io_uring_cmd *c);
void t(struct io_uring_cmd *c) { io_uring_cmd_done32(c, 0, 0, 0); }'

feature URING_TW_REQ <<< '#include <linux/io_uring/cmd.h>
void *t(struct io_tw_req r);
void *t(struct io_tw_req r) { return io_uring_cmd_from_tw(r); }'

feature URING_TASK_DEAD <<< '#include <linux/io_uring/cmd.h>
unsigned int t(void);
unsigned int t(void) { return IO_URING_F_TASK_DEAD; }'
} >"$out"

if ! grep -q 'SHS_HAVE_BASELINE 1' "$out"; then
	echo "conftest: even an empty program does not compile with: ${compiler[*]}" >&2
	exit 1
fi
