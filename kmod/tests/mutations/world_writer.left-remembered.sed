# in rwlock.c
# Who left writes no more.
/^static bool must_call/,/^}/ s/if \(cmpxchg\(.*\)\)$/cmpxchg(writes_of(writer), SHS_WRITES, SHS_WRITES_CALL);\n	if (1)/
