# in condvar.c
# Once: not again when its sleeper leaves.
/^void shs_ticket_forgo/,/^}/ s/t->w.result = -ENXIO;//
