# in detect.c
# A search under a spinlock ends.
/^static bool look/,/^}/ s/return .*/return true;/
