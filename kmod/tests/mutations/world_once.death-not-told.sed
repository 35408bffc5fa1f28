# in once.c
# The next runner is told.
/^static void once_repair/,/^}/ s/stop_running\(obj, true/stop_running(obj, false/
