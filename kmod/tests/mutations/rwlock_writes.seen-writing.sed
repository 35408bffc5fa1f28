# in rwlock.c
# Who has left is not shown as the writer.
/^u32 shs_rwlock_writer/,/^}/ s/return 0;/return obj->rwlock.writer;/
