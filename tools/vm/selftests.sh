#!/bin/busybox sh
# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=dash
#
# In the guest: run the tests of /tests, each between the lines "# start NAME"
# and "# end NAME STATUS", by which the host counts.
#
# usage: selftests.sh [PATTERN]
# With a pattern: test files of that name, and within other files the fixtures, variants
# and tests of that name. /subset says which part of a file a kernel runs: what it leaves
# out, no pattern brings back, and where it says what to run, that is run as a whole.
pattern=${1:-}

# A test may have unmounted or unloaded it.
ready() {
	[ -e /sys/module/shstate ] || insmod /shstate.ko
	grep -qw shstate /proc/filesystems || return 0
	mkdir -p /dev/shstate
	grep -q ' /dev/shstate ' /proc/mounts || mount -t shstate shstate /dev/shstate
	rm -f /dev/shstate/*
}

# What matches the pattern in the harness's table of fixtures, variants, tests: the arguments
# for a file whose subset is as given. The first that fits a test decides.
matching() { # FILE SUBSET
	left_out=$(echo "$2" | grep -oE -e '-[FVT] [^ ]+')
	found=$("$1" -l 2>&1 | tr -s ' ' '\n' | grep -E "$pattern" |
		grep -vxF "$(echo "$left_out" | cut -d' ' -f2)" | sort -u |
		while read -r word; do
			echo "-f $word -v $word -t $word"
		done)
	[ "$found" ] || return 0
	if echo "$2" | grep -qE -e '-[fvt] '; then
		echo "$2"
	else
		echo "$left_out $found"
	fi
}

# What /subset says for this kernel, read once: the shell reads a letter at a time.
mine=$(grep -v '^#' /subset | while read -r kernels file arguments; do
	# shellcheck disable=SC2254 # a pattern
	case $SHSTATE_KERNEL in
	$kernels) echo "$file $arguments" ;;
	esac
done)

# The arguments for a file: of the first line that fits; "-" if this kernel does not run it.
subset() ( # NAME
	IFS='
'
	set -f
	for line in $mine; do
		# shellcheck disable=SC2254 # a pattern
		case $1 in
		${line%% *})
			echo "${line#* }"
			break ;;
		esac
	done
)

run() { # FILE ARGUMENTS...
	name=$(basename "$1")
	ready
	echo "<6>shstate: test $name" >/dev/kmsg
	begin=$(cut -d. -f1 /proc/uptime)
	echo "# start $name"
	timeout -k 5 $((900 * SHSTATE_SLOW + 20 * SHS_SOAK)) "$@"
	status=$?
	echo "# $name took $(($(cut -d. -f1 /proc/uptime) - begin)) s"
	echo "# end $name $status"
}

# The suites of shstate_kunit.ko, each as a program of its own: kunit_NAME.  A suite
# runs when the module is loaded, and debugfs has what it said.
kunit() {
	[ -e /shstate_kunit.ko ] && [ "$SHSTATE_KERNEL" != storm ] || return
	results=/sys/kernel/debug/kunit
	# Each kernel knows one of the two, and takes the other for a word to ignore.
	if ! insmod /kunit.ko enable=1 autorun=1 || ! insmod /shstate_kunit.ko; then
		echo "# start kunit"
		echo "# end kunit 1"
		return
	fi
	for suite in "$results"/shstate_*; do
		name=kunit_${suite##*/shstate_}
		[ -z "$pattern" ] || echo "$name" | grep -qE "$pattern" || continue
		echo "# start $name"
		sed -n 's/^    //p' "$suite/results"
		echo "# end $name $?"
	done
	rmmod shstate_kunit
	rmmod kunit
}

cd /tmp || exit
kunit
for file in /tests/*; do
	[ -f "$file" ] && [ -x "$file" ] || continue
	name=${file##*/}
	arguments=$(subset "$name")
	[ "$arguments" != - ] || continue
	if [ "$pattern" ] && ! echo "$name" | grep -qE "$pattern"; then
		[ "$name" = "${name%.sh}" ] || continue
		arguments=$(matching "$file" "$arguments")
		[ "$arguments" ] || continue
	fi
	# shellcheck disable=SC2086 # words
	run "$file" $arguments
done
exit 0
