# in rwlock.c
# Whoever begins to watch turns bias off.
/^void shs_rwlock_see_all/,/^}/ s/revoke\(obj\);//
