# in mutex.c
# One of two who watch goes, and the other one watches still.
/^int shs_mutex_renew_kernel_bit/,/^}/ s/idle_bits\(obj\) & SHS_WORD_KERNEL;/obj->watchers == 1 ? SHS_WORD_KERNEL : shs_mutex_new_word(obj->flags);/
