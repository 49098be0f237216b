/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A thread that behaves like QEMU's monitor, as a script says. */
#ifndef FAKE_QMP_H
#define FAKE_QMP_H

#include <glib.h>

typedef enum {
    QMP_SEND,        /* sends the text as it is */
    QMP_AWAIT,       /* reads a command, which must contain the text */
    QMP_ANSWER,      /* answers the oldest command not yet answered, with this JSON */
    QMP_TEXT,        /* the same, with this text as a JSON string */
    QMP_REFUSE,      /* the same, with an error of this description */
    QMP_UNKNOWN,     /* the same, as of a command that this QEMU doesn't have */
    QMP_AWAIT_CLOSE, /* reads on until the other side has closed */
    QMP_FLOOD,       /* sends the text again and again until the other side has closed */
} FakeQmpKind;

/* At the end of the script the connection is closed. */
typedef struct FakeQmpStep {
    FakeQmpKind kind;
    const char *text;
} FakeQmpStep;

typedef struct FakeQmp FakeQmp;

#define QMP_GREETING                                                                               \
    "{\"QMP\": {\"version\": {\"qemu\": {\"micro\": 22, \"minor\": 2, \"major\": 7}, "             \
    "\"package\": \"Debian\"}, \"capabilities\": [\"oob\"]}}\r\n"

/* What every script begins with. */
#define QMP_HELLO                                                                                  \
    { QMP_SEND, QMP_GREETING }, { QMP_AWAIT, "\"qmp_capabilities\"" },                             \
    {                                                                                              \
        QMP_ANSWER, "{}"                                                                           \
    }

/* *fd becomes the other end. The steps are not copied. */
FakeQmp *fake_qmp_start(const FakeQmpStep *steps, guint n, int *fd);

/* Waits for the end of the script, for which the client must be closed. Returns what was wrong, or
 * NULL. Free it with g_free. */
char *fake_qmp_finish(FakeQmp *qmp);

#endif
