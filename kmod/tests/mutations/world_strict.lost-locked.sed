# in mutex.c
# What is lost nobody locks.
/^static int word_try/,/^}/ s/obj->lost && !w->force/false/
