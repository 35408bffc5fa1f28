# in wait.c
# Who would wait for itself is told.
/^static int refuse_deadlock/,/^}/ s/!shs_graph_closes\(obj, w\)/true/
