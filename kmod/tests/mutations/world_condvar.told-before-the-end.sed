# in condwait.c
# How a wait ended is read where its ticket is dropped, or a notify counts twice.
s/ended = (shs_ticket_end)/ended = c->ticket->expired ? -ETIMEDOUT : c->ticket->w.result;\n\t\1/
