/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One guest and its QEMUs as a model: the UpdateOps that the tests of an update work on. */
#ifndef FAKE_WORLD_H
#define FAKE_WORLD_H

#include "update-ops.h"
#include "update.h"

#define WORLD_DOMID 1
#define WORLD_OLD "/usr/bin/qemu-old"
#define WORLD_NEW "/usr/bin/qemu-new"

/* With this argument, no program crashes. */
#define WORLD_SAFE_ARG "-safe"

/* What can happen at an operation. */
typedef enum {
    FAULT_NONE,
    FAULT_FAIL,       /* it does nothing, and says that it failed */
    FAULT_FAIL_AFTER, /* it does its work, and says that it failed */
    FAULT_STALL,      /* it takes as long as anybody waits, and fails */
    FAULT_CUT,        /* the updater is killed before it */
    FAULT_CUT_AFTER,  /* and after it */
    FAULT_OLD_DIES,   /* the QEMU that runs the old program dies before it */
    FAULT_NEW_DIES,
    FAULT_OLD_HANGS, /* it does nothing from now on, and doesn't answer */
    FAULT_NEW_HANGS,
    FAULT_SIGNAL,    /* somebody interrupts the updater */
    FAULT_DESTROY,   /* somebody destroys the domain */
    FAULT_SAVER,     /* somebody begins to save the domain */
    FAULT_FAIL_FROM, /* this operation fails from now on */
    FAULT_KINDS,
} FaultKind;

/* Why a guest can't be updated, as the preflight has to find. */
typedef enum {
    REFUSAL_NONE,
    REFUSAL_PV,         /* it is no HVM guest */
    REFUSAL_SHUTDOWN,   /* it is shut down */
    REFUSAL_PAUSED,     /* somebody paused it */
    REFUSAL_SERVER,     /* another emulator serves it too */
    REFUSAL_DISTRUST,   /* its QEMU isn't as it was started */
    REFUSAL_LAUNCHER,   /* the launcher is gone */
    REFUSAL_STOPPED,    /* QEMU has stopped the machine */
    REFUSAL_BLOCKED,    /* a device can't be saved */
    REFUSAL_IMAGE,      /* a disk image can't be opened again */
    REFUSAL_LAYOUT,     /* its records and QEMU disagree */
    REFUSAL_RECORDS,    /* it has no records */
    REFUSAL_ROOM,       /* the file system is full */
    REFUSAL_PCI,        /* a PCI device is passed through to it */
    REFUSAL_DESCRIPTOR, /* QEMU was given an open descriptor */
    REFUSAL_DISK,       /* QEMU serves a paravirtual disk of it */
    REFUSAL_PROGRAM,    /* the new program is gone */
    REFUSAL_COMPONENT,  /* the new program doesn't load the component */
    REFUSAL_MACHINE,    /* the new program lacks the machine type */
    REFUSAL_DEVICE,     /* the new program lacks a device */
    REFUSAL_KINDS,
} Refusal;

typedef struct FakeWorld FakeWorld;

/* A guest that runs on the old program, with an answer of its server not taken yet. */
FakeWorld *world_new(void);

/* The guest uses its paravirtual keyboard, which QEMU serves. */
void world_connect(FakeWorld *world);

/* The guest loads its keyboard's driver again while the update prepares. The old QEMU serves it. */
void world_reconnect_keyboard(FakeWorld *world);

/* The guest connects to a disk that QEMU serves while the update prepares. */
void world_connect_disk(FakeWorld *world);

/* The file of the old program was replaced since the guest was started. */
void world_replace_program(FakeWorld *world);

void world_refuse(FakeWorld *world, Refusal refusal);

/* The CD was ejected from a drive whose backend is in QEMU, as xl cd-eject leaves it. */
void world_eject(FakeWorld *world);

/* A drive for a paravirtual driver that only the old QEMU has. */
void world_add_drive(FakeWorld *world);

/* This program crashes when it saves the state of the guest's devices. */
void world_crash_in_save(FakeWorld *world, const char *program);

/* This program doesn't start any more. */
void world_crash_in_setup(FakeWorld *world, const char *program);

void world_free(FakeWorld *world);

const UpdateOps *world_ops(FakeWorld *world);

/* The operations that were counted so far; those that can't fail, as to look at the clock, aren't. */
guint world_count(const FakeWorld *world);

/* Has it happen at operation `at`, counted from now. A later order replaces one that didn't happen. */
void world_order(FakeWorld *world, FaultKind kind, guint at);
/* And then this one, counted from soon after the first. */
void world_order_next(FakeWorld *world, FaultKind kind, guint at);

gboolean world_happened(const FakeWorld *world);

/* The name of the operation at which the last fault happened. */
const char *world_at(const FakeWorld *world);

/* The updater was killed: nothing that it does reaches the world, until world_revive. */
gboolean world_is_cut(const FakeWorld *world);

/* Another updater starts. Faults that last end. */
void world_revive(FakeWorld *world);

/* What was wrong at any moment: two QEMUs that serve the guest, a guest that ran with none, a state
 * that isn't the guest's, a lost answer. NULL: nothing. */
const char *world_violation(const FakeWorld *world);

/* Lets some time pass: a QEMU that the updater let go of needs a moment to notice. */
void world_settle(FakeWorld *world);

/*
 * What is wrong with the end, in words to be freed, or NULL: one QEMU of this program serves the
 * guest and xenstore names it, and nothing of an update is left; with NULL as the program, no QEMU is
 * left.
 */
char *world_trouble(FakeWorld *world, const char *program);

/* The first operation that changed something of the guest or its QEMU; NULL: none did. */
const char *world_touched(const FakeWorld *world);

gboolean world_has_domain(const FakeWorld *world);

/* A QEMU died or hung by a fault: only then may the guest end with none. */
gboolean world_lost_qemu(const FakeWorld *world);

/* The QEMU of the old program that hangs goes on, or dies if it is killed: its hang ends. */
void world_end_hangs(FakeWorld *world);

/*
 * The updater has its outcome; and whether a QEMU died or the domain was destroyed after it last
 * looked at them, which was a few operations before that.
 */
void world_decide(FakeWorld *world);
gboolean world_changed_since(const FakeWorld *world);

/* All that happened, for a failed test's message; free with g_free. */
char *world_story(const FakeWorld *world);

#endif
