# in mutex.c
# Who asks for what is frozen waits.
s/obj->freezers \|\| \(obj->flags/(obj->flags/
