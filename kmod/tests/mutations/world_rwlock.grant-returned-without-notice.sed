# in wait.c
# A notice that a killed task did not take up is told again.
/^static int leave/,/^}/ s/ret == -EOWNERDEAD, &wakes\);/false, \&wakes);/
