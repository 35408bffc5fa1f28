# in mutex.c
# The owner may have gone meanwhile.
/^int shs_mutex_renew_kernel_bit/,/^}/ s/^		if \(cmpxchg\(word, old, (.*)\) == old\)$/		WRITE_ONCE(*word, \1);/
