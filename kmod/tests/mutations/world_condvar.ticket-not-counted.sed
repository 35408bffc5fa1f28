# in condvar.c
# Tickets bind the condvar to its mutex.
/^void shs_ticket_drop/,/^}/ s/obj->condvar.tickets--;//
