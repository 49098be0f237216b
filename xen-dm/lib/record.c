/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The rules for a single record. */
#include "internal.h"

#include <string.h>

static gboolean is_printable(unsigned char byte)
{
    return byte >= 0x20 && byte < 0x7f;
}

char *xen_physmap_escape(const char *bytes, gssize length)
{
    const gsize most = 128;
    gsize n = length < 0 ? strlen(bytes) : (gsize)length;
    GString *out = g_string_new(NULL);

    for (gsize i = 0; i < MIN(n, most); i++) {
        unsigned char byte = bytes[i];

        if (is_printable(byte) && byte != '\\') {
            g_string_append_c(out, byte);
        } else {
            g_string_append_printf(out, "\\x%02x", byte);
        }
    }
    if (n > most) {
        g_string_append(out, "...");
    }
    return g_string_free(out, FALSE);
}

const char *xen_physmap_region_name(const char *name)
{
    const char *slash = strrchr(name, '/');

    return slash ? slash + 1 : name;
}

gboolean xen_physmap_parse_hex(const char *digits, gsize length, guint64 *value)
{
    guint64 result = 0;

    if (length < 1 || length > 16) {
        return FALSE;
    }
    for (gsize i = 0; i < length; i++) {
        if (!g_ascii_isxdigit(digits[i]) || g_ascii_isupper(digits[i])) {
            return FALSE;
        }
        result = result << 4 | g_ascii_xdigit_value(digits[i]);
    }
    *value = result;
    return TRUE;
}

static gboolean check_name(const char *name, GError **error)
{
    gsize length = strlen(name);
    const char *wrong = length == 0                     ? "is empty"
                        : length > XEN_PHYSMAP_NAME_MAX ? "is longer than 255 bytes"
                                                        : NULL;

    for (gsize i = 0; i < length && !wrong; i++) {
        if (!is_printable(name[i])) {
            wrong = "has a byte that is not printable ASCII";
        }
    }
    if (wrong) {
        g_autofree char *shown = xen_physmap_escape(name, -1);

        g_set_error(error, XEN_PHYSMAP_ERROR, XEN_PHYSMAP_ERROR_INVALID, "the name '%s' %s", shown,
                    wrong);
    }
    return !wrong;
}

static gboolean check_address(const char *name, const char *what, guint64 value, GError **error)
{
    if (value % XEN_PHYSMAP_PAGE_SIZE) {
        g_set_error(error, XEN_PHYSMAP_ERROR, XEN_PHYSMAP_ERROR_INVALID,
                    "%s: %s 0x%" G_GINT64_MODIFIER "x is not a multiple of the page size 0x1000",
                    name, what, value);
        return FALSE;
    }
    return TRUE;
}

static gboolean check_range(const char *name, const char *what, guint64 start, guint64 size,
                            GError **error)
{
    /* The end must be an address too, so that no half-open range wraps around to 0. */
    if (start > G_MAXUINT64 - size) {
        g_set_error(error, XEN_PHYSMAP_ERROR, XEN_PHYSMAP_ERROR_INVALID,
                    "%s: %s 0x%" G_GINT64_MODIFIER "x with size 0x%" G_GINT64_MODIFIER
                    "x runs past the end of the address space",
                    name, what, start, size);
        return FALSE;
    }
    return TRUE;
}

gboolean xen_physmap_record_init(XenPhysmapRecord *record, const char *name, guint64 phys_offset,
                                 guint64 start_addr, guint64 size, GError **error)
{
    XenPhysmapRecord checked = { .phys_offset = phys_offset,
                                 .start_addr = start_addr,
                                 .size = size };

    if (!check_name(name, error) || !check_address(name, "phys_offset", phys_offset, error) ||
        !check_address(name, "start_addr", start_addr, error) ||
        !check_address(name, "size", size, error)) {
        return FALSE;
    }
    if (size == 0) {
        g_set_error(error, XEN_PHYSMAP_ERROR, XEN_PHYSMAP_ERROR_INVALID, "%s: size is 0", name);
        return FALSE;
    }
    if (!check_range(name, "phys_offset", phys_offset, size, error) ||
        !check_range(name, "start_addr", start_addr, size, error)) {
        return FALSE;
    }
    /* `name` may point into *record. */
    g_strlcpy(checked.name, name, sizeof checked.name);
    *record = checked;
    return TRUE;
}

/* Pages that are the same in every guest, whatever its configuration. */
static const struct {
    guint64 start, end;
    const char *what;
} fixed[] = {
    { 0xfec00000, 0xfec01000, "the I/O APIC" },
    { 0xfed00000, 0xfed01000, "the HPET" },
    { 0xfee00000, 0xfef00000, "the local APIC" },
    { 0xfeff0000, 0xff000000, "Xen's special pages" },
};

gboolean xen_physmap_record_check_place(const XenPhysmapRecord *record, GError **error)
{
    guint64 start = record->start_addr, end = start + record->size;

    /* With nearly 4 GiB of RAM and a large videoram, blocks in place can be here. */
    if (start == record->phys_offset) {
        return TRUE;
    }
    for (guint i = 0; i < G_N_ELEMENTS(fixed); i++) {
        if (start < fixed[i].end && end > fixed[i].start) {
            g_set_error(error, XEN_PHYSMAP_ERROR, XEN_PHYSMAP_ERROR_INVALID,
                        "%s at 0x%" G_GINT64_MODIFIER "x, size 0x%" G_GINT64_MODIFIER
                        "x, covers %s at 0x%" G_GINT64_MODIFIER "x",
                        record->name, start, record->size, fixed[i].what, fixed[i].start);
            return FALSE;
        }
    }
    return TRUE;
}

gboolean xen_physmap_record_equal(const XenPhysmapRecord *a, const XenPhysmapRecord *b)
{
    return a->phys_offset == b->phys_offset && a->start_addr == b->start_addr &&
           a->size == b->size && strcmp(a->name, b->name) == 0;
}
