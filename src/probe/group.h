/* A cgroup of a trial's own, made beneath this process's group where that is possible, and
 * removed again with what had to be switched on for it. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/str.h"
#include "kernel/cgroup.h"
#include "probe/fact.h"

struct group {
	char *path;     /* of the group; NULL: none */
	char *parent;   /* where it was made */
	char *switched; /* the controller that was switched on in parent's subtree_control; NULL */
	struct strv others; /* groups that stood in parent then */
	bool v2;
	bool above;     /* v2: our own group holds processes, the parent is one above it */
	bool only_leaf; /* v2: not made; it could be once our group's processes sit in a leaf */
	int lock_fd;    /* of the group, held: others leave it alone */
	int turn_fd;    /* v2: of parent, held: trials there take turns */
};

/* The hierarchies with their mounts.  False: r says why there are none. */
bool group_place(struct fact_result *r, struct cgroup_place *p);
/* Makes a group in the hierarchy; on v2 with the controller (0: none needed).  False: r says
 * why, or only_leaf is set. */
bool group_make(struct fact_result *r, const struct cgroup_hier *h, uint32_t ctl, struct group *g);
/* Kills what is in it, removes it and switches off what it had switched on. */
void group_done(struct group *g);
#define GROUP_NONE      ((struct group){.lock_fd = -1, .turn_fd = -1})
#define _cleanup_group_ __attribute__((cleanup(group_done)))

bool group_write(const struct group *g, const char *file, const char *text);
/* First line; false leaves errno. */
bool group_read(const struct group *g, const char *file, char *text, size_t size);
/* In a child of the trial: joins (v1 by tasks, v2 by cgroup.procs) and lets go of the lock. */
bool group_enter(const struct group *g);
/* A child that is in the group and runs fn there: its exit status below 100; -1 and errno if it
 * could not join. */
int group_run(const struct group *g, int (*fn)(void));
