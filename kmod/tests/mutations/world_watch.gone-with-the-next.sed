# in mutex.c
# ... and stays there as long as somebody watches.
/^static u32 idle_bits/,/^}/ s/obj->lost \|\| obj->watchers/obj->lost/
/^int shs_mutex_renew_kernel_bit/,/^}/ s/idle_bits\(obj\) & SHS_WORD_KERNEL;/(idle_bits(obj) | (obj->watchers ? SHS_WORD_KERNEL : 0)) \& SHS_WORD_KERNEL;/
