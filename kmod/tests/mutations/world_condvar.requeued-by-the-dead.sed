# in condvar.c
# By an attachment that is dead nobody waits.
/^static void requeue/,/^}/ s/ \|\| t->again.att->state != SHS_ATT_LIVE//
