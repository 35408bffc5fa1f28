# in await.c
# Who died has perhaps not told what it changed last.
/^void shs_await_death/,/^}/ s/shs_await_soon\(obj\);/;/
