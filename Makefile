# SPDX-License-Identifier: LGPL-2.1-or-later
# Builds everything into build/. Start with ./configure; `make help` lists the targets.

VERSION := 0.1.0
SOVERSION := 0

ifneq ($(filter-out help clean distclean,$(or $(MAKECMDGOALS),all)),)
include build/config.mk
endif

V ?= 0
ifeq ($(V),0)
say = @printf '  %-7s %s\n' $(1) $(2);
endif

# A room is a folder whose code runs in one place. It is compiled with its own headers, the public
# ones, and those of the rooms listed for it here. An include from any other room doesn't compile.
ROOMS := xen-dm/lib xen-dm/shared xen-dm/monitor xen-dm/recorder xen-dm/preload xen-dm/launcher \
	toolstack/domain toolstack/savefile toolstack/pictures toolstack/live-update toolstack/mount toolstack
uses-xen-dm/lib :=
uses-xen-dm/shared :=
uses-xen-dm/monitor := xen-dm/shared
uses-xen-dm/recorder := xen-dm/shared xen-dm/monitor
uses-xen-dm/preload := xen-dm/shared xen-dm/recorder
uses-xen-dm/launcher := xen-dm/shared
uses-toolstack/domain := xen-dm/monitor xen-dm/shared
uses-toolstack/savefile := xen-dm/shared
uses-toolstack/pictures := toolstack/savefile
uses-toolstack/live-update := toolstack/domain xen-dm/monitor xen-dm/shared
uses-toolstack/mount := toolstack/savefile toolstack/pictures xen-dm/shared
uses-toolstack := xen-dm/shared toolstack/domain toolstack/savefile toolstack/pictures toolstack/live-update toolstack/mount

ALL_CFLAGS = -std=gnu11 $(CFLAGS) $(WARNINGS) $(HARDENING) $(SANITIZE) -fPIC -fvisibility=hidden \
	-D_GNU_SOURCE -DXEN_PHYSMAP_VERSION='"$(VERSION)"' -DG_LOG_DOMAIN='"xen-physmap"' \
	-DXEN_PHYSMAP_SYSCONFDIR='"$(sysconfdir)"' -DXEN_PHYSMAP_LIBEXECDIR='"$(pkglibexecdir)"' \
	-Iinclude $(ROOM_CFLAGS) $(LIB_CFLAGS) $(JSON_CFLAGS) $(CAIRO_CFLAGS) \
	$(if $(FUSE_LIBS),-DHAVE_FUSE $(FUSE_CFLAGS))
ALL_LDFLAGS = $(LDFLAGS) $(SANITIZE) -Wl,-z,relro,-z,now -Wl,--as-needed

