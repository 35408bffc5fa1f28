# in rwlock.c
# Only what it cost this writer, or one who queued before it.
/^static int rw_try/,/^}/ s/obj->rwlock.revoked_ns = 0;/;/
