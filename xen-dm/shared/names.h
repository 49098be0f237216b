/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Names that two of our programs share: files, sockets, environment. Each is defined only here. */
#ifndef XEN_PHYSMAP_NAMES_H
#define XEN_PHYSMAP_NAMES_H

/* The launcher, and the component that it preloads into QEMU; both are in one folder. */
#define LAUNCHER_FILE "xen-physmap-qemu"
#define COMPONENT_FILE "xen-physmap-qemu.so"

/* QEMU's monitor for our tools; %u is the domid. libxl's own monitor takes one client at a time. */
#define QMP_SOCKET_FORMAT "/run/xen/qmp-physmap-%u"

/* The prefix of the ids of the monitors that the launcher adds to QEMU's arguments. */
#define MONITOR_ID_PREFIX "xen-physmap-"

/* The suffix of the paths that a QEMU in standby listens at. The updater renames the sockets. */
#define STANDBY_SUFFIX ".next"

/*
 * A QEMU in standby holds a lock (flock) on this file while it has the guest paused; %u is the domid.
 * The updater takes the lock before it kills that QEMU, which would leave the guest paused.
 */
#define STANDBY_LOCK_FORMAT "/run/xen-physmap/%u/pausing"

/* The launcher's option that makes it print what it would start, one word a line, and exit. */
#define WHERE_OPTION "--where"
#define WHERE_QEMU "qemu "
#define WHERE_POLICY "policy "

/* Set by the administrator, read by the launcher: the QEMU to run, and the policy. */
#define ENV_QEMU "XEN_PHYSMAP_QEMU"
#define ENV_POLICY "XEN_PHYSMAP_POLICY"

/* Set by the launcher. The component inside QEMU reads and removes them. */
#define ENV_DOMID "XEN_PHYSMAP_DOMID"
#define ENV_QMP_FD "XEN_PHYSMAP_QMP_FD"
#define ENV_INCOMING "XEN_PHYSMAP_INCOMING"

/*
 * Set by the launcher when its first argument is HOLD_OPTION with a descriptor: a socket of the
 * updater's. A QEMU in standby (preload/standby.h) writes a byte to it when all its devices are set
 * up, and waits for one before it loads their state. It exits when the updater is gone.
 */
#define ENV_HOLD_FD "XEN_PHYSMAP_HOLD_FD"
#define HOLD_OPTION "--xen-physmap-hold="

/*
 * Set by the updater: the component prints PROBE_ANSWER when it is loaded into QEMU, and does
 * nothing else. A program that doesn't load it, such as a static one, has no standby. The launcher
 * removes it from the environment.
 */
#define ENV_PROBE "XEN_PHYSMAP_PROBE"
#define PROBE_ANSWER "xen-physmap: loaded\n"

#endif
