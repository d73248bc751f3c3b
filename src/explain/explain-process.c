/* Refused changes of a process: ids, capabilities, limits, filters, and execve(2). */
#include <errno.h>

#include "base/cleanup.h"
#include "explain/explain.h"

static const struct explain_row rows[] = {
	{"setrlimit", NULL, {EPERM}, {WHEN_NO_SYS_RESOURCE}, "rlimit-denied", true,
		"raising a hard limit needs CAP_SYS_RESOURCE in the first user namespace",
		"Ask for no more than the hard limit that nidus has, or add --best-effort, which "
		"takes "
		"what is allowed."},
	{"write", "oom_score_adj*", {EACCES, EPERM}, {WHEN_ALWAYS}, "oom-score-denied", false,
		"lowering the score below what it once was needs CAP_SYS_RESOURCE",
		"Ask for a score no lower than nidus's own, or add --best-effort."},
	{"setgroups", NULL, {EPERM}, {WHEN_SETGROUPS_DENIED}, "setgroups-denied", true,
		"setgroups is denied in the user namespace around (/proc/self/setgroups)",
		"Start the outer user namespace with subordinate ids, or leave --group-add out."},
	{"setgroups", NULL, {EPERM}, {WHEN_ALWAYS}, "setgroups-denied", false,
		"changing groups needs CAP_SETGID, and setgroups is denied in a user namespace "
		"with one "
		"id",
		"Give the user subordinate ids, or use --group-add keep-groups."},
	{"setres@(u|g)id", NULL, {EINVAL}, {WHEN_USERNS}, "id-not-mapped", true,
		"the id has no mapping in the container's user namespace",
		"Map it: --uidmap and --gidmap, subordinate ids, or run as root (--user 0)."},
	{"setres@(u|g)id", NULL, {EPERM}, {WHEN_ALWAYS}, "id-change-denied", false,
		"taking on another id needs CAP_SETUID and CAP_SETGID",
		"Use --user with nidus's own id, or a user namespace (--userns auto)."},
	{"setres@(u|g)id", NULL, {EAGAIN}, {WHEN_ALWAYS}, "process-limit", false,
		"that user's processes reach RLIMIT_NPROC ({max_processes})",
		"End some of them, or raise the limit (--ulimit nproc)."},
	{"capset", NULL, {EPERM}, {WHEN_ALWAYS}, "capability-missing", false,
		"a capability that was asked for is not among those that nidus has here",
		"Leave it out of --cap-add, use a user namespace (--userns auto), or start nidus "
		"with "
		"it."},
	{"prctl(PR_CAPBSET_DROP)*", NULL, {EPERM}, {WHEN_NO_SETPCAP}, "capability-missing", true,
		"dropping capabilities for good needs CAP_SETPCAP, which nidus does not have here",
		"Use a user namespace (--userns auto), or start nidus with CAP_SETPCAP."},
	{"prctl(PR_CAP_AMBIENT_RAISE)*", NULL, {EPERM}, {WHEN_ALWAYS}, "capability-missing", false,
		"an ambient capability must be permitted and inheritable first",
		"Leave it out of --cap-add for a user other than root."},
	{"execve", NULL, {ENOEXEC}, {WHEN_ALWAYS}, "exec-denied", false,
		"the file is no program of this machine's architecture, or a script without #!",
		"Use an image for this architecture, or begin the script with #!/bin/sh."},
	{"execve", NULL, {EACCES}, {WHEN_ALWAYS}, "exec-denied", false,
		"the file has no execute permission for this user, a directory on the way cannot "
		"be "
		"searched, it is no plain file, or its file system is mounted noexec",
		"chmod +x the file, run as another user (--user), or mount the volume without "
		"noexec."},
	{"execve", NULL, {EPERM}, {WHEN_ALWAYS}, "exec-denied", false,
		"a file with capabilities that the container's bounding set lacks cannot be "
		"executed, "
		"and a security module can refuse",
		"Add the capabilities (--cap-add), or remove them from the file (setcap -r)."},
	{"execve", NULL, {E2BIG}, {WHEN_ALWAYS}, "exec-denied", true,
		"the arguments and the environment together are too long",
		"Pass less: a file, or --env-file with fewer entries."},
	{"execve", NULL, {ETXTBSY}, {WHEN_ALWAYS}, "exec-denied", true,
		"the file is open for writing", "Try again once its writer is done."},
	{"seccomp", NULL, {EACCES}, {WHEN_ALWAYS}, "seccomp-needs-privilege", true,
		"a filter without no_new_privs needs CAP_SYS_ADMIN in the process's own user "
		"namespace",
		"Use --security-opt no-new-privileges, a user namespace of its own (--userns "
		"auto), or "
		"--security-opt seccomp=unconfined."},
};

const struct explain_table explain_process = {rows, ARRAY_SIZE(rows)};
