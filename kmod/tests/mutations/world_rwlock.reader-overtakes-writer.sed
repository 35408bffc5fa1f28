# in rwlock.c
# A reader behind a queued writer queues.
/^static int overtake/,/^}/ s/list_empty\(&obj->queue\)/true/
