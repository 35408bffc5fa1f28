# in semaphore.c
# ... with those that are held, which may come back.
s/used = available\(obj\) \+ obj->semaphore.held;/used = available(obj);/
