/* Making one group in one hierarchy: directories, controllers switched on, the place
 * in the tree where that is possible.  cgroup-create.c decides which groups are needed.
 */
#pragma once

#include "base/err.h"
#include "container/cgroup.h"
#include "kernel/cgroup.h"

/* The leaf that a supervisor steps into, so that controllers can be switched on above it. */
#define CGROUP_LEAF "nidus-supervisor"
/* Groups beneath the default parent are OWN/nidus-ID: no directory is left behind. */
#define CGROUP_PREFIX "nidus-"

/* A parent as the user wrote it ("/a//b/"), without extra slashes and dots; NULL where it leads
 * out.  The caller frees. */
char *group_parent(const char *text);

/* Makes SUB (as "nidus-ID" or "PARENT/ID") beneath our own group of a v1 hierarchy and
 * opens `tasks`.  An errnum of ENOENT in the root error: no such hierarchy is mounted
 * there. */
nd_must nd_err *group_make_v1(const struct cgroup_hier *h, const char *sub, struct cgroup_dir *ret);

/* mkdir with the directories between `base` and `path` (changed meanwhile); an empty group of
 * the same name is taken over. */
nd_must nd_err *group_mkdir(const char *base, char *path);

/* How a v2 group came to its place. */
enum v2_rung { V2_OWN, V2_LEAF, V2_ABOVE };

/* Makes SUB where the controllers `ctls` are to be had: beneath our own group; beneath it
 * once we sit in a leaf; beneath the nearest group above.  *ret_got: those of `ctls` that
 * the new group has; reasons for what was left go to `plan`. */
nd_must nd_err *group_make_v2(const struct cgroup_hier *h, const char *sub, uint32_t ctls,
	struct plan *plan, struct cgroup_dir *ret, enum v2_rung *ret_rung, uint32_t *ret_got);
