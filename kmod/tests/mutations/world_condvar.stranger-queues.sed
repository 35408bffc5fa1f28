# in condwait.c
# Only who has released the mutex is moved to its queue.
/^static int begin/,/^}/ {
	s/^		shs_ticket_add\(obj, t\);/		t->w.task = current, shs_ticket_add(obj, t);/
	s/^	t->w.task = current;//
}
