# in rwlock.c
# Death ends the right to upgrade.
/^static void rw_repair/,/^}/ s/obj->rwlock.upgrader = 0;//
