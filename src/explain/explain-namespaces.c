/* Refused namespaces and id maps: clone(2), unshare(2), setns(2), user_namespaces(7). */
#include <errno.h>

#include "base/cleanup.h"
#include "explain/explain.h"

#define NEW  "@(clone|clone3|unshare)*"
#define USER "*user*"

static const struct explain_row rows[] = {
	{NEW, USER, {ENOSPC, EUSERS}, {WHEN_MAX_USERNS_ZERO}, "userns-disabled", true,
		"user.max_user_namespaces is 0 (/proc/sys/user/max_user_namespaces)",
		"The administrator can allow user namespaces: sysctl "
		"user.max_user_namespaces=15000. As "
		"root, run without one (--userns host)."},
	{NEW, USER, {ENOSPC, EUSERS}, {WHEN_ALWAYS}, "userns-limit", false,
		"user.max_user_namespaces is used up here or further out, or 32 levels of user "
		"namespaces are reached",
		"End other containers of this user, or have the administrator raise "
		"user.max_user_namespaces."},
	{NEW, NULL, {ENOSPC}, {WHEN_ALWAYS}, "namespace-limit", false,
		"one of the limits in /proc/sys/user (max_mnt_namespaces, max_net_namespaces, ...) "
		"is "
		"used up here or further out, or 32 levels of pid namespaces are reached",
		"End other containers of this user, or have the administrator raise the limit."},
	{NEW, USER, {EPERM}, {WHEN_USERNS_CLONE_ZERO, WHEN_NO_SYS_ADMIN}, "userns-disabled", true,
		"kernel.unprivileged_userns_clone is 0 and this process has no CAP_SYS_ADMIN",
		"The administrator can allow them: sysctl kernel.unprivileged_userns_clone=1; or "
		"start "
		"nidus as root."},
	{NEW, USER, {EPERM}, {WHEN_CHROOT}, "userns-in-chroot", false,
		"this process is in a chroot: its root is no mount point, and the kernel makes no "
		"user "
		"namespace there",
		"Enter the tree by a mount namespace and pivot_root in place of chroot (as nidus "
		"run "
		"does), or as root run with --userns host."},
	{NEW, USER, {EPERM}, {WHEN_UNMAPPED}, "userns-id-unmapped", false,
		"the ids of this process have no mapping in its user namespace (uid_map: "
		"{uid_map}), "
		"and the kernel makes no user namespace for such a process",
		"Write the id map of the outer user namespace before starting nidus in it."},
	{NEW, USER, {EPERM, EACCES}, {WHEN_APPARMOR_RESTRICTS, WHEN_NOT_ROOT},
		"userns-blocked-by-lsm", false,
		"kernel.apparmor_restrict_unprivileged_userns is on and this process runs as uid "
		"{euid} "
		"without a profile that allows user namespaces",
		"The administrator can run sysctl kernel.apparmor_restrict_unprivileged_userns=0, "
		"or "
		"load an AppArmor profile with 'userns,' for nidus."},
	{NEW, NULL, {EPERM}, {WHEN_SECCOMP, WHEN_NO_SYS_ADMIN}, "namespaces-blocked-by-seccomp",
		false,
		"a seccomp filter is in force around nidus ({seccomp_filters}) and this process "
		"has no "
		"CAP_SYS_ADMIN; container engines' default profiles refuse new namespaces then",
		"Whoever started this place can allow it: --security-opt seccomp=unconfined, or a "
		"profile that lets clone, clone3, unshare, mount, pivot_root and setns through."},
	{NEW, NULL, {EPERM, EACCES}, {WHEN_LSM_LABEL}, "namespaces-blocked-by-lsm", false,
		"a security module confines this process as {lsm_label}",
		"Whoever started this place can relax it: --security-opt apparmor=unconfined or "
		"label=disable."},
	{NEW, NULL, {EPERM}, {WHEN_NO_SYS_ADMIN, WHEN_NO_NEW_USERNS}, "namespaces-need-privilege",
		true,
		"this process has no CAP_SYS_ADMIN, and no user namespace was asked for in which "
		"it "
		"would have it",
		"Add --userns auto (a user namespace of its own), or start nidus with "
		"CAP_SYS_ADMIN."},
	{NEW, NULL, {EAGAIN}, {WHEN_ALWAYS}, "process-limit", false,
		"the number of processes is limited: RLIMIT_NPROC is {max_processes}, or pids.max "
		"of a "
		"cgroup around is reached",
		"End other processes, or have the limit raised by whoever started this place."},
	{NEW, NULL, {EINVAL, ENOSYS}, {WHEN_GVISOR}, "namespace-absent", false,
		"this is gVisor, which has no such namespace",
		"Share it: --cgroupns host, --ipc host."},
	{NEW, NULL, {EINVAL, ENOSYS}, {WHEN_ALWAYS}, "namespace-absent", false,
		"this kernel ({kernel}) was built without one of these namespaces",
		"Share the one that is missing (--userns, --pid, --ipc, --uts, --cgroupns or "
		"--network "
		"host); nidus probe ns says which."},
	{"setns", NULL, {EPERM}, {WHEN_ALWAYS}, "namespace-foreign", false,
		"entering a namespace needs CAP_SYS_ADMIN in the user namespace that owns it",
		"Run nidus as the user who started the container, or as root outside."},
	{"setns", NULL, {EINVAL}, {WHEN_ALWAYS}, "namespace-foreign", false,
		"the process is in this user namespace already, or the descriptor is of another "
		"kind "
		"of namespace",
		"Name a namespace file of the right kind, as /proc/PID/ns/net."},
	{"write", "*/setgroups*", {EPERM, EACCES}, {WHEN_ALWAYS}, "idmap-refused", false,
		"setgroups can be denied only before the gid map is written",
		"Start again; if it repeats, it is a bug of nidus."},
	{"write", "*/gid_map*", {EPERM, EACCES}, {WHEN_NOT_ROOT}, "idmap-needs-subids", false,
		"without privilege one id can be mapped, and only to the own group, "
		"after setgroups was denied",
		"Use --userns auto, or give this user subordinate ids: usermod --add-subuids "
		"100000-165535 --add-subgids 100000-165535 USER."},
	{"write", "*/@(uid|gid)_map*", {EPERM, EACCES}, {WHEN_APPARMOR_RESTRICTS, WHEN_NOT_ROOT},
		"userns-blocked-by-lsm", false,
		"kernel.apparmor_restrict_unprivileged_userns is on: the user namespace was made, "
		"but "
		"without rights in it",
		"The administrator can run sysctl kernel.apparmor_restrict_unprivileged_userns=0, "
		"or "
		"load an AppArmor profile with 'userns,' for nidus."},
	{"write", "*/@(uid|gid)_map*", {EPERM, EACCES}, {WHEN_NOT_ROOT, WHEN_NO_SUBIDS},
		"idmap-needs-subids", true,
		"uid {euid} has no range in /etc/subuid and /etc/subgid, and without one it may "
		"map "
		"its own id only",
		"The administrator can give it one: usermod --add-subuids 100000-165535 "
		"--add-subgids "
		"100000-165535 USER; or map one id (--userns auto)."},
	{"write", "*/@(uid|gid)_map*", {EPERM, EACCES}, {WHEN_NOT_ROOT, WHEN_NO_NEWUIDMAP},
		"idmap-needs-helper", true,
		"newuidmap and newgidmap are not installed, which write maps of subordinate ids",
		"Install them (Debian: uidmap)."},
	{"write", "*/@(uid|gid)_map*", {EPERM, EACCES}, {WHEN_IN_USERNS}, "idmap-outside-parent",
		false,
		"only ids that exist in the user namespace around can be mapped; its map is "
		"{uid_map}",
		"Map fewer ids (--uidmap 0:0:1), or start the outer container with more."},
	{"write", "*/@(uid|gid)_map*", {EPERM, EACCES}, {WHEN_ALWAYS}, "idmap-refused", false,
		"writing a map of several ids needs CAP_SETUID and CAP_SETGID here",
		"Give this process those capabilities, or map one id (--userns auto)."},
	{"write", "*/@(uid|gid)_map*", {EINVAL}, {WHEN_ALWAYS}, "idmap-invalid", false,
		"ranges of an id map must not overlap, must not be empty, and there can be 340 of "
		"them",
		"Correct --uidmap and --gidmap."},
	{"set@(hostname|domainname)", NULL, {EPERM}, {WHEN_APPARMOR_RESTRICTS, WHEN_NOT_ROOT},
		"userns-blocked-by-lsm", false,
		"kernel.apparmor_restrict_unprivileged_userns is on: the user namespace was made, "
		"but "
		"without rights in it",
		"The administrator can run sysctl kernel.apparmor_restrict_unprivileged_userns=0, "
		"or "
		"load an AppArmor profile with 'userns,' for nidus."},
	{"set@(hostname|domainname)", NULL, {EPERM}, {WHEN_ALWAYS}, "uts-foreign", false,
		"the UTS namespace belongs to a user namespace in which this process has no "
		"CAP_SYS_ADMIN",
		"Leave --hostname out with --uts host."},
};

const struct explain_table explain_namespaces = {rows, ARRAY_SIZE(rows)};
