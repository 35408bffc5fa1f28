# in condvar.c
# A notify is for who can come back for it.
/^static bool is_left_behind/,/^}/ s/return .*/return false;/
