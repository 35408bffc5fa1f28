# in mutex.c
# K comes into the word of an owner too.
/^int shs_mutex_renew_kernel_bit/,/^}/ s/^		old = READ_ONCE\(\*word\);$/&\n		if (old \& SHS_WORD_OWNER)\n			return 0;/
