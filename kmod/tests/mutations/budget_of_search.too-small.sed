# in detect.c
# ... but not before it has seen what is usual.
s/^#define SEARCH_MAX	.*/#define SEARCH_MAX	4096/
