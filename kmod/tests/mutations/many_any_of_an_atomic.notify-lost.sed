# in atomic.c
# So is a notify.
s/if \(!shs_claim\(obj, w, wakes\)\)/if (0)/
