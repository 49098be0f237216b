/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Lookups by address in 1 to 4096 blocks, by turns in the library's table and in a linked list. */
#include <stdio.h>

#include <xen-physmap/state.h>

#include "list.h"
#include "median.h"

#define ROUNDS 41
/* More than a branch predictor can remember. */
#define MOST_QUESTIONS (1 << 16)
#define BLOCK G_GUINT64_CONSTANT(0x10000)

static volatile guint64 sink;

static double ask_table(const XenPhysmapState *state, const guint64 *questions, int n)
{
    double start = now();
    guint64 sum = 0, answer = 0;

    for (int i = 0; i < n; i++) {
        sum += xen_physmap_state_phys_to_guest(state, questions[i], &answer) ? answer : 0;
    }
    sink = sum;
    return (now() - start) / n;
}

static double ask_list(const ListEntry *const *list, const guint64 *questions, int n)
{
    double start = now();
    guint64 sum = 0, answer = 0;

    for (int i = 0; i < n; i++) {
        sum += list_phys_to_guest(list, questions[i], &answer) ? answer : 0;
    }
    sink = sum;
    return (now() - start) / n;
}

/* There is no xenstore here. The state still gets the table. */
static guint32 no_transaction(void *opaque)
{
    (void)opaque;
    return 0;
}

/* QEMU looks up addresses within blocks; here each is as likely as the others. */
static void measure(guint blocks)
{
    g_autoptr(XenPhysmapTable) table = xen_physmap_table_new();
    XenPhysmapOps ops = { .transaction_start = no_transaction };
    g_autoptr(XenPhysmapState) state = xen_physmap_state_open(&ops, 1, 0);
    g_autoptr(GRand) random = g_rand_new_with_seed(blocks);
    g_autofree guint64 *questions = g_new(guint64, MOST_QUESTIONS);
    ListEntry *list = NULL;
    double ours[ROUNDS], theirs[ROUNDS];
    int n = MIN(MOST_QUESTIONS, (1 << 24) / (int)blocks);
    g_autoptr(GError) error = NULL;

    for (guint i = 0; i < blocks; i++) {
        g_autofree char *name = g_strdup_printf("0000:%02x:%02x.0/block", i >> 5, i & 31);
        XenPhysmapRecord record;

        if (!xen_physmap_record_init(&record, name, i * BLOCK,
                                     G_GUINT64_CONSTANT(0x100000000) + (blocks - i) * BLOCK, BLOCK,
                                     &error) ||
            !xen_physmap_table_add(table, &record, &error)) {
            g_error("%s", error->message);
        }
        list_insert(&list, &record);
    }
    for (int i = 0; i < n; i++) {
        questions[i] = (guint64)g_rand_int_range(random, 0, blocks) * BLOCK +
                       g_rand_int_range(random, 0, BLOCK);
    }
    xen_physmap_state_update(state, table, &error);
    g_clear_error(&error);
    if (xen_physmap_table_size(xen_physmap_state_table(state)) != blocks) {
        g_error("the state has no table");
    }
    ask_table(state, questions, n); /* warm caches */
    for (int round = 0; round < ROUNDS; round++) {
        ours[round] = ask_table(state, questions, n);
        theirs[round] = ask_list((const ListEntry *const *)&list, questions, n);
    }
    double a = median(ours, ROUNDS) * 1e9, b = median(theirs, ROUNDS) * 1e9;

    printf("| lookup, %u blocks | %.1f ns | %.1f ns | %.2f | %d |\n", blocks, a, b, b / a,
           blocks == XEN_PHYSMAP_TABLE_MAX ? 50 : 1);
    while (list) {
        ListEntry *next = list->next;

        g_free(list);
        list = next;
    }
}

int main(void)
{
    for (guint blocks = 1; blocks <= XEN_PHYSMAP_TABLE_MAX; blocks *= 2) {
        measure(blocks);
    }
    return 0;
}
