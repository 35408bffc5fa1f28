# in core.c
# A sleeper that looks before the state is there sleeps on.
/^void shs_settle/,/^}/ {
	/smp_store_release/d
	s/^(	shs_wake_add.*)$/\1\n	smp_store_release(\&w->state, SHS_SETTLED);/
}
