# in rwlock.c
# Who watches sees each reader.
/^static void offer/,/^}/ s/obj->watchers \|\| //
