# in barrier.c
# A party is one between its waits, too.
/^static void barrier_repair/,/^}/ s/ && !att->parties.before//
