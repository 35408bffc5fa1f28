# in mutex.c
# Only a head that is on its way lets the word go without W.
s/return head && !head->kicked \? SHS_WORD_WAITERS : 0;/return 0;/
