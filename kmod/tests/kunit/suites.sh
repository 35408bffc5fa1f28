#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# usage: suites.sh FOLDER SUITE...
# Prints the KUnit suites made of the TEST()s in FOLDER/SUITE_test.c.  One that uses
# test_fails() is left out: a failure ends a KUnit test, it cannot be looked at.  So is
# what uses races of detect_world.c: its other CPUs take locks while this one spins with
# one, which lockdep takes for this one's deadlock.
folder=$1
shift

tests() { # SUITE
	awk '/^TEST\(/ { name = $0; sub(/^TEST\(/, "", name); sub(/\).*/, "", name); ok = 1 }
		/detect_config/ { detects = 1 } /\.races = / && detects { ok = 0 } /^}/ { detects = 0 }
		/test_fails\(/ { ok = 0 }
		/^}/ && name { if (ok) print name; name = "" }' "$folder/$1_test.c"
}

echo '// SPDX-License-Identifier: GPL-2.0-only'
for suite; do
	tests "$suite" | sed 's/.*/void shs_kunit_&(struct kunit *test);/'
	echo "static struct kunit_case ${suite}_cases[] = {"
	tests "$suite" | sed 's/.*/	{ .run_case = shs_kunit_&, .name = "&" },/'
	echo "	{ }"
	echo "};"
	echo "static struct kunit_suite ${suite}_suite = {"
	echo "	.name = \"shstate_$suite\", .test_cases = ${suite}_cases,"
	echo "};"
done
echo "kunit_test_suites($(printf '&%s_suite, ' "$@" | sed 's/, $//'));"
echo 'MODULE_DESCRIPTION("Tests of the state machines of shstate");'
echo 'MODULE_LICENSE("GPL");'
