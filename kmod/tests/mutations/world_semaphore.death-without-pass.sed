# in core.c
# And is given to who waits.
/^void shs_att_die/,/^}/ s/shs_pass\(att->obj, wakes\);//
