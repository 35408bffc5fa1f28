# in atomic.c
# Who found the element changed does not wait.
/^static int atomic_try/,/^}/ s/^	WRITE_ONCE\(obj->control->waiting, obj->waiters\);$//
/^static void atomic_pass/,/^}/ s/^	WRITE_ONCE.*$//
