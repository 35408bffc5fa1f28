# in rwlock.c
# Only one that holds overtakes.
/^static bool reads_again/,/^}/ s/ && lane_holds\(w\)//
