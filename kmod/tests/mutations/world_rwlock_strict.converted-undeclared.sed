# in rwlock.c
# A writer declares it before he lets others read.
/^int shs_rwlock_convert/,/^}/ s/w->mode == SHS_MODE_EXCLUSIVE && is_owed\(obj\)/false/
