# in once.c
# Who watches does not run.
/^static int answer/,/^}/ s/w->watch\)/false)/
