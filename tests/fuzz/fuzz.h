/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the fuzz targets share: each is a file with this one function. */
#ifndef FUZZ_H
#define FUZZ_H

#include <stddef.h>
#include <stdint.h>

/* libFuzzer's entry: tries one input, and returns 0. A failure is a crash or an assertion. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
