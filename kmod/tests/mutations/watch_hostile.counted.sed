# in core.c
# Who is refused does not watch.
/^int shs_watch/,/^}/ s/^	count_watcher\(att, false\);$//
