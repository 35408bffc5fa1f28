# in mutex.c
# ... and that only locks it again.
/^static bool owns_already/,/^}/ s/obj->hold.thread == w->thread/true/
