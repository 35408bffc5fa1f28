# in mutex.c
# However old all are, not each release waits for the next to run.
s/\(s64\)\(shs_now_ns\(\) - obj->mutex.handed_ns\) > SHS_HANDOFF_NS/1/
