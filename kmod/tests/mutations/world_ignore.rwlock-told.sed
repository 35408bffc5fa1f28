# in rwlock.c
# Nor does a rwlock.
/^static void rw_repair/,/^}/ s/!\(obj->flags & SHS_INIT_IGNORE\)/true/
