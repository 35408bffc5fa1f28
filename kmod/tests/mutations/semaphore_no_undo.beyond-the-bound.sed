# in semaphore.c
# No more are added than the bound allows.
s/if \(w->permits > shs_semaphore_bound\(obj\) - used\)/if (0)/
