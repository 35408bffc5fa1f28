# in rwlock.c
# Who had left did not die writing.
/^static void rw_repair/,/^}/ s/ && must_call\(obj, att\)//
