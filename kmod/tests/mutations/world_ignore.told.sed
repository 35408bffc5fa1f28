# in mutex.c
# Asked not to tell of a death it does not.
/^static bool death_is_news/,/^}/ s/ && !\(obj->flags & SHS_INIT_IGNORE\)//
