/* From a refusal to its cause: (operation, errno, surroundings) to a stable code, the
 * facts that decided, and a sentence that says who can do what.  Pure: the surroundings
 * are read by kernel/surroundings.c or recorded in a test.  The wording lives in const
 * tables, one a subject: explain-*.c. */
#pragma once

#include "base/err.h"
#include "kernel/surroundings.h"

/* Enriches the outermost error of a chain whose innermost says what the kernel refused:
 * sets code, detail and remedy where the chain has none of its own yet, and `proved` where
 * the cause follows from what was read rather than is only likely.  What no row knows
 * stays as it is.  Returns e; NULL stays NULL. */
nd_err *explain_err(nd_err *e, const struct surroundings *s);

/* The rows, for docs and tests. */
enum explain_when {
	WHEN_ALWAYS,
	WHEN_NO_SYS_ADMIN, /* CAP_SYS_ADMIN is not effective */
	WHEN_NO_SYS_RESOURCE,
	WHEN_NO_SETPCAP,
	WHEN_NOT_ROOT, /* euid is not 0 */
	WHEN_USERNS,   /* in a user namespace, or making one */
	WHEN_NEW_USERNS,
	WHEN_NO_NEW_USERNS,
	WHEN_IN_USERNS, /* nidus itself is in one */
	WHEN_UNMAPPED,  /* its own id has no name in the user namespace it is in */
	WHEN_SETGROUPS_DENIED,
	WHEN_SECCOMP,
	WHEN_LSM_LABEL,
	WHEN_MAX_USERNS_ZERO,
	WHEN_USERNS_CLONE_ZERO,
	WHEN_APPARMOR_RESTRICTS,
	WHEN_CHROOT,
	WHEN_ROOTFS, /* / is the kernel's initial ram file system */
	WHEN_ROOT_OVERLAY,
	WHEN_PROC_MASKED,
	WHEN_SYS_MASKED,
	WHEN_PROC_SYS_READONLY,
	WHEN_CGROUP_READONLY,
	WHEN_CGROUP_ABSENT,
	WHEN_NO_SUBIDS,
	WHEN_NO_NEWUIDMAP,
	WHEN_GVISOR,
};

struct explain_row {
	const char *op;            /* fnmatch(3) with alternatives "@(a|b)" */
	const char *object;        /* the same; NULL: any */
	int errnums[3];            /* 0-terminated; none: any */
	enum explain_when when[3]; /* all must hold */
	const char *code;
	bool proved;
	/* "{name}" stands for a fact: euid, uid_map, lsm_label, proc_mask, sys_mask,
	 * root_type, kernel, max_processes, max_files, seccomp_filters. */
	const char *detail, *remedy;
};

struct explain_table {
	const struct explain_row *rows;
	size_t n;
};
extern const struct explain_table explain_namespaces, explain_mounts, explain_cgroups,
	explain_process, explain_resources;
/* The first row of all tables that fits; NULL if none. */
const struct explain_row *explain_find(const nd_err *root, const struct surroundings *s);
