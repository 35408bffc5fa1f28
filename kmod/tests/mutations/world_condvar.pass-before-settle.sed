# in condvar.c
# The mutex wakes who finds that it was notified.
/^static void notify/,/^}/ {
	/^	shs_settle/d
	s/^(	spin_unlock)/	shs_settle(obj, \&t->w, 0, wakes);\n\1/
}
