# in semaphore.c
# In strict order a newcomer waits behind the queue.
/^static bool may_take/,/^}/ s/return list_empty\(&obj->queue\) \|\|/return true ||/
