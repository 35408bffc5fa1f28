#!/bin/busybox sh
# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=dash
#
# In the guest: run the examples, each under its title; fail if one fails.
order="mutex_counter rwlock_readers_writer once_init atomic_process_count"
order="$order atomic_cell arc_share condvar_queue uring_batch crash_recovery"

# Then those that a newer tree may have besides.
for file in /examples/*; do
	name=${file##*/}
	case " $order " in
	*" $name "*) ;;
	*) order="$order $name" ;;
	esac
done

ran=0 failed=""
for name in $order; do
	[ -f "/examples/$name" ] && [ -x "/examples/$name" ] || continue
	echo
	echo "--- $name"
	ran=$((ran + 1))
	"/examples/$name" || { echo "*** $name failed, status $?"; failed="$failed $name"; }
done

echo
if [ "$failed" ]; then
	echo "failed:$failed"
	exit 1
fi
[ "$ran" -gt 0 ] || { echo "there are no examples"; exit 1; }
echo "all $ran examples gave the right result on $(uname -r)"
