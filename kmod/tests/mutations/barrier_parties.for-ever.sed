# in barrier.c
# Who did not come for a generation is no party.
s/p->before = p->generation \+ 1 == generation \? p->now : 0;/p->before = p->now;/
