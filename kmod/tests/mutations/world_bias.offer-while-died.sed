# in rwlock.c
# Each reader is told of a death.
/^static void offer/,/^}/ s/obj->rwlock.died \|\| //
