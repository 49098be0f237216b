# SPDX-License-Identifier: LGPL-2.1-or-later
# make bench: xen-physmap and an alternative in turn, in one run.

BENCHES := $(addprefix build/tests/bench/,bench-lookup bench-xenstore make-savefile \
	mapped relocate-qemu turns)

build/tests/bench/bench-lookup: build/obj/tests/bench/list.o

build/tests/bench/relocate-stub.so: build/obj/tests/bench/relocate-stub.o
	@mkdir -p $(@D)
	$(call say,LINK,$@)$(CC) -shared $(LDFLAGS) -o $@ $^

.PHONY: bench
bench: fetch-box all $(BENCHES) build/tests/bench/relocate-stub.so build/tests/xenstored/stub.so
	@tests/bench/run
