#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# usage: KMOD= CC= CFLAGS= mutant.sh SCRIPT PROGRAM OBJECT...
#
# Links the test program with one source file changed by the sed script, whose first
# line says which: "# in FILE". The other objects are used as they are.
set -eu
script=$1 program=$2
shift 2
dir=$program.d
mkdir -p "$dir"
file=$(sed -n '1s/^# in //p' "$script")
sed -E -f "$script" "$KMOD/$file" >"$dir/$file"
if cmp -s "$KMOD/$file" "$dir/$file"; then
	echo "$script changes nothing in $file" >&2
	exit 1
fi

# Of some only functions are built, in waits.c.
object=$file
case $file in
wait.c | condwait.c | op.c)
	./waits.sh "$dir" "$KMOD" >"$dir/waits.inc"
	cp waits.c "$dir"
	object=waits.c ;;
esac
object=${object%.c}.o

# shellcheck disable=SC2086 # CFLAGS are words
$CC $CFLAGS -g0 -w -I "$dir" -c -o "$dir/$object" "$dir/${object%.o}.c"
for other; do
	shift
	[ "${other##*/}" = "$object" ] || set -- "$@" "$other"
done
# shellcheck disable=SC2086
$CC $CFLAGS -s -o "$program" "$dir/$object" "$@"
