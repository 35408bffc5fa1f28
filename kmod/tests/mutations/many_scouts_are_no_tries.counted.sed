# in mutex.c
# Scouts before the taker are told, however many there are.
s/head = shs_taker\(obj, wakes\);/head = shs_head(obj, wakes);/
