# in counter.c
# All lanes count.
/^static u64 lanes_of/,/^}/ s/left &= left - 1/left = 0/
