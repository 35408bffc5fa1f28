# in mutex.c
# The value of a cell is whole, so a death is no news.
/^static u32 died_bit/,/^}/ s/obj->kind == SHS_KIND_CELL/false/
/^static void word_repair/,/^}/ s/obj->kind != SHS_KIND_CELL/true/
