/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Checks a savefile against a table of rules: of its format, and of a layout. */
#ifndef XEN_PHYSMAP_VERIFY_H
#define XEN_PHYSMAP_VERIFY_H

#include <time.h>

#include "completeness.h"
#include "page-index.h"
#include "savefile.h"

typedef enum { VERIFY_ERROR, VERIFY_WARNING, VERIFY_NOTE, VERIFY_SEVERITIES } VerifySeverity;

/* When a rule is tried. */
typedef enum {
    VERIFY_FORMAT,  /* when the stream can't be read further */
    VERIFY_ANY,     /* at each item */
    VERIFY_WRAPPER, /* at each item of a wrapper */
    VERIFY_LIBXL,   /* of libxl, header or record, unless it is optional */
    VERIFY_LIBXC,   /* of libxc, likewise */
    VERIFY_PFN,     /* at each pfn that an item names */
    VERIFY_PAGES,   /* at PAGE_DATA, when all its pfns were seen */
    VERIFY_RECORDS, /* at an item with records of ramblocks */
    VERIFY_END,     /* after the stream */
    VERIFY_LAYOUT,  /* after the stream, when there are records that count */
    VERIFY_STAGES
} VerifyStage;

/* How much of a body rules can see; zeros follow its end. */
#define VERIFY_START_MAX 24

typedef struct Verify Verify;

typedef struct VerifyRule {
    const char *name;
    VerifyStage stage;
    VerifySeverity severity;
    void (*check)(Verify *verify);
    const char *summary;
} VerifyRule;

typedef struct VerifyFinding {
    const VerifyRule *rule;
    guint64 offset;
    char *text;
} VerifyFinding;

struct Verify {
    GPtrArray *findings; /* of VerifyFinding */
    guint counts[VERIFY_SEVERITIES];
    guint64 n_pages;
    XenPhysmapTable *table; /* of the last complete state; NULL: none was */
    guint64 table_at;       /* where its records are */

    /* What rules look at. */
    const VerifyRule *rule; /* the rule that is being tried */
    Stream *stream;
    const StreamItem *item;         /* NULL after the stream */
    const guint8 *head;             /* the item's bytes before its body */
    guint8 start[VERIFY_START_MAX]; /* of its body, when it is libxc's and has no pages */
    gboolean padding_is_zero;
    const char *lacks;      /* what the state that ends with the item lacks */
    const char *problem;    /* what is wrong with its configuration, its records, or the stream */
    guint64 pfn, pfn_index; /* with its type, and which one of the item it is */
    guint32 stored;         /* pages that the item's pfns have by their types */
    guint64 end, size;      /* of the stream, and of the file; `size` is 0 for a pipe */
    time_t written;         /* when the file was written; 0 for a pipe */
    guint checkpoint;       /* the checkpoint that the input was cut off after; 0: it wasn't */

    /* What came before the item. */
    GuestConfig *config; /* NULL: none */
    gboolean libxl, libxc_context, static_data_ended, hvm_context, emulator_context;
    gsize legacy_word;
    PageIndex *pages;
    Completeness completeness;
    XenPhysmapTable *state; /* of the state that is being read */
    guint64 carrier;
    GPtrArray *rules[VERIFY_STAGES];
};

extern const VerifyRule verify_rules[];
extern const guint verify_n_rules;
extern const char *const verify_severities[VERIFY_SEVERITIES];

/* For rules: reports a finding. */
void verify_found(Verify *verify, guint64 offset, const char *format, ...) G_GNUC_PRINTF(3, 4);

Verify *verify_new(void);
void verify_free(Verify *verify);

/*
 * Tries all rules on this input. FALSE when the input can't be read. Something wrong in it is a
 * finding.
 */
gboolean verify_run(Verify *verify, int fd, GError **error);

/* After verify_run: tries the rules of a layout on other records, as if they were in the input. */
void verify_layout(Verify *verify, const XenPhysmapTable *table);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Verify, verify_free)

#endif
