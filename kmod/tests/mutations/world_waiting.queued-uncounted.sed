# in core.c
# Who queues is counted where user space looks.
/^static void queue_add/,/^}/ s/WRITE_ONCE\(obj->control->waiting, \+\+obj->waiters\)/WRITE_ONCE(obj->control->waiting, obj->waiters++)/
