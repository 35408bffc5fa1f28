# in rwlock.c
# Nobody overtakes who waits, whatever he waits for.
/^static void rw_pass/,/^}/ s/revoke\(obj\);//
