# in hold.c
# The depth dies with its owner.
s/\*h = \(struct shs_hold\) \{ \};/*h = (struct shs_hold) { .depth = why == SHS_EVENT_OWNER_DIED ? h->depth : 0 };/
s/\.depth = 1,/.depth = h->depth + 1,/
