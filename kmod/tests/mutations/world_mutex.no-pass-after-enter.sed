# in wait.c
# Whoever queues serves the queue: the owner it saw may be gone.
/^static int enter/,/^}/ s/^	shs_pass\(obj, &wakes\);//
