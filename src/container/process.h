/* The last stage of a child, for start and exec alike: limits, identity, capabilities,
 * seccomp, then execve(2).  Runs inside the container's namespaces and root. */
#pragma once

#include "container/spec.h"

struct process_stage {
	const struct container_spec *s;
	int sock;    /* to the parent */
	int root_fd; /* O_PATH of the container's root */
	int proc_fd; /* of the place's /proc, or of the container's; for oom_score_adj; -1: none */
	int pty_fd;  /* the workload's terminal; -1: s->stdio */
	bool in_userns; /* our own user namespace: its first id is root */
	bool setgroups_denied;
	bool in_root; /* the working directory is the container's root already */
};

/* Never returns without an error. */
nd_must nd_err *process_exec(struct process_stage *p);
/* Limits and the score need the caller's privileges: before anything is given up. */
nd_must nd_err *process_limits(struct process_stage *p);
