# in mutex.c
# In strict order a release makes the head owner.
/^static u32 idle_bits/,/^}/ s/SHS_WORD_KERNEL : 0/0 : 0/
