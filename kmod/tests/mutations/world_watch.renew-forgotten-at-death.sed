# in core.c
# K goes with the last who watches, also by its death.
/^static void repair/,/^}/ s/shs_watch\(att, false\);/if (att->watches) count_watcher(att, false);/
s/^static void repair/static void count_watcher(struct shs_attachment *att, bool on);\n&/
