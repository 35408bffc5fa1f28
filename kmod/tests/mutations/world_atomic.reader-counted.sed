# in atomic.c
# Who may only read uses nothing up.
/^u32 shs_atomic_notify/,/^}/ s/n \+= w->counts;/n++;/
