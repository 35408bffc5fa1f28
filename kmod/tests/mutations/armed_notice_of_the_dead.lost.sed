# in core.c
# What goes on from the dead goes on without its notice.
s/shs_undo_grant\(att->obj, w, w->result, wakes\);/shs_undo_grant(att->obj, w, 0, wakes);/
