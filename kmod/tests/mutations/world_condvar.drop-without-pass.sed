# in condvar.c
# A waiter that leaves with an unused notify passes it on.
/^void shs_ticket_drop/,/^}/ s/pass && /0 \&\& /
