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

# The library carries no name of a program; each part lists its own libraries.
ALL_CFLAGS = -std=gnu11 $(CFLAGS) $(WARNINGS) $(HARDENING) $(SANITIZE) -fPIC -fvisibility=hidden \
	-D_GNU_SOURCE -DXEN_PHYSMAP_VERSION='"$(VERSION)"' -DG_LOG_DOMAIN='"xen-physmap"' \
	-DXEN_PHYSMAP_SYSCONFDIR='"$(sysconfdir)"' \
	-Iinclude -Ixen-dm/qemu -Itoolstack $(LIB_CFLAGS) $(JSON_CFLAGS) $(CAIRO_CFLAGS)
ALL_LDFLAGS = $(LDFLAGS) $(SANITIZE) -Wl,-z,relro,-z,now -Wl,--as-needed

objects = $(patsubst %.c,build/obj/%.o,$(1))
LIB_OBJECTS := $(call objects,$(wildcard xen-dm/*.c))
QMP_OBJECTS := $(call objects,$(addprefix xen-dm/qemu/,json.c qmp.c survey.c))
GATE_OBJECTS := $(call objects,xen-dm/qemu/gate.c)
PRELOAD_OBJECTS := $(call objects,$(addprefix xen-dm/qemu/,preload.c component.c early.c)) $(GATE_OBJECTS) \
	$(QMP_OBJECTS)
UPDATE_OBJECTS := $(call objects,$(addprefix xen-dm/qemu/,control.c image.c monitor.c process.c start.c tap.c)) $(GATE_OBJECTS)
TOOL_OBJECTS := $(call objects,$(wildcard toolstack/*.c)) $(QMP_OBJECTS) $(UPDATE_OBJECTS)
TOOL_LIB_OBJECTS := $(filter-out build/obj/toolstack/main.o,$(TOOL_OBJECTS))
MOCK_OBJECTS := $(call objects,$(wildcard tests/mocks/*.c))
UNIT_TESTS := $(patsubst %.c,build/%,$(wildcard tests/unit/test-*.c))
UNIT_SCRIPTS := $(wildcard tests/unit/test-*.sh)
XENSTORED_TESTS := $(patsubst %.c,build/%,$(wildcard tests/xenstored/test-*.c)) \
	build/tests/xenstored/stub.so
XENSTORED_CHECKS := $(wildcard tests/xenstored/on-*)

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

build/obj/tests/%.o: ALL_CFLAGS += -Itests/mocks

# The library's code, for the programs below: they work from the build folder and from anywhere,
# and QEMU doesn't have to find a shared library of ours.
build/libxenphysmap.a: $(LIB_OBJECTS)
	$(call say,AR,$@)rm -f $@ && ar rcs $@ $^

$(LIBRARY): $(LIB_OBJECTS) xen-dm/libxenphysmap.map
	$(call say,LINK,$@)$(CC) -shared -Wl,-soname,$(@F) -Wl,--version-script=xen-dm/libxenphysmap.map \
		$(ALL_LDFLAGS) -o $@ $(LIB_OBJECTS) $(LIB_LIBS)

build/libxenphysmap.so: $(LIBRARY)
	$(call say,LN,$@)ln -sf $(<F) $@

build/xen-physmap: $(TOOL_OBJECTS) build/libxenphysmap.a
	$(call say,LINK,$@)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIB_LIBS) $(JSON_LIBS) $(CAIRO_LIBS) -lm

build/xen-physmap-qemu: $(call objects,$(addprefix xen-dm/qemu/,launcher.c start.c)) $(GATE_OBJECTS) build/libxenphysmap.a
	$(call say,LINK,$@)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIB_LIBS)

build/xen-physmap-qemu.so: $(PRELOAD_OBJECTS) build/libxenphysmap.a xen-dm/qemu/preload.map
	$(call say,LINK,$@)$(CC) -shared -Wl,--version-script=xen-dm/qemu/preload.map $(ALL_LDFLAGS) \
		-o $@ $(PRELOAD_OBJECTS) build/libxenphysmap.a $(LIB_LIBS) $(JSON_LIBS) -ldl -lpthread

build/tests/%: build/obj/tests/%.o $(TOOL_LIB_OBJECTS) $(MOCK_OBJECTS) build/libxenphysmap.a
	@mkdir -p $(@D)
	$(call say,LINK,$@)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIB_LIBS) $(JSON_LIBS) $(CAIRO_LIBS) -lm $(CMOCKA_LIBS)

# Its calls come before the C library's, as in QEMU.
build/tests/unit/test-early: build/obj/xen-dm/qemu/early.o

build/tests/xenstored/test-restart: $(call objects,$(addprefix xen-dm/,qemu/component.c qemu/early.c state.c))

build/tests/xenstored/stub.so: build/obj/tests/xenstored/stub.o
	@mkdir -p $(@D)
	$(call say,LINK,$@)$(CC) -shared $(LDFLAGS) -o $@ $^ -ldl

.PHONY: have-cmocka
have-cmocka:
	@[ "$(HAVE_TESTS)" = yes ] || { \
		echo 'the tests need cmocka (libcmocka-dev); run ./configure --deps' >&2; exit 1; }

# What is built and checked for others: the interface, samples, manual, packages, benchmarks.
include docs/docs.mk
include dist.mk
include tests/bench/bench.mk

# Debian's Xen packages, unpacked, for the tests that run real programs of Xen. Where they can't be
# had, those tests are skipped, and say so.
.PHONY: fetch-box
fetch-box:
	@! [ -x tests/xen/fetch ] || tests/xen/fetch build/box || true

# The box comes last; it takes most of the time. tests/xen/check is to print TAP.
.PHONY: check
check: have-cmocka fetch-box all $(UNIT_TESTS) $(XENSTORED_TESTS)
check: $(patsubst tests/fuzz/fuzz-%.c,build/tests/fuzz/replay-%,$(wildcard tests/fuzz/fuzz-*.c))
	@tests/run $(UNIT_TESTS) $(UNIT_SCRIPTS) tests/fuzz/seeds $(API_CHECKS) $(XENSTORED_CHECKS) -t 400 $(PACKAGE_CHECKS) \
		-t 3000 tests/xen/check

.PHONY: check-unit
check-unit: have-cmocka $(PROGRAMS) $(UNIT_TESTS)
	@tests/run $(UNIT_TESTS) $(UNIT_SCRIPTS)

.PHONY: check-xenstored
check-xenstored: have-cmocka fetch-box $(XENSTORED_TESTS)
	@tests/run $(XENSTORED_CHECKS)

# In a copy of the source tree, so that build/ stays what it was configured to be. The component is
# preloaded into programs that don't have AddressSanitizer themselves.
.PHONY: check-asan
check-asan: have-cmocka
	@mkdir -p build/asan
	@find build/asan -mindepth 1 -maxdepth 1 ! -name build -exec rm -rf {} +
	@tar -c --exclude=./build --exclude=./.git . | tar -x -C build/asan
	@cd build/asan && { [ build/config.mk -nt configure ] || ./configure --enable-asan; } && \
		ASAN_OPTIONS=verify_asan_link_order=0 $(MAKE) check-unit

VALGRIND := valgrind --quiet --leak-check=full --errors-for-leak-kinds=definite --error-exitcode=99 \
	--suppressions=tests/valgrind.supp

.PHONY: check-valgrind
check-valgrind: have-cmocka $(UNIT_TESTS)
	@command -v valgrind >/dev/null || { echo 'valgrind is missing (package valgrind)' >&2; exit 1; }
	@XEN_PHYSMAP_TEST_OPERATIONS=20000 RUN_UNDER='$(VALGRIND)' tests/run -t 600 $(UNIT_TESTS)

# The fuzz targets: each is libFuzzer's with clang, and otherwise has our own main, which can mutate
# as well but doesn't see what an input reached. Another FUZZ_CC needs a `make clean` first.
FUZZ_TARGETS := $(patsubst tests/fuzz/fuzz-%.c,%,$(wildcard tests/fuzz/fuzz-*.c))
FUZZ_SECONDS ?= 60
FUZZ_CC ?= $(if $(shell command -v clang),clang,$(CC))
FUZZ_IS_CLANG = $(findstring clang,$(FUZZ_CC))
FUZZ_CFLAGS := -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
FUZZ_MAIN := $(call objects,tests/fuzz/replay.c tests/fuzz/mutate.c)
FUZZ_OBJECTS = $(patsubst build/obj/%,build/fuzz-obj/%,$(LIB_OBJECTS) $(TOOL_LIB_OBJECTS) \
	$(if $(FUZZ_IS_CLANG),,$(FUZZ_MAIN)))

build/tests/fuzz/replay-%: build/obj/tests/fuzz/fuzz-%.o $(FUZZ_MAIN) $(TOOL_LIB_OBJECTS) build/libxenphysmap.a
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

# What libFuzzer finds new stays in build/fuzz-corpus; a crash in build/fuzz-TARGET-*, or without it
# in build/tests/fuzz/fuzz-TARGET-crash.
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

.PHONY: help
help:
	@echo 'make            build into build/'
	@echo 'make demo       create, save, restore and migrate a guest in an emulated box, with comments'
	@echo 'make check      all tests; the box and a real xenstored are fetched, not installed'
	@echo 'make check-unit the unit tests alone, in seconds; also check-xenstored, check-asan,'
	@echo '                check-valgrind, and check-fuzz: every reader for two seconds'
	@echo 'make fuzz       every reader under libFuzzer (clang), or our own mutator, FUZZ_SECONDS=60 each'
	@echo 'make check-api  what others build on and read; make check-dist the tarball and packages'
	@echo 'make bench      measures; make dist: the tarball; make deb: packages for Debian'
	@echo 'make install    with DESTDIR= and the directories of ./configure; also uninstall'
	@echo 'make clean      what make built; distclean: all of build/, fetched packages too'
	@echo 'V=1 shows the commands.'

HEADERS := $(wildcard include/xen-physmap/*.h)
# Installed beside those of docs/, to which their links are made to lead.
ROOT_DOCS := README.md CHANGELOG.md SECURITY.md SUPPORT.md
pkglibexecdir = $(libexecdir)/xen-physmap

.PHONY: install uninstall
install: all
	install -d $(DESTDIR)$(bindir) $(DESTDIR)$(libdir)/pkgconfig $(DESTDIR)$(pkglibexecdir) \
		$(DESTDIR)$(includedir)/xen-physmap $(DESTDIR)$(docdir)
	install build/xen-physmap $(DESTDIR)$(bindir)
	install $(COMPONENT) $(DESTDIR)$(pkglibexecdir)
	install -m 644 $(LIBRARY) $(DESTDIR)$(libdir)
	ln -sf $(notdir $(LIBRARY)) $(DESTDIR)$(libdir)/libxenphysmap.so
	sed -e 's,@prefix@,$(prefix),' -e 's,@libdir@,$(libdir),' -e 's,@includedir@,$(includedir),' \
		-e 's,@version@,$(VERSION),' xen-dm/xen-physmap.pc.in \
		>$(DESTDIR)$(libdir)/pkgconfig/xen-physmap.pc
	install -m 644 $(HEADERS) $(DESTDIR)$(includedir)/xen-physmap
	install -m 644 $(ROOT_DOCS) $(wildcard docs/*.md) $(DESTDIR)$(docdir)
	sed -i 's,](docs/,](,g' $(addprefix $(DESTDIR)$(docdir)/,$(ROOT_DOCS))
	$(install_docs)

uninstall:
	rm -f $(DESTDIR)$(bindir)/xen-physmap $(DESTDIR)$(libdir)/libxenphysmap.so \
		$(DESTDIR)$(libdir)/$(notdir $(LIBRARY)) $(DESTDIR)$(libdir)/pkgconfig/xen-physmap.pc
	rm -rf $(DESTDIR)$(pkglibexecdir) $(DESTDIR)$(includedir)/xen-physmap $(DESTDIR)$(docdir)
	$(uninstall_docs)

.PHONY: clean distclean
clean:
	rm -rf build/obj build/fuzz-obj build/tests build/examples build/man build/deb $(DIST) \
		$(PROGRAMS) $(LIBRARY) build/libxenphysmap.a

# The downloaded packages of tests/xen go too.
distclean:
	rm -rf build configure-apt.log
