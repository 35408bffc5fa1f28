# in wait.c
# Who was overtaken looks again before it sleeps again.
/^static int leave/,/^}/ s/ret = refuse_deadlock\(obj, w\);/;/
