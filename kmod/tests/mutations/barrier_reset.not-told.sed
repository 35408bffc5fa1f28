# in barrier.c
# Who waits is told of a reset.
/^void shs_barrier_reset/,/^}/ s/tell_broken\(obj, wakes\);//
