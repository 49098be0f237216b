/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The constants of the stream formats. docs/formats.md explains them, and names the sources. */
#ifndef XEN_PHYSMAP_STREAM_FORMAT_H
#define XEN_PHYSMAP_STREAM_FORMAT_H

#include <glib.h>

/* --- wrappers --- */

#define XL_MAGIC "Xen saved domain, xl format\n \0 \r"
#define XL_BYTEORDER 0x01020304U
/* Mandatory flags. */
#define XL_FLAG_JSON (1U << 0)
#define XL_FLAG_STREAM_V2 (1U << 1)
#define XL_FLAGS_KNOWN (XL_FLAG_JSON | XL_FLAG_STREAM_V2)

#define LIBVIRT_MAGIC "libvirt-xml\n \0 \r"
#define LIBVIRT_STREAM_V2 2

#define XAPI_MAGIC "XenSavedDomv2-\n"

typedef enum { WRAPPER_XL = 1, WRAPPER_LIBVIRT, WRAPPER_XAPI } StreamWrapper;

typedef enum {
    XAPI_XENOPS = 0x000f,
    XAPI_LIBXC = 0x00f0,
    XAPI_LIBXL = 0x00f1,
    XAPI_LIBXC_LEGACY = 0x00f2,
    XAPI_QEMU_TRADITIONAL = 0x0f00,
    XAPI_QEMU_UPSTREAM = 0x0f01,
    XAPI_VGPU = 0x0f10,
    XAPI_VARSTORED = 0x0f11,
    XAPI_SWTPM_OLD = 0x0f12,
    XAPI_SWTPM = 0x0f13,
    XAPI_END = 0xffff,
} XapiType;

/* Set in the type of a record that a reader may skip if it doesn't know the type. */
#define STREAM_OPTIONAL 0x80000000U

/* --- libxl --- */

#define LIBXL_MAGIC "LibxlFmt"
#define LIBXL_VERSION 2
#define LIBXL_OPTION_BIG_ENDIAN (1U << 0)
#define LIBXL_OPTION_LEGACY (1U << 1)
#define LIBXL_OPTIONS_KNOWN (LIBXL_OPTION_BIG_ENDIAN | LIBXL_OPTION_LEGACY)

typedef enum {
    LIBXL_END = 0,
    LIBXL_LIBXC_CONTEXT = 1,
    LIBXL_EMULATOR_XENSTORE_DATA = 2,
    LIBXL_EMULATOR_CONTEXT = 3,
    LIBXL_CHECKPOINT_END = 4,
    LIBXL_CHECKPOINT_STATE = 5,
} LibxlType;

/* --- libxc --- */

/* Eight bytes ff precede it. */
#define LIBXC_MAGIC "XENF"
#define LIBXC_VERSION_LEAST 2
#define LIBXC_VERSION_MOST 3
#define LIBXC_OPTION_BIG_ENDIAN (1U << 0)
#define LIBXC_OPTIONS_KNOWN LIBXC_OPTION_BIG_ENDIAN

/* A pfn of PAGE_DATA, with its type in the highest bits. */
#define LIBXC_PFN_MASK G_GUINT64_CONSTANT(0x000fffffffffffff)
#define LIBXC_PFN_RESERVED G_GUINT64_CONSTANT(0x0ff0000000000000)
#define LIBXC_PFN_TYPE_SHIFT 60

/* Types from this one on have no page in the stream; some below don't exist. */
#define PFN_TYPE_PAGELESS 13
#define PFN_TYPE_EXISTS(type) ((type) < 5 || (type) > 8)

typedef enum {
    LIBXC_END = 0x00,
    LIBXC_PAGE_DATA = 0x01,
    LIBXC_X86_PV_INFO = 0x02,
    LIBXC_X86_PV_P2M_FRAMES = 0x03,
    LIBXC_X86_PV_VCPU_BASIC = 0x04,
    LIBXC_X86_PV_VCPU_EXTENDED = 0x05,
    LIBXC_X86_PV_VCPU_XSAVE = 0x06,
    LIBXC_SHARED_INFO = 0x07,
    LIBXC_X86_TSC_INFO = 0x08,
    LIBXC_HVM_CONTEXT = 0x09,
    LIBXC_HVM_PARAMS = 0x0a,
    LIBXC_TOOLSTACK = 0x0b,
    LIBXC_X86_PV_VCPU_MSRS = 0x0c,
    LIBXC_VERIFY = 0x0d,
    LIBXC_CHECKPOINT = 0x0e,
    LIBXC_CHECKPOINT_DIRTY_PFN_LIST = 0x0f,
    LIBXC_STATIC_DATA_END = 0x10,
    LIBXC_X86_CPUID_POLICY = 0x11,
    LIBXC_X86_MSR_POLICY = 0x12,
} LibxcType;

/* --- the streams of Xen 4.2 to 4.5 --- */

#define LEGACY_BATCH_MAX 1024
#define LEGACY_PFN_MASK 0x0fffffffU
#define LEGACY_PFN_TYPE_SHIFT 28
#define LEGACY_QEMU_SIGNATURE "DeviceModelRecord0002"
#define LEGACY_REMUS_SIGNATURE "RemusDeviceModelState"

/* Chunks have negative numbers, except the end. Other parts of the stream get numbers here. */
typedef enum {
    LEGACY_PAGES = 1,
    LEGACY_MAGIC_PFNS = 2,
    LEGACY_HVM_CONTEXT = 3,
    LEGACY_QEMU = 4,
    LEGACY_END = 0,
    LEGACY_VCPU_INFO = -2,
    LEGACY_LAST_CHECKPOINT = -9,
    LEGACY_TOOLSTACK = -18,
} LegacyType;

/* In domain.guest. */
typedef enum { GUEST_X86_PV = 1, GUEST_X86_HVM = 2 } StreamGuest;

/* A parameter in HVM_PARAMS that is set only for a guest with a device model. */
#define HVM_PARAM_NR_IOREQ_SERVER_PAGES 33

#endif
