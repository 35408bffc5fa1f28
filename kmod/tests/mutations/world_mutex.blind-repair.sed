# in mutex.c
# Repair frees the word of its own id only.
/^static void word_repair/,/^}/ {
	s/shs_mutex_owner\(obj\) != att->id/0/
	s/free_word\(.*\);/WRITE_ONCE(*word_of(obj), SHS_WORD_DIED | idle_bits(obj));/
}
