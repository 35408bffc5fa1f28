# in mutex.c
# ... once.
/^static u32 owned_word/,/^}/ s/told \? 0 : died/died/
