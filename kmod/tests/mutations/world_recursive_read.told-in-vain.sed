# in rwlock.c
# Who would not wait for itself is not told so.
/^static int overtake/,/^}/ s/ && writer_queues\(obj\)//
