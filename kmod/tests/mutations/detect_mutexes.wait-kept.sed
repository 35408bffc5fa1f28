# in core.c
# Who was served waits no more.
/^void shs_settle/,/^}/ s/^	shs_dequeue\(obj, w\);/	list_del_init(\&w->node);\n	obj->waiters--;/
