# in rwlock.c
# Single operations read too.
/^static bool has_readers/,/^}/ s/obj->rwlock.kernel_readers/false/
