#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# usage: waits_kunit.sh FOLDER
# What env_kunit.c includes: whole functions, as they are, of files in FOLDER.
set -eu
extract=$(dirname "$0")/../extract.sh
sh "$extract" "$1/wait.c" refuse_deadlock enter leave shs_release_waiter
echo '#define leave leave_or_cut'
sh "$extract" "$1/wait.c" shs_acquire_queued shs_acquire
sh "$extract" "$1/op.c" check_notice
sh "$extract" "$1/condwait.c" release_mutex
