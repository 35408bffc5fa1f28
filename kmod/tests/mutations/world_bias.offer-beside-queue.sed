# in rwlock.c
# Nobody overtakes who waits.
/^static void offer/,/^}/ s/!list_empty\(&obj->queue\) \|\| //
