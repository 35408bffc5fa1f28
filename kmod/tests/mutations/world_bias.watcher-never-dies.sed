# in core.c
# A watch ends with its attachment.
/^static void repair/,/^}/ s/shs_watch\(att, 0\);//
