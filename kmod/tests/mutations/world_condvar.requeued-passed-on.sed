# in condvar.c
# Who waits for the mutex already uses its notify or passes it on itself.
/^static void condvar_repair/,/^}/ s/!t->requeued/true/
