/* Life of one container: start, wait, clean up.  One call makes everything and
 * returns when the workload has been executed (or with the reason why not); the
 * plan it fills says which rungs were taken.  Nothing here prints or logs.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "container/spec.h"
#include "plan/plan.h"

struct container {
	pid_t pid;    /* its first process, in our pid namespace */
	int pid_fd;   /* -1 where the place has no pidfds (gVisor) */
	int pty_fd;   /* master side when spec->tty, else -1 */
	char *cgroup; /* relative path beneath each hierarchy; NULL if none was made */
};

/* Called in the parent once the child's namespaces exist and before its mounts are
 * made; for the network.  `pid` is the child, in our pid namespace. */
struct container_hooks {
	nd_err *(*network)(pid_t pid, int pid_fd, struct plan *plan, void *arg);
	void *arg;
	/* The end of patience with a child that hangs (a dead network file system, FUSE): a time
	 * of now_ms(), 0 for none, and a descriptor with what to ask when it is readable; true
	 * gives up.  Codes "start-timeout" and "cancelled".  `cancelled` NULL: not asked. */
	int64_t until_ms;
	int cancel_fd;
	bool (*cancelled)(void *arg);
	void *cancel_arg;
};

/* Error codes that matter to a caller: "exec-not-found" (exit 127), "exec-denied"
 * (exit 126); everything else is 125. */
nd_must nd_err *container_start(const struct container_spec *s, const struct container_hooks *hooks,
	struct plan *plan, struct container *ret);
/* SIGKILL to every process of the container (pid namespace, cgroup, else the tree). */
void container_kill_all(struct container *c);
/* Removes the cgroups.  The root's upper directory belongs to the caller. */
nd_must nd_err *container_cleanup(struct container *c);
void container_done(struct container *c); /* closes descriptors, frees */
