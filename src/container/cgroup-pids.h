/* The processes in a container's groups. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "container/cgroup.h"

struct pids {
	pid_t *v; /* sorted */
	size_t n;
	bool foreign; /* there are processes of another pid namespace, without a number here */
};

/* Of one group and all beneath it. */
void pids_list(const struct cgroup_dir *d, struct pids *ret);
bool pids_has(const struct pids *p, pid_t pid);
void pids_add(struct pids *p, pid_t pid); /* unsorted */
void pids_done(struct pids *p);
#define _cleanup_pids_ _cleanup_(pids_done)
