# in condwait.c
# ... also after a word that changed without end.
/^static int take_back/,/^}/ s/^			ret = -ERESTARTSYS;/			return -ERESTARTSYS;/
