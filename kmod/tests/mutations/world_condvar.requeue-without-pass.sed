# in condvar.c
# Who is moved to a free mutex is on its way to it.
/^u32 shs_condvar_notify/,/^}/ s/^	shs_pass\(.*/	;/
