# in rwlock.c
# ... and then it is.
/^static void inhibit/,/^}/ s/9 \* cost/90 * cost/
