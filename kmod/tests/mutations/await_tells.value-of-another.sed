# in await.c
# Each by the value of its own element.
/^u32 shs_await_tell/,/^}/ s/if \(!known \|\| w->index != of\)/if (!known)/
