# in semaphore.c
# ... and in it everybody.
/^static bool goes_first/,/^}/ s/obj->flags & SHS_INIT_FIFO \|\| //