objects = $(patsubst %.c,build/obj/%.o,$(1))
room = $(call objects,$(wildcard $(1)/*.c))
SHARED_OBJECTS := $(call room,xen-dm/shared)
LAUNCHER_OBJECTS := $(call room,xen-dm/launcher) $(SHARED_OBJECTS)
PRELOAD_OBJECTS := $(foreach r,preload recorder monitor shared,$(call room,xen-dm/$(r)))
# What needs libfuse3, which not every system has.
FUSE_OBJECTS := $(call objects,toolstack/cmd-mount.c toolstack/mount/mount-fuse.c)
TOOL_OBJECTS := $(call room,toolstack) $(call room,toolstack/*) $(call room,xen-dm/monitor) $(SHARED_OBJECTS)
# What tests are linked with: everything except main functions and the preloaded code.
TESTED_OBJECTS := $(filter-out build/obj/toolstack/main.o $(FUSE_OBJECTS),$(TOOL_OBJECTS)) $(call room,xen-dm/recorder)
LIB_OBJECTS := $(call room,xen-dm/lib)
MOCK_OBJECTS := $(call objects,$(wildcard tests/mocks/*.c))
UNIT_TESTS := $(patsubst %.c,build/%,$(wildcard tests/unit/test-*.c))
UNIT_SCRIPTS := $(wildcard tests/unit/test-*.sh)
XENSTORED_TESTS := $(patsubst %.c,build/%,$(wildcard tests/xenstored/test-*.c)) \
	build/tests/xenstored/stub.so
XENSTORED_CHECKS := $(wildcard tests/xenstored/on-*)
ATTACK_TESTS := $(addprefix build/tests/attack/,test-attack hostile-qemu payload payload.so hypervisor.so)
ATTACK_CHECKS := $(wildcard tests/attack/attacks*)

LIBRARY := build/libxenphysmap.so.$(SOVERSION)
COMPONENT := build/xen-physmap-qemu build/xen-physmap-qemu.so
PROGRAMS := build/xen-physmap build/libxenphysmap.so $(COMPONENT)

.PHONY: all
all: $(PROGRAMS)

build/config.mk: configure
	./configure

build/obj/%.o: %.c build/config.mk
	@mkdir -p $(@D)
	$(call say,CC,$<)$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

define room_flags
build/obj/$(1)/%.o build/fuzz-obj/$(1)/%.o: private ROOM_CFLAGS := $(uses-$(1):%=-I%)
endef
$(foreach r,$(ROOMS),$(eval $(call room_flags,$(r))))
# Tests may include the headers of every room.
build/obj/tests/%.o build/fuzz-obj/tests/%.o: private ROOM_CFLAGS := -Itests/mocks $(ROOMS:%=-I%)

# The library's code, linked into the programs below. So they also run from the build folder, and
# QEMU doesn't have to find a shared library of ours.
build/libxenphysmap.a: $(LIB_OBJECTS)
	$(call say,AR,$@)rm -f $@ && ar rcs $@ $^

$(LIBRARY): $(LIB_OBJECTS) xen-dm/lib/libxenphysmap.map
	$(call say,LINK,$@)$(CC) -shared -Wl,-soname,$(@F) -Wl,--version-script=xen-dm/lib/libxenphysmap.map \
		$(ALL_LDFLAGS) -o $@ $(LIB_OBJECTS) $(LIB_LIBS)

build/libxenphysmap.so: $(LIBRARY)
	$(call say,LN,$@)ln -sf $(<F) $@

build/xen-physmap: $(if $(FUSE_LIBS),$(TOOL_OBJECTS),$(filter-out $(FUSE_OBJECTS),$(TOOL_OBJECTS))) build/libxenphysmap.a
	$(call say,LINK,$@)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIB_LIBS) $(JSON_LIBS) $(CAIRO_LIBS) $(FUSE_LIBS) -lm -ldl

build/xen-physmap-qemu: $(LAUNCHER_OBJECTS) build/libxenphysmap.a
	$(call say,LINK,$@)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIB_LIBS) $(JSON_LIBS) -ldl

build/xen-physmap-qemu.so: $(PRELOAD_OBJECTS) build/libxenphysmap.a xen-dm/preload/preload.map
	$(call say,LINK,$@)$(CC) -shared -Wl,--version-script=xen-dm/preload/preload.map $(ALL_LDFLAGS) \
		-o $@ $(PRELOAD_OBJECTS) build/libxenphysmap.a $(LIB_LIBS) $(JSON_LIBS) -ldl -lpthread

build/tests/tested.a: $(TESTED_OBJECTS)
	@mkdir -p $(@D)
	$(call say,AR,$@)rm -f $@ && ar rcs $@ $^

build/tests/%: build/obj/tests/%.o $(MOCK_OBJECTS) build/tests/tested.a build/libxenphysmap.a
	@mkdir -p $(@D)
	$(call say,LINK,$@)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIB_LIBS) $(JSON_LIBS) $(CAIRO_LIBS) -lm $(CMOCKA_LIBS)

# The component inside QEMU is compiled with headers that stand in for QEMU's.
QEMU_FILES := $(wildcard xen-dm/qemu-patches/*/new/hw/*/*.c)
build/qemu-like: $(QEMU_FILES) tests/mocks/qemu-like.h
	@rm -rf $@
	@for header in exec/cpu-common.h $$(sed -n 's/^#include "\(.*\)"$$/\1/p' $(QEMU_FILES) | grep -v xen-physmap.h); do \
		mkdir -p $@/$$(dirname $$header) && echo '#include "qemu-like.h"' >$@/$$header || exit; done
build/obj/tests/unit/test-built-in.o: build/qemu-like
build/obj/tests/unit/test-built-in.o: ROOM_CFLAGS += -Wno-unused-parameter -Ibuild/qemu-like \
	$(addprefix -I,$(wildcard xen-dm/qemu-patches/*/new/include))

