# SPDX-License-Identifier: GPL-2.0-only
#
# The two commands to know are "make demo" and "make check"; "make help" has the
# rest. Everything built goes to build/, everything fetched to SHSTATE_CACHE.

O       := $(CURDIR)/build
KDIR    ?= /lib/modules/$(shell uname -r)/build
PREFIX  ?= /usr/local
DESTDIR ?=
export SHSTATE_CACHE ?= $(HOME)/.cache/shstate

vm      := tools/vm
# V=1 shows the commands.
quiet   := --no-print-directory $(if $V,,-s)
# On all processors, if the caller has not said on how many.
jobs     = $(if $(findstring -j,$(MAKEFLAGS)),,-j$(shell nproc))
K       ?= uml
SOAK    ?= 60
T       ?=
# The kernels that take minutes to build are tested where they are at hand.
KERNELS ?= 6.1 6.12 7.3 uml $(shell $(vm)/kernel -q kasan && echo kasan)
# The releases of Debian whose machines "make check-packages" runs.
SUITES  ?= bookworm trixie

parts    := $(patsubst %/Makefile,%,$(wildcard libshim/Makefile tools/cmd/Makefile))

# Host packages, installed (the list is printed first) by what boots a guest.
wanted  :=
demo demo-prefork check quick soak mutants lint bench bench-check: wanted := build-essential pkg-config \
	libsmartcols-dev libjson-c-dev zlib1g-dev libmicrohttpd-dev liburing-dev busybox-static \
	cpio xz-utils mmdebstrap debian-archive-keyring
demo demo-prefork check bench bench-check: wanted += qemu-system-x86
bench: wanted += gnuplot-nox libboost-dev
check quick soak mutants: wanted += gcc-multilib
model: wanted := build-essential
in-tree in-tree-check: wanted := build-essential flex bison bc liburing-dev
check model mutants: wanted += spin
lint: wanted += perl cppcheck shellcheck python3 mandoc zsh fish
deb: wanted := build-essential pkg-config libsmartcols-dev libjson-c-dev zlib1g-dev liburing-dev libmicrohttpd-dev \
	gcc-multilib python3 debhelper dh-dkms lintian
man install wanted: wanted := build-essential pkg-config libsmartcols-dev libjson-c-dev zlib1g-dev libmicrohttpd-dev \
	liburing-dev python3

.PHONY: all bench/bench module programs man tests packages demo check quick soak model mutants kernels lint \
	bench bench-check deb deb-check check-docs check-packages dkms-install in-tree in-tree-check demo-prefork install uninstall \
	wanted load unload clean help
all: module programs

help:
	@echo 'make             module (for KDIR), library, command'
	@echo 'make demo        boot a stock kernel in QEMU and run the examples in it'
	@echo 'make demo-prefork  a server whose workers are killed at random, three ways'
	@echo 'make check       run the tests on KERNELS="$(strip $(KERNELS))"'
	@echo 'make quick       run the tests that match T= on K=uml, in seconds'
	@echo 'make soak        kill at random for SOAK=60 seconds, and at every step; signals (K=uml)'
	@echo 'make model       search the protocol models with Spin, and with each rule broken'
	@echo 'make bench       measure beside every peer, into bench/results (BENCH=uml: one setting)'
	@echo 'make bench-check fail if an operation takes 3 % more instructions than bench/baseline.csv'
	@echo 'make mutants     plant mistakes in the module that the tests must find (an hour)'
	@echo 'make lint        checkpatch, sparse, cppcheck, shellcheck, mandoc, the Tab key'
	@echo 'make check-docs  run the commands that documents show, in a copy (hours; T= as quick)'
	@echo 'make man         the manual pages, into build/man'
	@echo 'make kernels     build the kernels kasan kcsan uml uml-kasan from source'
	@echo 'make install     module, library, command, manual pages, units to DESTDIR, PREFIX'
	@echo 'make uninstall   what make install (and dkms-install) put there'
	@echo 'make deb         Debian packages, into build/deb'
	@echo 'make deb-check   install them in copies of small Debian trees, and remove them'
	@echo 'make check-packages  on whole machines, SUITES="$(SUITES)": install, use, upgrade,'
	@echo '                 boot another kernel, remove (3/4 hour each without KVM)'
	@echo 'make dkms-install  the module by DKMS, on any distribution'
	@echo 'make in-tree DEST=FOLDER  into a kernel tree: module, Kconfig, document, tests; built there'
	@echo 'make in-tree-check  the same with a tree from Debian, twice'
	@echo 'make load        load the module and mount /dev/shstate'
	@echo 'make unload      the reverse'
	@echo 'make clean       remove build/'

