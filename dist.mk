# SPDX-License-Identifier: LGPL-2.1-or-later
# The tarball, and Debian's packages from it.

PACKAGE_CHECKS := $(wildcard tests/package/*)

DIST := build/xen-physmap-$(VERSION).tar.gz

# Debian's packaging isn't part of it. Names, owners, times and modes don't depend on this machine, so
# the bytes are always the same.
.PHONY: dist
dist:
	@mkdir -p build
	@{ { [ -e .git ] && git ls-files ':!debian'; } || \
		find . \( -path ./build -o -path ./debian -o -path ./.git \) -prune -o -type f -printf '%P\n'; } | LC_ALL=C sort | \
		tar --create --files-from=- --transform='s,^,xen-physmap-$(VERSION)/,' --format=gnu \
		--owner=0 --group=0 --numeric-owner --mode=u=rwX,go=rX --mtime=@$(SOURCE_DATE_EPOCH) | \
		gzip -9n >$(DIST).new
	@mv $(DIST).new $(DIST)
	@echo $(DIST)

.PHONY: deb
deb: dist
	@[ -d debian ] || { echo 'make deb: no debian/ here; the source repository has it' >&2; exit 1; }
	@for tool in dpkg-buildpackage dh; do command -v $$tool >/dev/null || { \
		echo "make deb: no $$tool (packages dpkg-dev, debhelper)" >&2; exit 1; }; done
	@echo 'Building and testing in build/deb, a minute or two; the log is build/deb/log ...'
	@rm -rf build/deb && mkdir -p build/deb
	@cp $(DIST) build/deb/xen-physmap_$(VERSION).orig.tar.gz
	@tar -x -f $(DIST) -C build/deb && cp -R debian build/deb/xen-physmap-$(VERSION)
	@cd build/deb/xen-physmap-$(VERSION) && MAKEFLAGS= dpkg-buildpackage -us -uc >../log 2>&1 || \
		{ tail -n 30 ../log >&2; echo "make deb: failed; the log is build/deb/log" >&2; exit 1; }
	@ls build/deb/*.deb

.PHONY: check-dist
check-dist: all
	@tests/run -t 400 $(PACKAGE_CHECKS)
