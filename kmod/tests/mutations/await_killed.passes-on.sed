# in atomic.c
# Who was told of a value had no notify to leave.
/^static int atomic_release/,/^}/ s/ && !w->until//
