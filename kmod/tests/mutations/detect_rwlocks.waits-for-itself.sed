# in detect.c
# An upgrade does not wait for what it upgrades.
/^static u32 excluders/,/^}/ s/w->upgrade \? 0 : //
