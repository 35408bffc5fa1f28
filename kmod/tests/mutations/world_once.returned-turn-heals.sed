# in once.c
# ... in the state in which it got it.
/^static int once_release/,/^}/ s/w->was_poisoned/false/
