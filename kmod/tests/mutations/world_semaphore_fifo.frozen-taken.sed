# in semaphore.c
# Of what is frozen nobody takes any.
/^static bool may_take/,/^}/ s/obj->freezers \|\| //
