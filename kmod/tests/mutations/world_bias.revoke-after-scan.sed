# in rwlock.c
# ... before, not after.
/^static int rw_try/,/^}/ {
	s/^	if \(w->mode == SHS_MODE_EXCLUSIVE\) \{$/	ret = is_blocked(obj, w, wakes);\n&/
	s/return is_blocked\(obj, w, wakes\) \?/return ret ?/
}
