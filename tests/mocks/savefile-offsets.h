/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Where things are in a savefile of savefile-maker.h, for tests that change bytes of it. */
#ifndef SAVEFILE_OFFSETS_H
#define SAVEFILE_OFFSETS_H

/* In an xl savefile with one record; test-stream shows it. */
enum {
    LIBXL = 55,
    CONTEXT = 71,
    LIBXC = 79,
    DOMAIN = 103,
    CPUID = 119,
    MSR = 175,
    STATIC = 199,
    PAGES = 207,
    TSC = 12567,
    PARAMS = 12599,
    HVM = 12631,
    LIBXC_END_AT = 12655,
    XENSTORE = 12663,
    EMULATOR = 12775,
    END = 12807,
    LENGTH = 12815,
};

#endif
