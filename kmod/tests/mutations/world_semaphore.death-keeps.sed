# in semaphore.c
# What a dead one held comes back.
/^static void semaphore_repair/,/^}/ s/give_back\(obj, att, att->held\);/;/
