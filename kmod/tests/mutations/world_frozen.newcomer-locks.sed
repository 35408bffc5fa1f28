# in core.c
# Who asks for what is frozen waits.
/^int shs_try/,/^}/ s/obj->freezers \? -EBUSY : //
