# in condvar.c
# A notify wakes as many as it says.
/^u32 shs_condvar_notify/,/^}/ s/n < count/n <= count/
