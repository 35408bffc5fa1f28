# in barrier.c
# Who leaves is one of the threads.
s/p->before--;/p->before = 0;/
