# in detect.c
# A writer waits for each reader.
/^static bool follow_all/,/^}/ s/modes & BIT\(SHS_MODE_READ\)/false/
