# in semaphore.c
# Permits are for who is there to have them.
s/if \(!shs_claim\(obj, w, wakes\)\)/if (0)/
