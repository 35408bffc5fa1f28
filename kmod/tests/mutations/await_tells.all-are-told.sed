# in await.c
# Only those whose condition is met.
/^u32 shs_await_tell/,/^}/ s/!is_met\(obj, w, now\) \|\| //
