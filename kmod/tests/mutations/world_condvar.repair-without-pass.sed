# in condvar.c
# So does a dead one.
/^static void condvar_repair/,/^}/ s/shs_condvar_notify\(.*//
