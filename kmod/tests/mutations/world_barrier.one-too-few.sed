# in barrier.c
# All have to be there.
s/obj->waiters < \*parties\(obj\)/obj->waiters + 1 < *parties(obj)/
