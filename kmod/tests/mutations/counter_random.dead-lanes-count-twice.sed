# in counter.c
# ... which then holds them alone.
/^void shs_counter_sum/,/^}/ s/att->state == SHS_ATT_LIVE/true/
