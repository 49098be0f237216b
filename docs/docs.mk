# SPDX-License-Identifier: LGPL-2.1-or-later
# What others read and build on: checks of the public interface, and samples.

API_CHECKS := $(wildcard tests/api/*)

# What the checks call: the compiler that ./configure found.
export CC

# The samples with the library's code inside, for the emulated box. tests/api/samples builds them as
# anybody would.
EXAMPLES := $(patsubst docs/%.c,build/%,$(wildcard docs/examples/*.c))

build/examples/%: build/obj/docs/examples/%.o build/libxenphysmap.a
	@mkdir -p $(@D)
	$(call say,LINK,$@)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIB_LIBS)

check: $(EXAMPLES) build/libxenphysmap.so
