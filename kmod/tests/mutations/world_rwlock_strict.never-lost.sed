# in rwlock.c
# Who was told and does not declare it loses it.
/^static int release_exclusive/,/^}/ s/^	obj->lost \|= .*//
