# in mutex.c
# W stays for those behind the head.
/^static bool hand_off/,/^}/ s/more = list_is_singular.*;/more = 0;/
