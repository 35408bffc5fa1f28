# in atomic.c
# ... nor who was not to wait.
/^static void atomic_pass/,/^}/ s/^	WRITE_ONCE.*$//
