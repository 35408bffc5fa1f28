# in mutex.c
# One of two who watch goes, and the other one watches still.
/^int shs_mutex_renew_kernel_bit/,/^}/ s/kernel_bit\(obj\);/obj->watchers == 1 ? SHS_WORD_KERNEL : shs_mutex_new_word(obj->flags);/
