# in rwlock.c
# One that would wait for itself is told.
/^static int overtake/,/^}/ s/-EDEADLK/-EBUSY/
