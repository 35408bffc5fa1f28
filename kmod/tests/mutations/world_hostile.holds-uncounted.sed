# in mutex.c
# Single operations are counted, whatever the word says.
/^static bool hand_off/,/^}/ s/^	begin\(/	if (head->att)\n		begin(/
