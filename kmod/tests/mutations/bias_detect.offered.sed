# in rwlock.c
# The graph knows each reader.
/^static void offer/,/^}/ s/obj->graph \|\|$//
