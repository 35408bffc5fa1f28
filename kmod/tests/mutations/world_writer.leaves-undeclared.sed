# in rwlock.c
# Who owes a word about the value has to call.
s/ && !is_owed\(obj\);/;/
