# in core.c
# Whoever begins to watch turns bias off.
/^int shs_watch/,/^}/ s/shs_rwlock_revoke\(obj\);/;/
