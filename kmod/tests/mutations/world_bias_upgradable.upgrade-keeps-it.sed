# in rwlock.c
# The upgrader too becomes a writer.
/^static int rw_try/,/^}/ s/^	if \(w->mode == SHS_MODE_EXCLUSIVE\) \{$/	if (w->mode == SHS_MODE_EXCLUSIVE \&\& !w->upgrade) {/
