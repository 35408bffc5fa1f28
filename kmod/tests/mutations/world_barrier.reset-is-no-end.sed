# in barrier.c
# ... and begins a generation.
/^void shs_barrier_reset/,/^}/ s/obj->barrier.generation\+\+;//
