# in mutex.c
# Who locked it unlocks it: the thread.
/^static int release_own/,/^}/ s/!owns_already\(obj, w, w->att->id\)/false/
