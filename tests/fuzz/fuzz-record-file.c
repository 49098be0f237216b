/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Records in a format to be detected; written in each format and read again, they are the same. */
#include "fuzz.h"

#include "record-file.h"
#include "record-text.h"

static XenPhysmapTable *read_fd(int fd, RecordForm format)
{
    g_autoptr(GError) error = NULL;
    XenPhysmapTable *table = record_file_read(fd, format, &error);

    g_assert((table == NULL) == (error != NULL));
    close(fd);
    return table;
}

static void try_format(const XenPhysmapTable *table, RecordForm format)
{
    g_autoptr(GByteArray) bytes = record_file_encode(table, format, RECORD_TEXT_NO_DOMID, "", NULL);
    const RecordForm ways[] = { format, RECORD_FORM_UNKNOWN };

    for (guint i = 0; bytes && i < G_N_ELEMENTS(ways); i++) {
        g_autoptr(XenPhysmapTable) again = read_fd(fuzz_file(bytes->data, bytes->len), ways[i]);

        g_assert(again && xen_physmap_table_equal(again, table));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autoptr(XenPhysmapTable) table = read_fd(fuzz_file(data, size), RECORD_FORM_UNKNOWN);
    int pipe = fuzz_pipe(data, size);

    if (pipe >= 0) {
        g_autoptr(XenPhysmapTable) from_pipe = read_fd(pipe, RECORD_FORM_UNKNOWN);

        g_assert((table == NULL) == (from_pipe == NULL));
    }
    for (RecordForm format = 0; table && format < RECORD_FORM_STREAM; format++) {
        try_format(table, format);
    }
    return 0;
}
