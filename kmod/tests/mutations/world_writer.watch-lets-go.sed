# in rwlock.c
# Who writes when somebody begins to watch has to call.
/^void shs_rwlock_see_all/,/^}/ s/if \(att\)/if (0)/
