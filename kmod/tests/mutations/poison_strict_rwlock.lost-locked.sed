# in rwlock.c
# What is lost nobody locks.
/^static int rw_try/,/^}/ s/obj->lost && !w->force/false/
