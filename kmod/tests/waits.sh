#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# usage: waits.sh FOLDER OTHER
# What waits.c includes: whole functions, as they are, of files in FOLDER or else OTHER.
set -eu
from() {
	file=$1
	shift
	dir=$folder
	[ -e "$dir/$file" ] || dir=$other
	./extract.sh "$dir/$file" "$@"
}
folder=$1 other=$2
from wait.c refuse_deadlock enter leave shs_acquire_queued shs_acquire shs_release_waiter
from condwait.c ticket_new shs_ticket_free shs_ticket_leave shs_ticket_end shs_tickets_free \
	find_own is_abandoned drop_abandoned release_mutex
echo '#define release_mutex gap_and_release_mutex'
from condwait.c queue_and_release sleeps_on begin resume sleep_on_ticket
echo '#define resume resume_or_go_on'
echo '#define shs_acquire acquire_or_go_on'
from condwait.c end_requeue take_back
echo '#define shs_ticket_end(...) (gap(), shs_ticket_end(__VA_ARGS__))'
from condwait.c condwait
from op.c check_notice
