# in core.c
# Who is refused does not watch.
/^int shs_watch/,/^}/ s/^	set_watch\(att, before\);$//
