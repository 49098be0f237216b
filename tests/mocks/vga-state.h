/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* QEMU's device state with one VGA, for tests; written by hand, without code of ours. */
#ifndef VGA_STATE_H
#define VGA_STATE_H

#include <glib.h>

/* The offsets of the registers after the section's head, counted from QEMU's structures. */
enum {
    VGA_STATE_SR = 281,
    VGA_STATE_GR = 290,
    VGA_STATE_AR_INDEX = 306,
    VGA_STATE_AR = 307,
    VGA_STATE_CR = 333,
    VGA_STATE_PALETTE = 600,
    VGA_STATE_VBE = 1375,
    VGA_STATE_END = 1407,
};

typedef struct VgaState {
    guint8 bytes[2048];
    gsize length;
    guint8 *body; /* the section's, behind its head */
} VgaState;

/* A section with this name, and VGA registers that set no mode. */
void vga_state_make(VgaState *state, const char *name);

/* A mode of VBE, starting 16 bytes into videoram. */
void vga_state_vbe(VgaState *state, guint width, guint height, guint bpp, guint stride);

/* 4 columns and 2 rows of 9x16. */
void vga_state_text(VgaState *state);

#endif
