# in mutex.c
# No word makes the kernel try for ever.
s/i < SHS_CAS_TRIES;/;/
