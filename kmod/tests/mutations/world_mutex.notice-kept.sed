# in mutex.c
# ... once.
/^static u32 owned_word/,/^}/ s/w->att \? 0 : died/died/
