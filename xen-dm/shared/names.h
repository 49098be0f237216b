/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The names that two of our programs share: files, sockets, environment. Each stands here alone. */
#ifndef XEN_PHYSMAP_NAMES_H
#define XEN_PHYSMAP_NAMES_H

/* The launcher, and the component that it preloads into QEMU; they lie in one folder. */
#define LAUNCHER_FILE "xen-physmap-qemu"
#define COMPONENT_FILE "xen-physmap-qemu.so"

/* QEMU's monitor for our tools; %u is the domid. libxl's own take one client at a time. */
#define QMP_SOCKET_FORMAT "/run/xen/qmp-physmap-%u"

/* The ids of the monitors that the launcher adds to QEMU's arguments begin with this. */
#define MONITOR_ID_PREFIX "xen-physmap-"

/* A QEMU in standby listens at each path with this after it; the updater renames the sockets. */
#define STANDBY_SUFFIX ".next"

/* The launcher's option that makes it print what it would start, one line each, and end. */
#define WHERE_OPTION "--where"
#define WHERE_QEMU "qemu "
#define WHERE_POLICY "policy "

/* Set by the administrator, read by the launcher: the QEMU to run, and what a mismatch means. */
#define ENV_QEMU "XEN_PHYSMAP_QEMU"
#define ENV_POLICY "XEN_PHYSMAP_POLICY"

/* Set by the launcher, read by the component inside QEMU, which removes them. */
#define ENV_DOMID "XEN_PHYSMAP_DOMID"
#define ENV_QMP_FD "XEN_PHYSMAP_QMP_FD"
#define ENV_INCOMING "XEN_PHYSMAP_INCOMING"

/*
 * Set by the launcher when its first argument is HOLD_OPTION with a descriptor, which the updater
 * gives: a socket. A QEMU in standby (preload/standby.h) writes a byte to it when all its devices
 * are set up, and waits for one before it loads their state. It exits when the updater is gone.
 */
#define ENV_HOLD_FD "XEN_PHYSMAP_HOLD_FD"
#define HOLD_OPTION "--xen-physmap-hold="

/*
 * Set by the updater: the component prints PROBE_ANSWER when it is loaded into QEMU, and does
 * nothing else. A program that doesn't load it, a static one for example, has no standby. The
 * launcher doesn't let it through.
 */
#define ENV_PROBE "XEN_PHYSMAP_PROBE"
#define PROBE_ANSWER "xen-physmap: loaded\n"

#endif
