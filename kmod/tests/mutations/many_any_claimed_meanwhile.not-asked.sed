# in rwlock.c
# The claim comes before the grant.
s/if \(!shs_claim\(obj, head, wakes\)\)/if (0)/
