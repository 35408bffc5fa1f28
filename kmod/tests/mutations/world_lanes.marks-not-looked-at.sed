# in core.c
# ... and so is one that its process marked.
/^u64 shs_lanes_in_use/,/^}/ s/READ_ONCE\(head->used\) \| //
