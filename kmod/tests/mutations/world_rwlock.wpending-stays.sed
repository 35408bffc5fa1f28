# in rwlock.c
# Without a waiting writer readers need not call.
/^static void rw_pass/,/^}/ s/set_wpending\(obj, head && .*/set_wpending(obj, 1);/
