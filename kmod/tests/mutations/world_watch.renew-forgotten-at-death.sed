# in core.c
# K goes with the last who watches, also by its death.
/^static void repair/,/^}/ s/shs_watch\(att, 0\);/set_watch(att, 0);/
s/^static void repair/static void set_watch(struct shs_attachment *att, u32 flags);\n&/
