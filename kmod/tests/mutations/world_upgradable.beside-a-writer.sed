# in rwlock.c
# No upgrader beside a writer.
/^static bool is_blocked/,/^}/ s/has_writer\(obj, wakes\)/(w->mode != SHS_MODE_UPGRADABLE \&\& has_writer(obj, wakes))/
