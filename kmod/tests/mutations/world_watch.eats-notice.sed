# in mutex.c
# A watch changes K alone.
/^int shs_mutex_renew_kernel_bit/,/^}/ s/old & ~SHS_WORD_KERNEL/old \& ~(SHS_WORD_KERNEL | SHS_WORD_DIED)/
