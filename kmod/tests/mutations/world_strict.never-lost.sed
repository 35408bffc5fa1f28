# in mutex.c
# Who was told and does not declare it loses it.
/^static int release_own/,/^}/ s/^	obj->lost \|= .*//
