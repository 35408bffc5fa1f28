# in await.c
# When nobody waits any more changers need not call.
/^void shs_await_leave/,/^}/ s/WRITE_ONCE\(.*, 0\)/;/