# Its functions come before those of the C library, as in QEMU.
build/tests/unit/test-standby: build/obj/xen-dm/preload/standby.o
build/tests/unit/test-fetch-pages: build/obj/xen-dm/preload/fetch-pages.o

build/tests/xenstored/stub.so: build/obj/tests/xenstored/stub.o
	@mkdir -p $(@D)
	$(call say,LINK,$@)$(CC) -shared $(LDFLAGS) -o $@ $^ -ldl

# Attackers and stand-ins for the hypervisor contain no code of ours.
build/tests/attack/%.so: build/obj/tests/attack/%.o
	@mkdir -p $(@D)
	$(call say,LINK,$@)$(CC) -shared $(LDFLAGS) -o $@ $^

build/tests/attack/hostile-qemu build/tests/attack/payload: build/tests/attack/%: build/obj/tests/attack/%.o
	@mkdir -p $(@D)
	$(call say,LINK,$@)$(CC) $(LDFLAGS) -Wl,--as-needed -o $@ $^ -lxenstore

.PHONY: have-cmocka
have-cmocka:
	@[ "$(HAVE_TESTS)" = yes ] || { \
		echo 'the tests need cmocka (libcmocka-dev); run ./configure --deps' >&2; exit 1; }

# The parts for users and packagers: interface, samples, manual, packages, benchmarks.
include docs/docs.mk
include dist.mk
include tests/bench/bench.mk

# Debian's Xen packages, unpacked, for the tests that run real programs of Xen. If they can't be
# fetched, those tests are skipped, and say so.
.PHONY: fetch-box
fetch-box:
	@! [ -x tests/xen/fetch ] || tests/xen/fetch build/box || true

JOBS := $(shell nproc)
RUN := tests/run -j $(JOBS)
# A make inside of this one uses all processors, also when this one wasn't told to.
PARALLEL = $(if $(findstring jobserver,$(MAKEFLAGS)),,-j $(JOBS))

# $(call copy,FOLDER,ARGUMENTS,TARGETS): a copy of the source tree in FOLDER, configured with ARGUMENTS
# and built, so that build/ stays what it was configured to be.
copy = mkdir -p $(1) && find $(1) -mindepth 1 -maxdepth 1 ! -name build -exec rm -rf {} + && \
	tar -c --exclude=./build --exclude=./.git . | tar -x -C $(1) && cd $(1) && \
	{ [ build/config.mk -nt configure ] || ./configure $(2) >/dev/null; } && \
	$(MAKE) $(PARALLEL) $(3)

# The unit tests under AddressSanitizer and UndefinedBehaviorSanitizer. The launcher's preload a
# library with them into programs that don't have them.
ASAN_TESTS := $(addprefix build/asan/,$(UNIT_TESTS) $(filter-out %/test-run.sh,$(UNIT_SCRIPTS)))
asan check check-asan: export ASAN_OPTIONS := verify_asan_link_order=0 allocator_may_return_null=1

.PHONY: asan clang unit-tests
unit-tests: $(UNIT_TESTS)
asan: have-cmocka
	@$(call copy,build/asan,--enable-asan,all unit-tests)
clang:
	@$(call copy,build/clang,--enable-werror CC=clang,all unit-tests)

# The box takes most of the time; the other programs run beside it. With SUITE=NAME the programs of Xen
# are those of another Debian than this machine's.
.PHONY: check check-programs
check-programs: fetch-box all asan $(UNIT_TESTS) $(XENSTORED_TESTS) $(ATTACK_TESTS)
check-programs: $(patsubst tests/fuzz/fuzz-%.c,build/tests/fuzz/replay-%,$(wildcard tests/fuzz/fuzz-*.c))
check: have-cmocka
	@$(MAKE) $(PARALLEL) check-programs
	@$(RUN) $(UNIT_TESTS) $(UNIT_SCRIPTS) -t 900 $(ASAN_TESTS) -t 120 tests/fuzz/seeds -t 400 $(API_CHECKS) \
		$(XENSTORED_CHECKS) -t 600 $(ATTACK_CHECKS) -t 400 $(PACKAGE_CHECKS) -t 4500 tests/xen/check

