# in await.c
# Who waits says so where changers look.
/^void shs_await_enter/,/^}/ s/WRITE_ONCE\(.*, 1\)/;/
