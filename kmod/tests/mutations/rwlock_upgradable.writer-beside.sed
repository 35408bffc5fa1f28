# in rwlock.c
# No writer beside an upgrader.
/^static bool is_blocked/,/^}/ s/!w->upgrade \&\& /false \&\& /
