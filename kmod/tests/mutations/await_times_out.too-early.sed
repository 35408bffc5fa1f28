# in await.c
# Whose time is up before the fence looks once more.
/^int shs_await_end/,/^}/ s/return .*;/return why;/
