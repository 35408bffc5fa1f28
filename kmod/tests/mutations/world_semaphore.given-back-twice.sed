# in semaphore.c
# What was given back is held no more.
/^static void give_back/,/^}/ s/att->held -= permits;//
