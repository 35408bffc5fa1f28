# in atomic.c
# A notify is for who waits for this element.
/^u32 shs_atomic_notify/,/^}/ s/w->index != index \|\| //
