# in wait.c
# ... with its notice.
/^static int leave/,/^}/ s/ret == -EOWNERDEAD, &wakes\);/false, \&wakes);/
