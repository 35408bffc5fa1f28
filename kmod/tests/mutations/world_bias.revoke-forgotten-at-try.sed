# in rwlock.c
# A writer turns bias off before it looks at the lanes.
/^static int rw_try/,/^}/ s/revoke\(obj\);//
