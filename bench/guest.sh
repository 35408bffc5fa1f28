#!/bin/busybox sh
# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=dash
#
# In the guest: say what machine it is, then run /bench.
#
# usage: guest.sh SETTING [-w] ARGUMENT...
#   -w  wait until the kernel has nothing to do any more; free where instructions count
setting=$1
shift
if [ "$1" = -w ]; then
	sleep 20
	shift
fi
[ ! -e /ntsync.ko ] || insmod /ntsync.ko
echo "info,$setting,kernel,$(uname -sr)"
echo "info,$setting,processors,$(grep -c ^processor /proc/cpuinfo)"
echo "info,$setting,clock,$(cat /sys/devices/system/clocksource/clocksource0/current_clocksource)"
for file in /sys/devices/system/cpu/vulnerabilities/*; do
	[ -e "$file" ] && echo "info,$setting,mitigation ${file##*/},$(tr , ';' <"$file")"
done
exec /bench -s "$setting" "$@"