.PHONY: check-unit
check-unit: have-cmocka $(PROGRAMS) $(UNIT_TESTS)
	@$(RUN) $(UNIT_TESTS) $(UNIT_SCRIPTS)

.PHONY: check-xenstored
check-xenstored: have-cmocka fetch-box $(XENSTORED_TESTS)
	@tests/run $(XENSTORED_CHECKS)

.PHONY: check-attack
check-attack: have-cmocka fetch-box all $(XENSTORED_TESTS) $(ATTACK_TESTS)
	@tests/run -t 600 $(ATTACK_CHECKS)

# What runs programs of Xen, on each suite: all scenarios, with all rounds. It takes hours.
SUITES ?= bookworm trixie
.PHONY: check-suites
check-suites: have-cmocka all $(XENSTORED_TESTS)
	@status=0; for suite in $(SUITES); do \
		echo "$$suite"; SUITE=$$suite FULL=yes tests/run $(XENSTORED_CHECKS) -t 20000 tests/xen/check || status=1; \
	done; exit $$status

.PHONY: check-asan
check-asan: asan
	@$(RUN) -t 900 $(ASAN_TESTS)

VALGRIND := valgrind --quiet --leak-check=full --errors-for-leak-kinds=definite --error-exitcode=99 \
	--suppressions=tests/valgrind.supp

.PHONY: check-valgrind
check-valgrind: have-cmocka $(UNIT_TESTS)
	@command -v valgrind >/dev/null || { echo 'valgrind is missing (package valgrind)' >&2; exit 1; }
	@XEN_PHYSMAP_TEST_OPERATIONS=20000 RUN_UNDER='$(VALGRIND)' $(RUN) -t 600 $(UNIT_TESTS)

# The fuzz targets. With clang they use libFuzzer, otherwise our own main, which mutates too, but
# doesn't see which code an input reaches. After a change of FUZZ_CC, run `make clean` first.
FUZZ_TARGETS := $(patsubst tests/fuzz/fuzz-%.c,%,$(wildcard tests/fuzz/fuzz-*.c))
FUZZ_SECONDS ?= 60
FUZZ_CC ?= $(if $(shell command -v clang),clang,$(CC))
FUZZ_IS_CLANG = $(findstring clang,$(FUZZ_CC))
FUZZ_CFLAGS := -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
FUZZ_MAIN := $(call objects,tests/fuzz/replay.c tests/fuzz/mutate.c)
FUZZ_OBJECTS = $(patsubst build/obj/%,build/fuzz-obj/%,$(LIB_OBJECTS) $(TESTED_OBJECTS) \
	$(if $(FUZZ_IS_CLANG),,$(FUZZ_MAIN)))

build/tests/fuzz/replay-%: build/obj/tests/fuzz/fuzz-%.o $(FUZZ_MAIN) build/tests/tested.a build/libxenphysmap.a
	@mkdir -p $(@D)
	$(call say,LINK,$@)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIB_LIBS) $(JSON_LIBS) $(CAIRO_LIBS) -lm

build/tests/fuzz/make-seeds: build/obj/tests/fuzz/make-seeds.o \
		build/obj/tests/mocks/savefile-maker.o build/obj/tests/mocks/vga-state.o
	@mkdir -p $(@D)
	$(call say,LINK,$@)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIB_LIBS)

build/fuzz-obj/%.o: %.c build/config.mk
	@mkdir -p $(@D)
	$(call say,CC,$<)$(FUZZ_CC) $(filter-out $(HARDENING) $(SANITIZE),$(ALL_CFLAGS)) $(FUZZ_CFLAGS) \
		$(if $(FUZZ_IS_CLANG),-fsanitize=fuzzer-no-link) -MMD -MP -c -o $@ $<

