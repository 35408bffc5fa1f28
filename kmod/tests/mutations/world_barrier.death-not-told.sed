# in barrier.c
# Who waits is told of a death.
/^static void barrier_repair/,/^}/ s/tell_broken\(obj, wakes\);//
