# in mutex.c
# A grant that nobody took up loses nothing.
/^static int release_own/,/^}/ s/is_owed\(obj\) && !notice/is_owed(obj)/
