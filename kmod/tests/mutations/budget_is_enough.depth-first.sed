# in detect.c
# What was found first is followed first.
/^static bool follow\(/,/^}/ {
	s/^	w->step.then = NULL;/	w->step.then = s->start->step.then;/
	s/^	s->last->step.then = w;/	s->start->step.then = w;/
	/^	s->last = w;/d
}
