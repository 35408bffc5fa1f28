# in condwait.c
# ... and who was interrupted there is on it no more.
/^static int take_back/,/^}/ s/^	t->requeued = false;//
