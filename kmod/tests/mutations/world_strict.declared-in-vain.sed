# in core.c
# Declared is declared.
/^int shs_recover/,/^}/ s/return shs_forget_death\(obj\);/return 0;/
