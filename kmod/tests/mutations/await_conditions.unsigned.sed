# in await.c
# Signed numbers are compared as such.
/^static bool not_less/,/^}/ s/shs_type_is_signed\(type\)/false/
