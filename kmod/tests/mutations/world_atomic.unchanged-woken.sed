# in atomic.c
# ... and finds it changed.
/^u32 shs_atomic_notify/,/^}/ s/w->expected == now \|\|$//
