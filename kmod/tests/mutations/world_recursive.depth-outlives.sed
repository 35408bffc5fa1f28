# in hold.c
# The depth dies with its owner.
/^void shs_hold_end/,/^}/ s/shs_hold_forget\(obj\);/{ u32 depth = why == SHS_EVENT_OWNER_DIED ? h->depth : 0; shs_hold_forget(obj); h->depth = depth; }/
s/\.depth = 1,/.depth = h->depth + 1,/
