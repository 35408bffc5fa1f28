# in mutex.c
# A release and who gets it are one operation, also while the head is on its way.
/^static int free_word/,/^}/ s/new = kernel_bit\(obj\) \| .*;/new = idle_bits(obj);/
