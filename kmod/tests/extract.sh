#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# usage: extract.sh FILE FUNCTION...
# Prints these functions of a C file in kernel style; fails if one is not there.
file=$1
shift
for function; do
	awk -v start="^[a-z].*[ *]${function}[(]" '
		$0 ~ start && !/;$/ { on = found = 1 }
		on { print }
		on && /^}/ { on = 0; print "" }
		END { exit !found }' "$file" || {
		echo "$0: no function $function in $file" >&2
		exit 1
	}
done
