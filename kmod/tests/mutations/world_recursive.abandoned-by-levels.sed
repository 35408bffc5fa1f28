# in mutex.c
# Abandoned it is at once.
/^static int release_own/,/^}/ s/obj->hold.depth > 1 && !notice/obj->hold.depth > 1/
