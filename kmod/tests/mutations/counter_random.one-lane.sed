# in counter.c
# All lanes count.
/^static u64 lanes_of/,/^}/ s/i < att->obj->geo.lanes/i < 1/
