# in core.c
# A call that waits for any of several is granted one.
s/if \(w->many && READ_ONCE\(w->many->winner\)\)/if (0)/
s/else if \(cmpxchg\(&w->many->winner, NULL, w\)\)/else if (0)/
