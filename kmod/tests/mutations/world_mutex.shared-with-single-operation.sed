# in mutex.c
# Single operations share the word with each other only.
/^static int word_try/,/^}/ s/ && \(old & SHS_WORD_OWNER\) == SHS_ID_KERNEL//
