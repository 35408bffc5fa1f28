# in condvar.c
# Who is moved to a free mutex is on its way to it.
/^static void notify/,/^}/ s/^		shs_pass\(.*/		;/
