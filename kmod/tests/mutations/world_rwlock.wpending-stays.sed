# in rwlock.c
# Without a waiting writer readers need not call.
/^static void rw_pass/,/^}/ s/WRITE_ONCE\(obj->control->wpending, writer\)/WRITE_ONCE(obj->control->wpending, 1)/
