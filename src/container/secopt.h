/* --security-opt, all of it, as podman and docker spell it. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"
#include "container/seccomp.h"

struct security_opts {
	bool no_new_privs;
	char *seccomp;  /* "unconfined", a file, or NULL: the default profile */
	char *apparmor; /* a profile, "unconfined", or NULL */
	bool label_disable;
	bool label_nested;
	struct strv
		labels;   /* "type:container_t", "level:s0:c1,c2", "user:", "role:", "filetype:" */
	struct strv mask; /* absolute paths */
	struct strv unmask;    /* globs, or "ALL" */
	struct strv proc_opts; /* mount options of /proc, as "hidepid=2" */
};

/* One use of the option: "no-new-privileges[=BOOL]", "seccomp=FILE|unconfined",
 * "apparmor=PROFILE", "label=...", "mask=PATH[:PATH...]", "unmask=ALL|PATH[:PATH...]",
 * "systempaths=unconfined", "proc-opts=OPT[,OPT...]"; docker's old ':' in place of '='. */
nd_must nd_err *security_opt_add(struct security_opts *o, const char *text);
void security_opts_done(struct security_opts *o);
#define _cleanup_secopts_ _cleanup_(security_opts_done)

/* The filter they ask for; NULL in *ret: unconfined.  A privileged container has none
 * unless a file is named.  `caps` is its bounding set; `ignored` as in seccomp_context. */
nd_must nd_err *security_opts_seccomp(const struct security_opts *o, bool privileged, uint64_t caps,
	struct strv *ignored, struct seccomp_filter **ret);
