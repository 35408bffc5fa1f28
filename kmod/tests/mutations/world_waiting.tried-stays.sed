# in atomic.c
# Who was about to wait did perhaps not.
/^static void atomic_pass/,/^}/ s/^	WRITE_ONCE.*$//
