# in semaphore.c
# An old request keeps back who came later.
/^static bool goes_first/,/^}/ s/ \|\| shs_time_since\(w->since_ns\) >= SHS_HANDOFF_NS//
