# in detect.c
# Who waits waits for what those ahead wait for.
/^static u32 waits_for/,/^}/ s/modes \|= excluders\(ahead\);/;/
