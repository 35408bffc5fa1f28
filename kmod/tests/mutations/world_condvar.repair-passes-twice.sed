# in condvar.c
# Once: not again when its sleeper leaves.
/^static void condvar_repair/,/^}/ s/t->w.result = -ENXIO;//
