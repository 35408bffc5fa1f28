# in rwlock.c
# Not on again while it costs writers more than it saves readers.
/^static void offer/,/^}/ s/ \|\| shs_now_ns\(\) < obj->rwlock.bias_after_ns//
