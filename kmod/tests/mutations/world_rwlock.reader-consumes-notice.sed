# in rwlock.c
# A read lock reports a death and leaves it to be reported.
/^static int enter_read/,/^}/ s/return obj->rwlock.died \? -EOWNERDEAD : 0;/return obj->rwlock.died \&\& !(obj->rwlock.died = false) ? -EOWNERDEAD : 0;/
