/* Walking a cgroup and the groups beneath it, which a workload may make and remove
 * meanwhile. */
#pragma once

#include <stddef.h>

/* Calls fn for each group, those beneath first (so that fn may remove it), with a
 * descriptor of it and its path.  Groups that vanish are passed over.  -1 and errno
 * when the first cannot be opened. */
int group_walk(const char *path, void (*fn)(int dir_fd, const char *path, void *arg), void *arg);
