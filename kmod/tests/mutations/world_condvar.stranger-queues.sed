# in condwait.c
# Only who has released the mutex is moved to its queue.
/^static int queue_and_release/,/^}/ {
	s/^		shs_ticket_add\(obj, t\);/		t->w.task = current, shs_ticket_add(obj, t);/
}
/^static int begin/,/^}/ {
	s/sleeps_on\(c\);/;/
}
