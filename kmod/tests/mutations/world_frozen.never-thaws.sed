# in core.c
# It ends with the last who freezes.
/^static void set_watch/,/^}/ s/ - !!\(att->watch & SHS_WATCH_FREEZE\)//
