# in core.c
# An upgrade goes before the queue.
/^void shs_enqueue/,/^}/ s/w->upgrade/false/
