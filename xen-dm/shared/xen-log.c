/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A logger for Xen's libraries that writes nothing. */
#include "xen-log.h"

#include <xentoollog.h>

static gboolean hidden;

static void no_message(xentoollog_logger *logger, xentoollog_level level, int errnum,
                       const char *context, const char *format, va_list args)
{
    (void)logger;
    (void)level;
    (void)errnum;
    (void)context;
    (void)format;
    (void)args;
}

static void no_progress(xentoollog_logger *logger, const char *context, const char *doing,
                        int percent, unsigned long done, unsigned long total)
{
    (void)logger;
    (void)context;
    (void)doing;
    (void)percent;
    (void)done;
    (void)total;
}

static void no_destroy(xentoollog_logger *logger)
{
    (void)logger;
}

static xentoollog_logger silent = { no_message, no_progress, no_destroy };

void xen_log_hide(gboolean hide)
{
    hidden = hide;
}

xentoollog_logger *xen_log(xentoollog_logger *logger)
{
    return logger || !hidden ? logger : &silent;
}
