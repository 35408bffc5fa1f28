# in rwlock.c
# ... and is forgotten.
/^static void rw_repair/,/^}/ s/= obj->rwlock.writer == att->id && must_call\(obj, att\)/= shs_rwlock_writer(obj) == att->id/
