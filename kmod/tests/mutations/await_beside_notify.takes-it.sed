# in atomic.c
# A notify is for those who wait for one.
/^u32 shs_atomic_notify/,/^}/ s/w->until \|\| //
