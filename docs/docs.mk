# SPDX-License-Identifier: LGPL-2.1-or-later
# Manual pages, completions and samples, and their checks.

API_CHECKS := $(wildcard tests/api/*)

# The checks use the compiler that ./configure found.
export CC

# The samples with the library's code linked in, for the emulated box. tests/api/samples builds them
# as a user would.
EXAMPLES := $(patsubst docs/%.c,build/%,$(wildcard docs/examples/*.c))

build/examples/%: build/obj/docs/examples/%.o build/libxenphysmap.a
	@mkdir -p $(@D)
	$(call say,LINK,$@)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIB_LIBS)

check check-api: build/tests/bench/make-savefile $(EXAMPLES) build/libxenphysmap.so

.PHONY: check-api
check-api: all build/tests/xenstored/stub.so
	@tests/run -t 400 $(API_CHECKS)

# The manual: each docs/man/NAME.SECTION.scd becomes a page.
ifeq ($(HAVE_MAN),yes)
PAGES := $(patsubst docs/man/%.scd,build/man/%,$(wildcard docs/man/*.scd))
all: $(PAGES)
endif

# The date on a page is that of the release, so that the same sources give the same bytes.
export SOURCE_DATE_EPOCH ?= $(shell date -u -d "$$(sed -n \
	's/^\#\# \[$(VERSION)\] - \([0-9-]*\)$$/\1/p' CHANGELOG.md)" +%s)

build/man/%: docs/man/%.scd docs/man/fill toolstack/savefile/verify-rules.def $(wildcard docs/man/*.scd include/xen-physmap/*.h) \
		build/config.mk CHANGELOG.md
	@mkdir -p $(@D)
	$(call say,MAN,$@)docs/man/fill $< $(VERSION) docdir=$(docdir) exampledir=$(exampledir) includedir=$(includedir) datarootdir=$(datarootdir) \
		sysconfdir=$(sysconfdir) pkglibexecdir=$(pkglibexecdir) >$@.scd && \
		scdoc <$@.scd >$@.new && rm $@.scd && mv $@.new $@

bashcompletiondir = $(datarootdir)/bash-completion/completions
zshcompletiondir = $(datarootdir)/zsh/site-functions
exampledir ?= $(docdir)/examples
man_sections = $(sort $(subst .,,$(suffix $(PAGES))))

define install_docs
install -d $(DESTDIR)$(bashcompletiondir) $(DESTDIR)$(zshcompletiondir) \
	$(DESTDIR)$(datarootdir)/xen-physmap \
	$(DESTDIR)$(exampledir) $(addprefix $(DESTDIR)$(mandir)/man,$(man_sections))
$(foreach s,$(man_sections),install -m 644 $(filter %.$(s),$(PAGES)) \
	$(DESTDIR)$(mandir)/man$(s) && ) :
install -m 644 docs/completion/xen-physmap.bash $(DESTDIR)$(bashcompletiondir)/xen-physmap
install -m 644 docs/completion/_xen-physmap $(DESTDIR)$(zshcompletiondir)
install -m 644 docs/xen-physmap.schema.json $(DESTDIR)$(datarootdir)/xen-physmap
install -m 644 $(wildcard docs/examples/*.c) $(DESTDIR)$(exampledir)
endef

define uninstall_docs
rm -rf $(DESTDIR)$(datarootdir)/xen-physmap
rm -f $(DESTDIR)$(bashcompletiondir)/xen-physmap $(DESTDIR)$(zshcompletiondir)/_xen-physmap \
	$(foreach p,$(PAGES),$(DESTDIR)$(mandir)/man$(subst .,,$(suffix $(p)))/$(notdir $(p)))
endef
