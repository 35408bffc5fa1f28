# in core.c
# Nor is who waited before.
/^void shs_pass/,/^}/ s/ && !obj->freezers//
