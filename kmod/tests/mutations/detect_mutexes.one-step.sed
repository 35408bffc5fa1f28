# in detect.c
# A cycle may be of any length.
/^static bool follow\(/,/^}/ s/^	s->last->step.then = w;//
