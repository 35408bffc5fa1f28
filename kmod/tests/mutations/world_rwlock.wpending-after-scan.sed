# in rwlock.c
# wpending is set before the lanes are looked at.
/^static void rw_pass/,/^}/ {
	s/^		set_wpending\(obj, 1\);//
	s/^		if \(has_readers\(obj, wakes\)\)/		if (has_readers(obj, wakes) \&\& ({ set_wpending(obj, 1); true; }))/
}
