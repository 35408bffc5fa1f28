# in core.c
# Who is told to try again is woken.
/^void shs_kick_head/,/^}/ s/	wake\(.*//
