# in mutex.c
# A release of a word that changed meanwhile loses W.
/^static int free_word/,/^}/ s/cmpxchg\(word, old, new\) == old/({ WRITE_ONCE(*word, id ? 0 : new); true; })/
