#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# usage: waits.sh FOLDER-OF-wait.c FOLDER-OF-condwait.c
# What waits.c includes: the steps of a wait, without the sleeps between them.
set -eu
./extract.sh "$1/wait.c" enter leave shs_release_waiter
./extract.sh "$2/condwait.c" release_mutex sleep_on_ticket
