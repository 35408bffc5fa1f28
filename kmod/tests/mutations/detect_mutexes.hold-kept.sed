# in hold.c
# Who gave it back holds it no more.
/^void shs_hold_forget/,/^}/ {
	/put_pid/d
	/struct shs_hold\) \{ \}/d
}
