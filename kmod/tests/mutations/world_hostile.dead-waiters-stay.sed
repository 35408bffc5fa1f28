# in core.c
# The waiters of a dead attachment leave the queue, whatever the word says.
/^static void repair/,/^}/ s/cancel_waiters\(.*\);/(void)cancel_waiters;/