# The running kernel often has no headers installed, or is a container host's.
module:
ifneq ($(wildcard $(KDIR)/Makefile),)
	mkdir -p $O/module
	cp -ru Kbuild kmod uapi $O/module/
	+$(MAKE) -C $(KDIR) M=$O/module modules
else
	@echo "no module built: $(KDIR) is not there (install the running kernel's headers, or set KDIR)"
endif

# The lock is for two makes in one tree, as with "make quick" in two terminals.
programs: packages
	@mkdir -p $O
	+@for part in $(parts); do \
		echo "# building $$part"; \
		flock $O/lock $(MAKE) $(jobs) $(quiet) -C $$part O=$O || exit; \
	done

man: programs
	@tools/man/make $O

tests: programs
	@$(vm)/source
ifneq ($(wildcard selftests/Makefile),)
	@echo "# building selftests"
	+@flock $O/lock $(MAKE) $(jobs) $(quiet) -C selftests O=$O
endif

packages:
	@$(vm)/packages $(wanted)

# What "make install" wants to have.
wanted:
	@echo $(wanted)

demo: programs
	@$(vm)/demo

demo-prefork: programs
	+@flock $O/lock $(MAKE) $(quiet) -C demo O=$O
	@$(vm)/demo-prefork $(if $(filter-out file,$(origin K)),$K,6.12)

check: tests
	@$(vm)/check $(KERNELS)

quick: tests
	@SHSTATE_WARNINGS=allow $(vm)/check -q $K -- '$T'

# One process of it touches 4 GiB.
soak: tests
	@SHS_SOAK=$(SOAK) SHSTATE_MEMORY=$${SHSTATE_MEMORY:-10G} $(vm)/check -q $K -- \
		'^(soak|steps|stress)_test$$'

model: packages
	@O=$O nice kmod/models/run

mutants: tests
	@tools/mutants/run

# Settings, see bench/run; none: all of them.
BENCH   ?=
bench/bench: programs
	@echo "# building bench"
	+@flock $O/lock $(MAKE) $(quiet) -C bench O=$O

bench: bench/bench
	@bench/run $(BENCH)

bench-check: bench/bench
	@bench/check

kernels:
	@$(vm)/kernel kasan kcsan uml uml-kasan

lint: programs
	@tools/man/make $O
	@tools/lint/run

deb: packages
	@$(vm)/source
	@packaging/deb

deb-check:
	@packaging/check bookworm trixie

check-docs:
	@tools/docs/run '$T'

check-packages:
	@packaging/machine/check $(SUITES)

dkms-install:
	@packaging/dkms-install

in-tree: packages
	@packaging/in-tree "$(DEST)"

in-tree-check: packages
	@packaging/in-tree-check

# The module is either ours to install or that of DKMS: of two the kernel's tools take one.
# Their depmod is left out where the kernel is a package.
by_dkms := $(filter dkms-install,$(MAKECMDGOALS))$(if $(filter install,$(MAKECMDGOALS)),$(wildcard /usr/src/shstate-*))
install: programs $(if $(by_dkms),,module)
ifneq ($(if $(by_dkms),,$(wildcard $(KDIR)/Makefile)),)
	+$(MAKE) -C $(KDIR) M=$O/module INSTALL_MOD_PATH=$(DESTDIR) modules_install
	[ "$(DESTDIR)" ] || depmod "$$($(MAKE) -s --no-print-directory -C $(KDIR) kernelrelease)"
endif
	install -D -m 644 uapi/linux/shstate.h $(DESTDIR)$(PREFIX)/include/linux/shstate.h
	+for part in $(parts); do \
		$(MAKE) -C $$part O=$O DESTDIR=$(DESTDIR) PREFIX=$(PREFIX) install || exit; \
	done
	tools/man/make $O
	! [ -d $O/man ] || tools/man/install $O/man $(DESTDIR)$(PREFIX)/share/man
	packaging/install "$(DESTDIR)" $(PREFIX)
	[ "$(DESTDIR)" ] || ! [ -w /etc ] || ldconfig

uninstall:
	+@packaging/uninstall

load:
	+modprobe shstate 2>/dev/null || { $(MAKE) module && insmod $O/module/kmod/shstate.ko; }
	mkdir -p /dev/shstate
	mountpoint -q /dev/shstate || mount -t shstate shstate /dev/shstate

unload:
	! mountpoint -q /dev/shstate || umount /dev/shstate
	rmmod shstate

clean:
	rm -rf $O
