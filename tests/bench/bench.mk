# SPDX-License-Identifier: LGPL-2.1-or-later
# make bench: ours and the other side by turns, in one run.

BENCHES := $(addprefix build/tests/bench/,bench-lookup bench-xenstore make-savefile turns)

build/tests/bench/bench-lookup: build/obj/tests/bench/list.o

.PHONY: bench
bench: fetch-box all $(BENCHES) build/tests/xenstored/stub.so
	@tests/bench/run
