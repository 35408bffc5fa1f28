# SPDX-License-Identifier: GPL-2.0-only
# What the scripts of the test machine share: where things are, which kernels
# there are, how to say something. To be sourced by bash.
# shellcheck shell=bash disable=SC2034

set -eu -o pipefail

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
vm=$top/tools/vm
build=$top/build
cache=${SHSTATE_CACHE:-$HOME/.cache/shstate}
all_kernels="6.1 6.12 7.3 kasan kcsan uml uml-kasan"

say() { printf '# %s\n' "$*" >&2; }
die() { printf 'error: %s\n' "$*" >&2; exit 1; }

# Facts about a kernel, by name:
#   kind     stock (Debian's packages) or own (built from Debian's source)
#   suite    the Debian release whose small tree builds its modules
#   version  the series
#   arch     um (a process) or x86 (QEMU)
#   slow     how much longer than on the fastest kernel a test may take
#   memory   for the guest; SHSTATE_MEMORY overrules
kernel_facts() {
	kind=own suite=bookworm arch=x86 slow=1 memory=640M
	case $1 in
	6.1)       kind=stock version=6.1 slow=2 ;;
	6.12)      kind=stock version=6.12 suite=trixie slow=2 ;;
	7.3)       kind=stock version=7.3 suite=trixie slow=2 ;;
	kasan)     version=6.12 slow=4 memory=1G ;;
	kcsan)     version=6.12 slow=4 memory=1G ;;
	uml)       version=7.3 arch=um ;;
	uml-kasan) version=7.3 arch=um slow=4 ;;
	*)         die "there is no kernel '$1'; there are: $all_kernels" ;;
	esac
	memory=${SHSTATE_MEMORY:-$memory}
	home=$cache/kernels/$1
}

# Only one process at a time fills the cache or one folder of the build.
lock() {
	mkdir -p "$(dirname "$1")"
	exec 9>"$1.lock"
	flock 9
}
unlock() { exec 9>&-; }

# The host's own mirror where the host is Debian; else mmdebstrap knows one.
mirror() {
	[ -z "${SHSTATE_MIRROR:-}" ] || { echo "$SHSTATE_MIRROR"; return; }
	apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' \
		'Origin: Debian' 'Label: Debian' | sort -u | head -n 1
}

# For apt of a tree: a proxy that the host's uses, and no questions.
for_apt() {
	eval "$(apt-config shell http_proxy Acquire::http::Proxy https_proxy Acquire::https::Proxy)"
	export http_proxy https_proxy
	export DEBIAN_FRONTEND=noninteractive LC_ALL=C
}

# /dev/kvm may open and then hang a kernel: try with a short limit, once per
# boot of the host. One kernel that hangs settles it for all.
kvm_boots() { # KERNEL
	local verdict
	verdict=$cache/kvm/$(cat /proc/sys/kernel/random/boot_id)
	[ -w /dev/kvm ] && [ ! -e "$verdict.no" ] || return 1
	[ ! -e "$verdict.$1" ] || return 0
	say "trying whether KVM boots $1"
	mkdir -p "$cache/kvm"
	if SHSTATE_ACCEL=kvm "$vm/run" -n -t 8 "$1" true >/dev/null 2>&1; then
		touch "$verdict.$1"
	else
		touch "$verdict.no"
		return 1
	fi
}

# kvm, or else tcg; SHSTATE_ACCEL overrules.
accelerator_of() { # KERNEL
	if [ "${SHSTATE_ACCEL:-}" ]; then
		echo "$SHSTATE_ACCEL"
	elif kvm_boots "$1"; then
		echo kvm
	else
		echo tcg
	fi
}

# The tree without what was built, as of a fresh clone.
copy_source() { # FOLDER
	mkdir -p "$1"
	(cd "$top" && tar c --exclude=./build --exclude=./.git --exclude=./bench/results .) |
		tar x -C "$1"
}
