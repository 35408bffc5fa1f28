# in core.c
# What is recovered is not lost any more.
/^int shs_forget_death/,/^}/ s/obj->lost = false;/;/
