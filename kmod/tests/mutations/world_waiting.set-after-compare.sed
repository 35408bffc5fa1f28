# in atomic.c
# Who is about to wait says so before it compares.
/^static int atomic_try/,/^}/ s/^	WRITE_ONCE\(obj->control->waiting, obj->waiters \+ 1\);$//
