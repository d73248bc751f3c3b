/* Refused mounts and roots: mount(2), mount_namespaces(7), pivot_root(2), and overlayfs
 * in the kernel's Documentation/filesystems. */
#include <errno.h>

#include "base/cleanup.h"
#include "explain/explain.h"

#define MOUNT "@(mount|move_mount|open_tree|fsmount|fsopen|fsconfig|mount_setattr)"

static const struct explain_row rows[] = {
	{"mount", "proc@(| *)", {EPERM}, {WHEN_PROC_MASKED, WHEN_USERNS}, "proc-masked-around",
		false,
		"something is mounted over {proc_mask} around nidus, and the kernel gives no fresh "
		"/proc to a user namespace that would show what is hidden there",
		"Start the place with its /proc unmasked (podman: --security-opt unmask=ALL; "
		"docker: "
		"--security-opt systempaths=unconfined; Kubernetes: procMount: Unmasked), or share "
		"its processes (--pid host)."},
	{"mount", "sysfs@(| *)", {EPERM}, {WHEN_SYS_MASKED, WHEN_USERNS}, "sys-masked-around",
		false,
		"something is mounted over {sys_mask} around nidus, and the kernel gives no fresh "
		"/sys to a user namespace that would show what is hidden there",
		"Start the place with its /sys unmasked (podman: --security-opt unmask=ALL), or "
		"share "
		"its network (--network host), where /sys is bound."},
	{"mount", "sysfs@(| *)", {EPERM}, {WHEN_USERNS}, "sysfs-foreign-netns", false,
		"sysfs shows a network namespace, and may be mounted only where the user namespace "
		"owns it",
		"Give the container a network of its own (--network none or user)."},
	{"mount", "mqueue@(| *)", {EPERM}, {WHEN_USERNS}, "mqueue-foreign-ipc", false,
		"mqueue shows an IPC namespace, and may be mounted only where the user namespace "
		"owns "
		"it",
		"Give the container an IPC namespace of its own (--ipc private)."},
	{"mount", "proc@(| *)", {EPERM}, {WHEN_USERNS}, "proc-foreign-pid", false,
		"/proc shows a pid namespace, and may be mounted only where the user namespace "
		"owns it "
		"and nothing around hides a part of /proc",
		"Give the container a pid namespace of its own (--pid private)."},
	{"mount", "devpts@(| *)", {EINVAL}, {WHEN_USERNS}, "devpts-gid", false,
		"an option of devpts names an id (gid=5) that is not mapped in the user namespace",
		"Map gid 5, or leave the option out."},
	{MOUNT, "*overlay*", {EINVAL}, {WHEN_GVISOR}, "overlay-refused", false,
		"this is gVisor, whose overlay takes fewer layers and options than Linux's",
		"Use a root that is a plain directory, or let nidus take the next rung."},
	{"mount", "*overlay*", {EPERM}, {WHEN_USERNS}, "overlay-userns", false,
		"overlay in a user namespace wants Linux 5.11 or newer (this is {kernel}) and the "
		"option userxattr",
		"Install fuse-overlayfs, which nidus takes then, or run as root."},
	{"mount", "*overlay*", {EINVAL}, {WHEN_ROOT_OVERLAY}, "overlay-on-overlay", false,
		"the root here is an overlay itself: its file system cannot hold the upper "
		"directory "
		"of another, and overlays stack two deep",
		"Put the state on another file system (NIDUS_STATE_DIR on a volume or a tmpfs)."},
	{"mount", "*overlay*", {EINVAL}, {WHEN_ALWAYS}, "overlay-refused", false,
		"overlay refuses an upper directory on a file system without extended attributes "
		"or "
		"whiteouts (NFS, FAT, another overlay), layers on one that is case-insensitive, "
		"and a "
		"third overlay on two",
		"Put the state on ext4, XFS, btrfs or tmpfs (NIDUS_STATE_DIR)."},
	{"mount", "*overlay*", {ELOOP, EBUSY, ESTALE}, {WHEN_ALWAYS}, "overlay-layers-overlap",
		false,
		"a layer contains another, or an upper or work directory is in use by another "
		"overlay",
		"Use separate directories; nidus gc removes what a killed run left."},
	{"mount", "*overlay*", {ENODEV}, {WHEN_ALWAYS}, "overlay-absent", true,
		"this kernel ({kernel}) has no overlay, or its module is not loaded and cannot be "
		"from "
		"here",
		"Root of the machine can run: modprobe overlay."},
	{MOUNT, "*remount*", {EPERM}, {WHEN_USERNS}, "mount-flags-locked", false,
		"a mount that came from a more privileged place keeps its read-only, nosuid, nodev "
		"and "
		"noexec flags in a user namespace",
		"Ask for the flags it has, or have it mounted without them outside."},
	{MOUNT, NULL, {EACCES}, {WHEN_LSM_LABEL}, "mount-blocked-by-lsm", false,
		"a security module confines this process as {lsm_label}; AppArmor's default "
		"profile for "
		"containers refuses mounts with this error",
		"Whoever started this place can relax it: --security-opt apparmor=unconfined or "
		"label=disable."},
	{MOUNT, NULL, {EPERM, EACCES}, {WHEN_APPARMOR_RESTRICTS, WHEN_NOT_ROOT, WHEN_NEW_USERNS},
		"userns-blocked-by-lsm", false,
		"kernel.apparmor_restrict_unprivileged_userns is on: the user namespace was made, "
		"but "
		"without rights in it",
		"The administrator can run sysctl kernel.apparmor_restrict_unprivileged_userns=0, "
		"or "
		"load an AppArmor profile with 'userns,' for nidus."},
	{MOUNT, NULL, {EPERM}, {WHEN_NO_SYS_ADMIN, WHEN_NO_NEW_USERNS}, "mount-needs-privilege",
		true, "this process has no CAP_SYS_ADMIN",
		"Add --userns auto (a user namespace of its own), or start nidus with "
		"CAP_SYS_ADMIN."},
	{MOUNT, NULL, {EPERM, ENOSYS}, {WHEN_SECCOMP}, "mount-blocked-by-seccomp", false,
		"a seccomp filter is in force around nidus ({seccomp_filters}), which may refuse "
		"mounts",
		"Whoever started this place can allow it: --security-opt seccomp=unconfined, or a "
		"profile that lets mount, umount2 and pivot_root through."},
	{MOUNT, NULL, {ENODEV}, {WHEN_ALWAYS}, "filesystem-absent", true,
		"this kernel ({kernel}) has no file system of that type, or its module is not "
		"loaded and "
		"cannot be from here",
		"Root of the machine can load the module; /proc/filesystems lists what is there."},
	{MOUNT, NULL, {ENOSPC}, {WHEN_ALWAYS}, "mount-limit", false,
		"a mount namespace can hold fs.mount-max mounts (100000 unless set)",
		"Unmount something, or raise fs.mount-max."},
	{MOUNT, NULL, {EINVAL}, {WHEN_CHROOT}, "mount-in-chroot", false,
		"this process is in a chroot: its root is no mount point, so its propagation "
		"cannot be "
		"changed",
		"Bind the tree on itself before entering it (mount --bind DIR DIR), or enter it by "
		"pivot_root."},
	{"pivot_root", NULL, {EINVAL}, {WHEN_ROOTFS}, "pivot-in-initramfs", true,
		"the root is the kernel's initial ram file system, which cannot be pivoted away",
		"Switch to another root first (switch_root), or let nidus take its next rung."},
	{"pivot_root", NULL, {EINVAL}, {WHEN_CHROOT}, "pivot-in-chroot", true,
		"this process is in a chroot: its root is no mount point",
		"Bind the tree on itself before entering it (mount --bind DIR DIR)."},
	{"pivot_root", NULL, {EINVAL}, {WHEN_ALWAYS}, "pivot-refused", false,
		"the root or the new root is a shared mount, or no mount point",
		"Make them private: mount --make-rprivate /."},
	{"pivot_root", NULL, {EPERM, ENOSYS}, {WHEN_SECCOMP}, "mount-blocked-by-seccomp", false,
		"a seccomp filter is in force around nidus ({seccomp_filters}), which may refuse "
		"pivot_root",
		"Whoever started this place can allow it: --security-opt seccomp=unconfined."},
	{"mknod", NULL, {EPERM}, {WHEN_USERNS}, "mknod-denied", false,
		"device nodes cannot be made in a user namespace, whatever its capabilities",
		"Bind the node from outside (--device does that)."},
	{"mknod", NULL, {EPERM}, {WHEN_ALWAYS}, "mknod-denied", false,
		"making device nodes needs CAP_MKNOD and the leave of every device cgroup around",
		"Start the place with CAP_MKNOD and the device allowed, or bind the node "
		"(--device)."},
	{"open", "*/dev/@(pts/ptmx|ptmx)*", {ENOSPC}, {WHEN_ALWAYS}, "pty-limit", false,
		"kernel.pty.max terminals are open", "Close some, or raise kernel.pty.max."},
	{"write", "sysctl *", {EROFS}, {WHEN_ALWAYS}, "sysctl-readonly", true,
		"/proc/sys is mounted read-only around nidus",
		"Start the place with it writable (podman, docker: --privileged or --security-opt "
		"unmask=ALL), or set the value outside."},
	{"write", "sysctl *", {EACCES, EPERM}, {WHEN_ALWAYS}, "sysctl-denied", false,
		"a sysctl that belongs to no namespace of the container can be set by root of the "
		"machine only",
		"Set it outside, or give the container the namespace it belongs to (net.*: a "
		"network "
		"of its own; kernel.shm*, kernel.msg*, kernel.sem, fs.mqueue.*: --ipc private)."},
	{"@(write|open)", "sysctl *", {ENOENT}, {WHEN_ALWAYS}, "sysctl-absent", true,
		"there is no such file in /proc/sys here",
		"Check the name; some appear only once a module is loaded outside."},
	{"write", "sysctl *", {EINVAL, ERANGE}, {WHEN_ALWAYS}, "sysctl-invalid", true,
		"the kernel refuses the value", "Use a value in the range the sysctl takes."},
};

const struct explain_table explain_mounts = {rows, ARRAY_SIZE(rows)};
