# in rwlock.c
# An upgrade waits for the readers.
/^static bool is_blocked/,/^}/ s/\|\| has_readers/|| (!w->upgrade \&\& true) \&\& has_readers/
