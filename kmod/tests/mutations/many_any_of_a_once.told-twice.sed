# in once.c
# What is done is told to who has nothing else.
s/ \|\| \(!ret && !shs_claim\(obj, w, wakes\)\)//
