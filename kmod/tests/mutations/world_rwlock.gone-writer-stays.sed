# in rwlock.c
# Death ends the writing.
/^static void rw_repair/,/^}/ s/obj->rwlock.writer = 0;//
