# in once.c
# Where asked for, a death poisons.
/^static void once_repair/,/^}/ s/obj->flags & SHS_INIT_POISON/false/
