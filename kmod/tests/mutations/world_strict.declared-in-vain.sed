# in core.c
# Declared is declared.
/^int shs_recover/,/^}/ s/^		shs_mutex_clear_died\(obj\);/		;/
