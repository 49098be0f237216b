# SPDX-License-Identifier: LGPL-2.1-or-later
# What others read and build on: checks of the public interface.

API_CHECKS := $(wildcard tests/api/*)

# What the checks call: the compiler that ./configure found.
export CC
