# in mutex.c
# Rule 2: taking the word keeps W while somebody is queued.
/^static u32 owned_word/,/^}/ s/idle_bits\(obj\)/0/
