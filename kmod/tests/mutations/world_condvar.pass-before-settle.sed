# in condvar.c
# The mutex wakes who finds that it was notified.
/^u32 shs_condvar_notify/,/^}/ s/^		requeue\(mutex, t\);/&\n		shs_pass(mutex, wakes);/
