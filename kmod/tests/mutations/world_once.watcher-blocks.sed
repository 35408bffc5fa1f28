# in once.c
# Whoever queued behind a watcher is given the turn.
/^static void once_pass/,/^}/ s/^			continue;$/			return;/
