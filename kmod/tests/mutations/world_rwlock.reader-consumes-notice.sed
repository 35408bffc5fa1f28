# in rwlock.c
# A read lock reports a death and leaves it to be reported.
/^static int enter_read/,/^}/ s/obj->rwlock.died \? -EOWNERDEAD : 0;/obj->rwlock.died \&\& !(obj->rwlock.died = false) ? -EOWNERDEAD : 0;/
