# in rwlock.c
# wpending is set before the lanes are looked at.
/^static void rw_pass/,/^}/ {
	s/^		WRITE_ONCE\(.*$//
	s/^			return;$/			{ WRITE_ONCE(obj->control->wpending, writer); return; }/
}
