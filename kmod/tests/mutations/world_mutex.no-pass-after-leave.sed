# in wait.c
# Rule 3: a kicked waiter that leaves passes on.
/^static int leave/,/^}/ s/^	ops->pass\(obj, &wakes\);//
