# in detect.c
# Who was killed is on its way out.
/^static struct shs_waiter \*wait_of/,/^}/ s/ && !shs_is_dying\(w->task\)//
