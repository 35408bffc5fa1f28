# in atomic.c
# Who was killed passes it on.
/^static int atomic_release/,/^}/ s/^		shs_atomic_notify\(.*/		;/
