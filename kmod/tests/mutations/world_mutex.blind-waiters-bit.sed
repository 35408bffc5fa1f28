# in mutex.c
# ... by a compare-and-swap of the word that was seen.
s/cmpxchg\(word, old, old \| SHS_WORD_WAITERS\) == old/({ WRITE_ONCE(*word, old | SHS_WORD_WAITERS); true; })/