$(FUZZ_TARGETS:%=build/tests/fuzz/fuzz-%): build/tests/fuzz/fuzz-%: build/fuzz-obj/tests/fuzz/fuzz-%.o $(FUZZ_OBJECTS)
	@mkdir -p $(@D)
	$(call say,LINK,$@)$(FUZZ_CC) $(FUZZ_CFLAGS) $(if $(FUZZ_IS_CLANG),-fsanitize=fuzzer) -o $@ $^ $(LIB_LIBS) $(JSON_LIBS) $(CAIRO_LIBS) -lm

# New inputs of libFuzzer are kept in build/fuzz-corpus. An input that crashes is in
# build/fuzz-TARGET-*, or without libFuzzer in build/tests/fuzz/fuzz-TARGET-crash.
FUZZ_RUN = $(if $(FUZZ_IS_CLANG),-max_total_time=$(FUZZ_SECONDS) -timeout=20 -rss_limit_mb=768 \
	-max_len=65536 -print_final_stats=1 -verbosity=0 -artifact_prefix=build/fuzz-$$target- \
	build/fuzz-corpus/$$target,-s $(FUZZ_SECONDS))

.PHONY: fuzz check-fuzz
fuzz: $(FUZZ_TARGETS:%=build/tests/fuzz/fuzz-%)
	@for target in $(FUZZ_TARGETS); do \
		echo "fuzz-$$target, $(FUZZ_SECONDS) s"; mkdir -p build/fuzz-corpus/$$target; \
		G_DEBUG=fatal-warnings G_SLICE=always-malloc build/tests/fuzz/fuzz-$$target $(FUZZ_RUN) tests/data/$$target || exit; \
	done

FUZZ_REPLAYS := $(FUZZ_TARGETS:%=build/tests/fuzz/replay-%)
check-fuzz: $(FUZZ_REPLAYS)
	@tests/run tests/fuzz/seeds

.SECONDARY:
-include $(shell find build/obj build/fuzz-obj -name '*.d' 2>/dev/null)

.PHONY: demo
demo: all
	@BUILD=build tests/xen/demo

# For editors and reviewers.
SOURCES = $(shell { git ls-files '*.[ch]' || find . -path ./build -prune -o -name '*.[ch]' -print; } 2>/dev/null)

.PHONY: format tags compile_commands
format:
	@clang-format -i $(SOURCES)

tags:
	@mkdir -p build
	@ctags -o tags $(SOURCES)

# clangd looks for it in build/.
compile_commands:
	@command -v bear >/dev/null || { echo 'bear is missing (package bear)' >&2; exit 1; }
	@mkdir -p build
	@rm -rf build/obj && bear --output build/compile_commands.json -- $(MAKE) all

# A QEMU that has the component built in, from the source of this Debian or of QEMU_SUITE; see
# docs/qemu.md.
QEMU_SUITE ?= $(shell . /etc/os-release && echo $$VERSION_CODENAME)
.PHONY: qemu qemu-patches check-qemu
qemu: build/libxenphysmap.a
	@xen-dm/qemu-patches/build build $(QEMU_SUITE)

qemu-patches:
	@xen-dm/qemu-patches/build --fetch build $(QEMU_SUITE)
	@xen-dm/qemu-patches/series build/qemu/$(QEMU_SUITE)/source build/qemu/patches

check-qemu: fetch-box all qemu
	@BUILT_IN=yes tests/run -t 3000 tests/xen/check $(SCENARIOS)
check-qemu: SCENARIOS ?= main gate unplug built-in

