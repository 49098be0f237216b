/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Libraries that are loaded when their first function is called. A program starts on a machine that
 * lacks one or has another version, and does what needs none of them.
 */
#ifndef XEN_PHYSMAP_LAZY_LIBRARY_H
#define XEN_PHYSMAP_LAZY_LIBRARY_H

#include <glib.h>

typedef struct LazyLibrary {
    const char *soname;
    const char *const *names; /* the names of its functions, NULL at the end */
    void **functions;         /* as many pointers; all NULL until it is loaded */
} LazyLibrary;

/*
 * FALSE, with ELIBACC, when the library isn't there or lacks one of the functions. A function that
 * was preloaded replaces the library's own. Not for several threads at once.
 */
gboolean lazy_library_load(const LazyLibrary *library);

/*
 * Defines a function that calls the library's function of that name; the function that opens a
 * handle has loaded `library`. Callers use this definition, so the linker doesn't bind the program
 * to the library.
 */
#define LAZY_FUNCTION(functions, index, type, name, parameters, arguments)                         \
    __attribute__((visibility("hidden"))) type name parameters                                     \
    {                                                                                              \
        return ((__typeof__(&name))functions[index])arguments;                                     \
    }

/* The function that opens a handle. It returns a pointer. */
#define LAZY_OPEN(library, type, name, parameters, arguments)                                      \
    __attribute__((visibility("hidden"))) type name parameters                                     \
    {                                                                                              \
        return lazy_library_load(&library) ? ((__typeof__(&name))library.functions[0])arguments    \
                                           : NULL;                                                 \
    }

#endif
