# in barrier.c
# Who was killed while it waited was there.
/^static void barrier_repair/,/^}/ s/!att->parties.now && //
