# in mutex.c
# ... so that who waits goes on being known.
/^int shs_mutex_renew_kernel_bit/,/^}/ s/old & ~SHS_WORD_KERNEL/old \& ~(SHS_WORD_KERNEL | SHS_WORD_WAITERS)/
