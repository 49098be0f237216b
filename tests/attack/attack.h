/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the tests, the hostile QEMU and the stand-in for the hypervisor share. */
#ifndef XEN_PHYSMAP_ATTACK_H
#define XEN_PHYSMAP_ATTACK_H

#include <stdint.h>

/* Everything is in this folder, in a /run that only these tests see. */
#define ATTACK_FOLDER "/run/attack"

/* Programs as a package installs them: they and their folder belong to root. */
#define ATTACK_BIN ATTACK_FOLDER "/bin"
#define ATTACK_QEMU ATTACK_BIN "/qemu-system-i386"

/* The folder of the user that a QEMU without root runs as. */
#define ATTACK_EVIL ATTACK_FOLDER "/evil"
#define ATTACK_UID 65534

/* Made by payload.c when root runs it. */
#define ATTACK_MARK ATTACK_FOLDER "/root-ran-it"

/* Files that the hostile QEMU of a domid makes when it has given up root, and when its trap has been
 * touched. */
#define ATTACK_READY_FORMAT ATTACK_EVIL "/ready-%u"
#define ATTACK_REACHED_FORMAT ATTACK_EVIL "/reached-%u"

/* What happened to the domains, for the tests to look at; mapped by each program that counts there. */
#define ATTACK_COUNTS ATTACK_FOLDER "/hypervisor"

typedef struct AttackCounts {
    uint64_t pages; /* pages that the command mapped */
    int32_t pauses; /* minus the unpauses */
} AttackCounts;

/* Each guest has its first pages and its video memory, and no others. */
#define ATTACK_RAM_PAGES 0x4000
#define ATTACK_VRAM_GFN 0xf1000
#define ATTACK_VRAM_PAGES 0x1000

#endif
