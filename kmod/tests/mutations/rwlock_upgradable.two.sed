# in rwlock.c
# There is one upgrader.
/^static bool is_blocked/,/^}/ s/return has_upgrader\(obj, wakes\);/return false;/
