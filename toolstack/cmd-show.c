/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* xen-physmap show: the records in a savefile. */
#include "verb.h"

int verb_show(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    return EXIT_TROUBLE;
}
