# in condvar.c
# So does a dead one.
/^void shs_ticket_forgo/,/^}/ s/shs_condvar_notify\(.*//
