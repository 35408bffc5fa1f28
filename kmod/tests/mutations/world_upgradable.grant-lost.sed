# in rwlock.c
# A killed task gives back the grant and keeps what it was made from.
/^static int release_exclusive/,/^}/ s/if \(w->upgrade\)/if (false)/
