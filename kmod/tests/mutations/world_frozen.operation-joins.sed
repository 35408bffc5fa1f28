# in mutex.c
# ... and also a single operation beside others.
s/ && !obj->freezers\) \{/) {/
