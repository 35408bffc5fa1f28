# in mutex.c
# D survives a single operation.
/^static u32 owned_word/,/^}/ s/told \? 0 : died/0/
