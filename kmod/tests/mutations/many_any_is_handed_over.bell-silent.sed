# in core.c
# Whoever is settled for a call makes its sleeper look.
s/WRITE_ONCE\(w->many->bell.kicked, true\);/;/
