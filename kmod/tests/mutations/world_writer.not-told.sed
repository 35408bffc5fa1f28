# in rwlock.c
# Whom others wait for has to call.
/^static bool must_call/,/^}/ s/cmpxchg\(writes_of\(writer\), SHS_WRITES, SHS_WRITES_CALL\)/READ_ONCE(*writes_of(writer))/
