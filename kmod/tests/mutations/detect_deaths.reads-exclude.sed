# in detect.c
# Readers do not exclude each other.
/^static u32 excluders/,/^}/ s/return BIT\(SHS_MODE_EXCLUSIVE\);/return BIT(SHS_MODE_EXCLUSIVE) | BIT(SHS_MODE_READ);/
