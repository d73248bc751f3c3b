/* Another process in a running container. */
#pragma once

#include "container/container.h"

/* Starts s->args in the namespaces and cgroup of `target`, a process of the container that
 * pid_fd holds.  Of the spec only the process part is read: args, env, cwd, user, uid, gid,
 * groups, caps, rlimits, seccomp, no_new_privs, umask, tty, stdio, keep_fds.  `cgroup` is
 * the container's, as cgroup_save() wrote it; NULL: none.  The new process is our child;
 * ret->cgroup stays NULL. Error codes as container_start(). */
nd_must nd_err *container_exec(pid_t target, int pid_fd, const char *cgroup,
	const struct container_spec *s, struct container *ret);
