/* Refused cgroups: cgroups(7) and the kernel's Documentation/admin-guide/cgroup-v2.rst. */
#include <errno.h>

#include "base/cleanup.h"
#include "explain/explain.h"

#define CHANGE "@(mkdir|write|open)"
#define CGROUP "*@(cgroup)*"

static const struct explain_row rows[] = {
	{CHANGE, CGROUP, {EROFS}, {WHEN_ALWAYS}, "cgroup-readonly", true,
		"the cgroup file system is mounted read-only around nidus",
		"Start the place with it writable (podman: --security-opt unmask=/sys/fs/cgroup; "
		"docker: --privileged), or leave the limits out, or take rlimits in their place "
		"with "
		"--best-effort."},
	{CHANGE, "*cgroup.subtree_control*", {EBUSY}, {WHEN_ALWAYS}, "cgroup-has-processes", true,
		"a cgroup of v2 that has processes of its own cannot give controllers to its "
		"children",
		"Move those processes into a child cgroup; nidus does so where the cgroup is its "
		"own."},
	{CHANGE, "*cgroup.subtree_control*", {ENOENT}, {WHEN_ALWAYS}, "cgroup-no-controller", true,
		"the cgroup around does not have that controller to give (cgroup.controllers)",
		"Whoever delegated it can enable the controller there (systemd: Delegate=yes)."},
	{"write", "*cgroup.@(procs|threads)*", {EOPNOTSUPP}, {WHEN_ALWAYS}, "cgroup-threaded", true,
		"the cgroup is threaded, or invalid beneath a threaded one",
		"Use another parent (--cgroup-parent)."},
	{"write", "*cgroup.procs*", {EBUSY}, {WHEN_ALWAYS}, "cgroup-has-children", true,
		"a cgroup of v2 that gives controllers to its children takes no processes itself",
		"Use a parent without controllers enabled, or one of its children."},
	{"write", "*@(cgroup.procs|tasks)*", {ENOSPC}, {WHEN_ALWAYS}, "cgroup-cpuset-empty", false,
		"a cpuset cgroup takes processes only once it has CPUs and memory nodes",
		"Write cpuset.cpus and cpuset.mems of the parents, or leave --cpuset-cpus out."},
	{CHANGE, CGROUP, {EACCES, EPERM}, {WHEN_NOT_ROOT}, "cgroup-not-delegated", false,
		"the cgroup around belongs to another user than uid {euid}",
		"With systemd: run nidus in a delegated unit (systemd-run --user --scope -p "
		"Delegate=yes nidus ...); or leave the limits out; or --best-effort."},
	{CHANGE, CGROUP, {EACCES, EPERM}, {WHEN_IN_USERNS}, "cgroup-not-delegated", false,
		"the cgroup around belongs to an id outside this user namespace (map: {uid_map})",
		"Whoever started this place can delegate it: chown the cgroup directory and its "
		"cgroup.procs, cgroup.threads and cgroup.subtree_control; or --best-effort."},
	{CHANGE, CGROUP, {EACCES, EPERM}, {WHEN_ALWAYS}, "cgroup-denied", false,
		"a parent's limit may not be exceeded, and the file belongs to somebody else or a "
		"security module guards it",
		"Ask for less than the cgroup around allows, or use --best-effort."},
	{CHANGE, CGROUP, {EBUSY}, {WHEN_ALWAYS}, "cgroup-busy", false,
		"the cgroup has processes or children that stand against the change",
		"Use another parent (--cgroup-parent), or nidus gc."},
	{CHANGE, CGROUP, {ENOSPC, EAGAIN}, {WHEN_ALWAYS}, "cgroup-limit", false,
		"cgroup.max.descendants or cgroup.max.depth of a cgroup around is reached, or (v1) "
		"the "
		"kernel's 65535 memory cgroups",
		"nidus gc removes what killed runs left; else have the limit raised."},
	{CHANGE, CGROUP, {EINVAL, ERANGE}, {WHEN_ALWAYS}, "cgroup-invalid", false,
		"the kernel refuses the value of a limit", "Use another value for the option."},
	{CHANGE, CGROUP, {ENOENT, ENODEV}, {WHEN_CGROUP_ABSENT}, "cgroup-absent", true,
		"no cgroup file system is mounted here",
		"Mount one (mount -t cgroup2 none /sys/fs/cgroup), leave the limits out, or take "
		"rlimits in their place with --best-effort."},
	{CHANGE, CGROUP, {ENOENT}, {WHEN_ALWAYS}, "cgroup-no-controller", false,
		"the cgroup here lacks that file: its controller is not enabled, or belongs to "
		"another "
		"hierarchy",
		"Enable the controller in the cgroups around, or leave the limit out; nidus probe "
		"cgroup says which are there."},
};

const struct explain_table explain_cgroups = {rows, ARRAY_SIZE(rows)};
