# in counter.c
# What a process added to a live counter goes with it.
/^static void counter_repair/,/^}/ s/ && !\(obj->flags & SHS_INIT_LIVE\)//
