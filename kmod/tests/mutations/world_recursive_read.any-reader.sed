# in rwlock.c
# Only one that holds overtakes.
/^static int overtake/,/^}/ s/holds && w->recursive/w->recursive || holds/
