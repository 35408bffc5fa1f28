# in mutex.c
# The value of a cell is whole, so a death is no news.
/^static bool death_is_news/,/^}/ s/obj->kind != SHS_KIND_CELL && //
