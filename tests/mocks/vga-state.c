/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* QEMU's device state: the head of a section, and the registers that set a mode. */
#include "vga-state.h"

#include <string.h>

void vga_state_make(VgaState *state, const char *name)
{
    static const guint8 start[] = "QEVM\0\0\0\3\4\0\0\0!";
    guint8 *at = state->bytes;

    memset(state, 0, sizeof *state);
    at = (guint8 *)memcpy(at, start, sizeof start - 1) + sizeof start - 1;
    *at++ = strlen(name);
    at = (guint8 *)memcpy(at, name, strlen(name)) + strlen(name);
    at[7] = 2; /* version */
    state->body = at + 8;
    state->length = state->body + VGA_STATE_END - state->bytes;
    state->body[3] = 2;
    memcpy(state->body + 4, "\x34\x12\x11\x11", 4);
    state->body[4 + 0x0b] = 3;
    state->body[VGA_STATE_VBE - 3] = 1;
    state->body[VGA_STATE_VBE] = 0xb0;
    state->body[VGA_STATE_VBE + 1] = 0xc5;
}

void vga_state_vbe(VgaState *state, guint width, guint height, guint bpp, guint stride)
{
    const guint values[] = { width, height, bpp, 0x41 };

    for (guint i = 0; i < G_N_ELEMENTS(values); i++) {
        state->body[VGA_STATE_VBE + 2 + 2 * i] = values[i] >> 8;
        state->body[VGA_STATE_VBE + 3 + 2 * i] = values[i];
    }
    state->body[VGA_STATE_VBE + 23] = 4; /* starts 16 bytes in */
    state->body[VGA_STATE_VBE + 24 + 2] = stride >> 8;
    state->body[VGA_STATE_VBE + 24 + 3] = stride;
}

void vga_state_text(VgaState *state)
{
    state->body[VGA_STATE_AR_INDEX] = 0x20;
    state->body[VGA_STATE_CR + 1] = 3;
    state->body[VGA_STATE_CR + 9] = 15;
    state->body[VGA_STATE_CR + 0x12] = 31;
    state->body[VGA_STATE_CR + 0x13] = 2;
    state->body[VGA_STATE_SR + 3] = 0x04; /* the second font is map 1's */
    state->body[VGA_STATE_AR + 0x10] = 4;
    for (guint i = 0; i < 16; i++) {
        state->body[VGA_STATE_AR + i] = i;
        state->body[VGA_STATE_PALETTE + 3 * i] = 4 * i; /* reds */
    }
}
