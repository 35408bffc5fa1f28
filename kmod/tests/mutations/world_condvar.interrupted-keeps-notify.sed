# in condwait.c
# An interrupted one gives its notify away if the attachment has ended meanwhile.
s/shs_ticket_forgo\(obj, c->ticket, &wakes\);/;/
