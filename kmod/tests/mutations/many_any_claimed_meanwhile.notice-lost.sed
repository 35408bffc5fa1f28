# in mutex.c
# With the notice of a death that it had.
/^static bool hand_off/,/^}/ s/free_word\(obj, shs_waiter_id\(head\), died, false\);/free_word(obj, shs_waiter_id(head), false, false);/
