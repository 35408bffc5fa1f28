# in rwlock.c
# Where deadlocks are searched for every unlock is seen.
s/ && !obj->graph && !is_owed/ \&\& !is_owed/
