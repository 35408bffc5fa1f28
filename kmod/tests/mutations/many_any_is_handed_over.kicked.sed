# in mutex.c
# Who waits for several cannot try by himself.
s/shs_is_served\(head\) \|\|/head->done ||/
