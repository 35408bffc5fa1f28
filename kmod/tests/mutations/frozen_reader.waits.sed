# in rwlock.c
# Who reads already must not wait for who waits for it.
s/if \(obj->freezers && !reads_again\(w\)\)/if (obj->freezers)/
