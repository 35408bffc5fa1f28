# in barrier.c
# Who comes again is one.
/^static int barrier_try/,/^}/ s/p->now = here;/;/; /^static int barrier_try/,/^}/ s/if \(p->now < here\)/p->now++;/
