# in rwlock.c
# Nobody is remembered who has left.
/^static bool must_call/,/^}/ s/shs_hold_forget\(obj\);//
