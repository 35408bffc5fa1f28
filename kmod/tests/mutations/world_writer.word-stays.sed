# in rwlock.c
# What he gave back by a call he cannot give back again.
/^static int end_exclusive/,/^}/ s/WRITE_ONCE\(\*writes_of\(w->att\), 0\);/;/
