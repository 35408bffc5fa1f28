# in op.c
# A single operation that recovers it recovers it from being lost, too.
/^static int check_notice/,/^}/ s/obj->lost = false;/;/
