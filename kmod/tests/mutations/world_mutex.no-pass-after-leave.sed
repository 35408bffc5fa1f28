# in wait.c
# Rule 3: a kicked waiter that leaves passes on.
/^static int leave/,/^}/ s/^	shs_pass\(obj, &wakes\);//
