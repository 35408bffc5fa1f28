# in cell.c
# A copy is of one value.
/^static bool is_still/,/^}/ s/return .*/return true;/
