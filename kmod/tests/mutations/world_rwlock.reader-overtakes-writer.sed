# in rwlock.c
# A reader behind a queued writer queues.
/^static int rw_try/,/^}/ s/ \|\| !list_empty\(&obj->queue\)//
