/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Loads a library with all of its functions, or none. */
#include "lazy-library.h"

#include <dlfcn.h>
#include <errno.h>

gboolean lazy_library_load(const LazyLibrary *library)
{
    void *handle;
    guint n = 0;

    if (library->functions[0]) {
        return TRUE;
    }
    /* RTLD_GLOBAL, so that what was preloaded is found first. */
    handle = dlopen(library->soname, RTLD_NOW | RTLD_GLOBAL);
    while (handle && library->names[n]) {
        library->functions[n] = dlsym(RTLD_DEFAULT, library->names[n]);
        if (!library->functions[n]) {
            break;
        }
        n++;
    }
    if (!handle || library->names[n]) {
        library->functions[0] = NULL;
        errno = ELIBACC;
        return FALSE;
    }
    return TRUE;
}
