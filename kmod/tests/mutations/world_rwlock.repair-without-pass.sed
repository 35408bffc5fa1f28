# in core.c
# Death serves the queue.
/^void shs_att_die/,/^}/ s/shs_pass\(.*//
