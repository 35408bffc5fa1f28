# in core.c
# Who watches no more is never refused.
/^int shs_watch/,/^}/ s/!ret \|\| !\(flags & ~before\)/!ret/
