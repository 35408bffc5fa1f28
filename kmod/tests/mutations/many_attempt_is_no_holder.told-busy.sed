# in wait.c
# What an attempt has may be given back as if it never had it.
s/ret = -EINPROGRESS;/;/
