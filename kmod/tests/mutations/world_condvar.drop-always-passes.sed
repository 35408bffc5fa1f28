# in condvar.c
# A notify that was used is used up.
/^void shs_ticket_drop/,/^}/ s/pass && //
