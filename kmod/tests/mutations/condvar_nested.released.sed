# in condwait.c
# What is locked twice is not free after one release.
/^static int release_mutex/,/^}/ s/shs_mutex_is_nested\(obj, &w\)/false/
