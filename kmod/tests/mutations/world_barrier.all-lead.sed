# in barrier.c
# One leads.
s/w == last \? SHS_BARRIER_LEADER : 0/SHS_BARRIER_LEADER/
