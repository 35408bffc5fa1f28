# in rwlock.c
# Only one that says so overtakes.
/^static bool reads_again/,/^}/ s/w->recursive && //
