# in rwlock.c
# A lane that is not zero is a reader.
/^static bool has_readers/,/^}/ s/lane_sum\(att\) && /false \&\& /
