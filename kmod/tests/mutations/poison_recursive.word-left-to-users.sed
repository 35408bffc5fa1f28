# in mutex.c
# Where the kernel must see every owner, user space takes nothing.
/^u32 shs_mutex_new_word/,/^}/ s/ \| SHS_INIT_RECURSIVE//
