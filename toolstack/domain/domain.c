/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Finds domains in xenstore by domid or name. */
#include "domain.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <xenctrl.h>

#include <xen-physmap/xenstore.h>

#include "names.h"

/* Domids from 0x7ff0 on have a meaning of their own in Xen. */
#define DOMID_LAST 0x7fef

void domain_free(Domain *domain)
{
    if (domain) {
        g_free(domain->name);
        g_free(domain);
    }
}

static gboolean xenstore_failed(GError **error, const char *path)
{
    XenPhysmapError code = errno == EACCES || errno == EPERM ? XEN_PHYSMAP_ERROR_ACCESS
                                                             : XEN_PHYSMAP_ERROR_UNAVAILABLE;

    g_set_error(error, XEN_PHYSMAP_ERROR, code, "can't read %s in xenstore: %s", path,
                g_strerror(errno));
    return FALSE;
}

/* The domain, if it exists; otherwise *domain stays NULL. */
static gboolean look_up(const XenPhysmapOps *ops, guint32 domid, Domain **domain, GError **error)
{
    g_autofree char *path = g_strdup_printf("/local/domain/%u/name", domid);
    unsigned int length;
    char *name = ops->read(ops->opaque, 0, path, &length);
    g_autoptr(Domain) found = NULL;

    if (!name) {
        return errno == ENOENT || xenstore_failed(error, path);
    }
    found = g_new0(Domain, 1);
    found->domid = domid;
    found->name = xen_physmap_escape(name, length);
    free(name);
    if (!xen_physmap_xenstore_dm_domid(ops, domid, &found->dm_domid, error)) {
        return FALSE;
    }
    *domain = g_steal_pointer(&found);
    return TRUE;
}

static int compare_domids(gconstpointer a, gconstpointer b)
{
    const Domain *x = *(Domain *const *)a, *y = *(Domain *const *)b;

    return (x->domid > y->domid) - (x->domid < y->domid);
}

/* Every domain of the host, dom0 too. */
static GPtrArray *everything(const XenPhysmapOps *ops, GError **error)
{
    g_autoptr(GPtrArray) domains = g_ptr_array_new_with_free_func((GDestroyNotify)domain_free);
    unsigned int num = 0;
    char **entries = ops->directory(ops->opaque, 0, "/local/domain", &num);
    gboolean ok = TRUE;

    if (!entries) {
        xenstore_failed(error, "/local/domain");
        return NULL;
    }
    for (unsigned int i = 0; i < num && ok; i++) {
        Domain *domain = NULL;
        guint64 domid;

        if (g_ascii_string_to_unsigned(entries[i], 10, 0, DOMID_LAST, &domid, NULL)) {
            ok = look_up(ops, domid, &domain, error);
        }
        if (domain) {
            g_ptr_array_add(domains, domain);
        }
    }
    free(entries);
    if (!ok) {
        return NULL;
    }
    g_ptr_array_sort(domains, compare_domids);
    return g_steal_pointer(&domains);
}

static gboolean has_device_model(const XenPhysmapOps *ops, const Domain *domain)
{
    g_autofree char *path =
        g_strdup_printf("/local/domain/%u/device-model/%u", domain->dm_domid, domain->domid);
    unsigned int length;
    char *node = ops->read(ops->opaque, 0, path, &length);

    free(node);
    return node != NULL;
}

GPtrArray *domain_all(const XenPhysmapOps *ops, GError **error)
{
    GPtrArray *domains = everything(ops, error);

    for (guint i = domains ? domains->len : 0; i-- > 0;) {
        if (!has_device_model(ops, g_ptr_array_index(domains, i))) {
            g_ptr_array_remove_index(domains, i);
        }
    }
    return domains;
}

Domain *domain_find(const XenPhysmapOps *ops, const char *domid_or_name, GError **error)
{
    g_autofree char *shown = xen_physmap_escape(domid_or_name, -1);
    g_autoptr(GPtrArray) domains = NULL;
    Domain *found = NULL;
    guint64 domid;

    /* Like xl: digits are a domid, anything else is a name. */
    if (g_ascii_string_to_unsigned(domid_or_name, 10, 0, DOMID_LAST, &domid, NULL)) {
        if (!look_up(ops, domid, &found, error)) {
            return NULL;
        }
    } else if (!(domains = everything(ops, error))) {
        return NULL;
    }
    for (guint i = 0; domains && i < domains->len && !found; i++) {
        const Domain *domain = g_ptr_array_index(domains, i);

        if (strcmp(domain->name, shown) == 0) {
            found = g_ptr_array_steal_index(domains, i);
        }
    }
    if (!found) {
        g_set_error(error, XEN_PHYSMAP_ERROR, XEN_PHYSMAP_ERROR_NOT_FOUND,
                    "there is no domain '%s'; xl list shows those that run", shown);
    }
    return found;
}

Domain *domain_open(const char *word, XenPhysmapOpsFlags flags, XenPhysmapOps **ops, GError **error)
{
    g_autofree char *shown = xen_physmap_escape(word, -1);
    Domain *domain = NULL;

    if (!(*ops = xen_physmap_ops_open(flags, error)) ||
        !(domain = domain_find(*ops, word, error))) {
        g_prefix_error(error, "'%s' is neither a file nor a domain: ", shown);
    }
    return domain;
}

XenPhysmapTable *domain_records(const XenPhysmapOps *ops, const Domain *domain, GError **error)
{
    return xen_physmap_xenstore_load(ops, domain->domid, domain->dm_domid, error);
}

gboolean domain_is_recorded(const XenPhysmapOps *ops, const Domain *domain, gboolean *recorded,
                            GError **error)
{
    g_autofree char *socket = g_strdup_printf(QMP_SOCKET_FORMAT, domain->domid);
    g_autoptr(XenPhysmapTable) table = domain_records(ops, domain, error);

    *recorded = table && (xen_physmap_table_size(table) > 0 || access(socket, F_OK) == 0);
    return table != NULL;
}

gboolean domain_page_limit(guint32 domid, guint64 *pages, GError **error)
{
    xc_interface *xc = xc_interface_open(NULL, NULL, 0);
    xc_domaininfo_t info = { 0 };
    int n = xc ? xc_domain_getinfolist(xc, domid, 1, &info) : -1;
    int errnum = errno;

    if (xc) {
        xc_interface_close(xc);
    }
    if (n != 1 || info.domain != domid) {
        g_set_error(error, XEN_PHYSMAP_ERROR, XEN_PHYSMAP_ERROR_UNAVAILABLE,
                    "can't read how many pages domain %u may have: %s", domid,
                    n < 0 ? g_strerror(errnum) : "it is not there any more");
        return FALSE;
    }
    *pages = MAX(info.tot_pages, info.max_pages);
    return TRUE;
}
