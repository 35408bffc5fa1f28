# in mutex.c
# ... by a compare-and-swap of the word that was seen.
s/new == old \|\| cmpxchg\(word, old, new\) == old/new == old || ({ WRITE_ONCE(*word, new); true; })/
