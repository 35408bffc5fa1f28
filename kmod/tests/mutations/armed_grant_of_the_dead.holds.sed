# in core.c
# What nobody collected is held by the dead.
/^static void repair/,/^}/ s/undo_unclaimed\(att, wakes\);/;/
