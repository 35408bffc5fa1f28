# in condwait.c
# ... and who was interrupted there is on it no more.
/^static void end_requeue/,/^}/ s/c->ticket->requeued = false;/;/
