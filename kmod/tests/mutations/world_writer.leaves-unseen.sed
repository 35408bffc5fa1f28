# in rwlock.c
# Who gets it while somebody watches has to call.
s/return !obj->watchers && /return /
