# in rwlock.c
# A freeze is no time that a writer waited for readers.
/^void shs_rwlock_see_all/,/^}/ s/^.*revoked_ns = 0;.*$//
