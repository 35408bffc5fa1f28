# in detect.c
# ... also ahead in the queue.
/^static u32 waits_for/,/^}/ s/!shs_is_dying\(ahead->task\)/true/
