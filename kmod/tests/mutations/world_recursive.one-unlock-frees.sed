# in mutex.c
# As often as it was locked it is unlocked.
/^static int release_own/,/^}/ s/obj->hold.depth > 1 && !notice/false/