.PHONY: help
help:
	@echo 'make            build into build/'
	@echo 'make demo       create, save, restore and migrate a guest in an emulated box, with comments'
	@echo 'make check      all tests; the box and a real xenstored are fetched, not installed;'
	@echo '                SUITE=trixie takes the box of Debian 13; make check-suites: of each Debian'
	@echo 'make check-unit the unit tests alone, in seconds; also check-xenstored, check-attack,'
	@echo '                check-asan, check-valgrind, and check-fuzz: every reader for two seconds'
	@echo 'make fuzz       every reader under libFuzzer (clang), or our own mutator, FUZZ_SECONDS=60 each'
	@echo 'make check-api  what others build on and read; make check-dist the tarball and packages'
	@echo 'make qemu       QEMU with our patches, from Debian'"'"'s source; check-qemu tests it in the box;'
	@echo '                make qemu-patches: the patches as a series of git'
	@echo 'make bench      measures; make dist: the tarball; make deb: packages for Debian'
	@echo 'make install    with DESTDIR= and the directories of ./configure; also uninstall'
	@echo 'make format     the layout of the C files (clang-format); also tags, compile_commands'
	@echo 'make clean      what make built; distclean: all of build/, fetched packages too'
	@echo 'V=1 shows the commands.'

HEADERS := $(wildcard include/xen-physmap/*.h)
# Installed beside those of docs/. Links and paths follow; a link to a file that isn't installed becomes
# its text.
ROOT_DOCS := README.md CHANGELOG.md SECURITY.md SUPPORT.md
pkglibexecdir = $(libexecdir)/xen-physmap
CONFIG = $(sysconfdir)/xen/xen-physmap.conf

.PHONY: install uninstall
install: all
	install -d $(DESTDIR)$(bindir) $(DESTDIR)$(libdir)/pkgconfig $(DESTDIR)$(pkglibexecdir) \
		$(DESTDIR)$(includedir)/xen-physmap $(DESTDIR)$(docdir) $(DESTDIR)$(sysconfdir)/xen
	install build/xen-physmap $(DESTDIR)$(bindir)
	install $(COMPONENT) $(DESTDIR)$(pkglibexecdir)
	install -m 644 $(LIBRARY) $(DESTDIR)$(libdir)
	ln -sf $(notdir $(LIBRARY)) $(DESTDIR)$(libdir)/libxenphysmap.so
	sed -e 's,@prefix@,$(prefix),' -e 's,@libdir@,$(libdir),' -e 's,@includedir@,$(includedir),' \
		-e 's,@version@,$(VERSION),' xen-dm/lib/xen-physmap.pc.in \
		>$(DESTDIR)$(libdir)/pkgconfig/xen-physmap.pc
	install -m 644 $(HEADERS) $(DESTDIR)$(includedir)/xen-physmap
	[ -e $(DESTDIR)$(CONFIG) ] || install -m 644 xen-dm/launcher/xen-physmap.conf $(DESTDIR)$(CONFIG)
	install -m 644 $(ROOT_DOCS) $(wildcard docs/*.md) $(DESTDIR)$(docdir)
	sed -i -e 's,](docs/,](,g' -e 's,](\.\./,](,g' \
		-e 's,\[\([^]]*\)\](\(tests/\|include/\|CONTRIBUTING\)[^)]*),\1,g' \
		-e 's,](examples),]($(shell realpath -m --relative-to=$(docdir) $(exampledir))),' \
		-e 's,/usr/local/libexec/xen-physmap/xen,$(pkglibexecdir)/xen,g' \
		-e 's,/usr/local/etc/,$(sysconfdir)/,g' \
		$(DESTDIR)$(docdir)/*.md
	$(install_docs)

uninstall:
	rm -f $(DESTDIR)$(bindir)/xen-physmap $(DESTDIR)$(libdir)/libxenphysmap.so \
		$(DESTDIR)$(libdir)/$(notdir $(LIBRARY)) $(DESTDIR)$(libdir)/pkgconfig/xen-physmap.pc
	! cmp -s xen-dm/launcher/xen-physmap.conf $(DESTDIR)$(CONFIG) || rm $(DESTDIR)$(CONFIG)
	rm -rf $(DESTDIR)$(pkglibexecdir) $(DESTDIR)$(includedir)/xen-physmap $(DESTDIR)$(docdir)
	$(uninstall_docs)

.PHONY: clean distclean
clean:
	rm -rf build/obj build/fuzz-obj build/tests build/examples build/man build/deb build/asan build/clang $(DIST) \
		$(PROGRAMS) $(LIBRARY) build/libxenphysmap.a

# Removes the downloaded packages of tests/xen too.
distclean:
	rm -rf build configure-apt.log
