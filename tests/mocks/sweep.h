/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The fault sweep: an operation is run again and again, with every call of it failing in turn. */
#ifndef SWEEP_H
#define SWEEP_H

#include "fake-host.h"

/* One operation, on a host of its own each time. */
typedef struct SweepCase {
    const char *name;
    /* Prepares the host for the operation. The next three get what it returns. */
    gpointer (*setup)(FakeHost *host);
    gboolean (*run)(FakeHost *host, gpointer subject, GError **error);
    /* Checks the state after the operation, without faults. May be NULL. */
    void (*check)(FakeHost *host, gpointer subject, gboolean done);
    /* May be NULL. */
    void (*teardown)(gpointer subject);
} SweepCase;

/*
 * Runs each operation without a fault; then with call N failing with errno E, for each N of it and
 * each E that xenstored or the hypervisor can give; then with the answer to its commit lost. It
 * has to fail with the store as it was and a message that says E, or to succeed with the store
 * as after the run without a fault (a conflict that was retried, say), and to leak nothing.
 */
void sweep(const SweepCase *cases, guint n);

#endif
