# in rwlock.c
# A writer turns bias off before it looks at the lanes.
/^static int rw_try/,/^}/ s/shs_rwlock_revoke\(obj\);//
