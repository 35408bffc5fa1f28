# in barrier.c
# A reset makes it whole.
s/obj->barrier.broken = false;//
