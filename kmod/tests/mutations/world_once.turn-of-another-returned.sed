# in once.c
# Who lost its turn has none to give back.
/^static int once_release/,/^}/ s/ && runs\(obj, w->att->id\)//
