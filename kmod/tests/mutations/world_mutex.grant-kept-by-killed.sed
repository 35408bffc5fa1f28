# in wait.c
# A killed task gives its grant back.
/^static int leave/,/^}/ s/^.*ops->release\(.*$//
