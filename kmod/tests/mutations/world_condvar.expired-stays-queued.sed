# in condwait.c
# Who timed out takes no notify.
/^static int sleep_on_ticket/,/^}/ s/shs_dequeue\(.*//
