#!/bin/busybox sh
# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=dash
#
# In the guest: the server three ways. Only what uses shstate has to be right.
cd /demo || exit

echo "--- a prefork server, workers killed at random: shstate"
./prefork shstate || exit
python=/demo/python
if [ -x $python/bin/python3 ]; then
	echo
	echo "--- workers of Python's multiprocessing, killed at random: shstate through ctypes"
	PYTHONHOME=$python $python/lib/loader --library-path $python/lib $python/bin/python3 \
		prefork.py /demo/libshstate.so.1 || exit
fi
echo
echo "--- the same server: sem_t, and a file of each worker's own"
if ./prefork sem; then
	echo "Result: all right with shstate, and this once without"
else
	echo "Result: all right with shstate, wrong without"
fi
