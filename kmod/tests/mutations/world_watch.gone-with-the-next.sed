# in mutex.c
# ... and stays there as long as somebody watches.
/^static u32 kernel_bit/,/^}/ s/obj->lost \|\| obj->watchers/obj->lost/
/^int shs_mutex_renew_kernel_bit/,/^}/ s/kernel_bit\(obj\);/(kernel_bit(obj) | (obj->watchers ? SHS_WORD_KERNEL : 0)) \& SHS_WORD_KERNEL;/
