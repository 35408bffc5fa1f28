# in condvar.c
# A notify wakes nobody who has to wait for the mutex.
/^static void requeue/,/^}/ s/^	t->w.task = NULL;.*//
