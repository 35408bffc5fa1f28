# in semaphore.c
# Who is gone holds nothing.
/^static int semaphore_try/,/^}/ s/find_gone\(obj, wakes\);/;/
