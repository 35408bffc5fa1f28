# in semaphore.c
# What is taken without undo is not held.
/^static void take/,/^}/ s/!w->no_undo/true/
