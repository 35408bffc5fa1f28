# in hold.c
# Who reads no more is no reader.
/^void shs_read_end/,/^}/ {
	/list_del_init/d
	/put_pid/d
	/r->thread = NULL/d
}
