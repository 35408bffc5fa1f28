# in core.c
# Who waits for what is lost is told.
/^void shs_tell_lost/,/^}/ s/^			shs_settle\(.*/			(void)wakes;/
