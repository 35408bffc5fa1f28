# in core.c
# ... and who leaves is not.
/^void shs_dequeue/,/^}/ s/WRITE_ONCE\(obj->control->waiting, --obj->waiters\)/--obj->waiters/
