# in core.c
# A freeze is no time that a writer waited for readers.
/^int shs_watch/,/^}/ s/^.*revoked_ns = 0;.*$//
