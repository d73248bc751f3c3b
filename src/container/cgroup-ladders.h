/* The ladders of limits and device rules as data, for a plan made from facts; the code that
 * walks them is in cgroup-create.c and cgroup-apply.c. */
#pragma once

#include "container/spec.h"
#include "plan/ladder.h"

enum { CGROUP_LADDERS_MAX = 6 };
/* Those that the spec calls for; returns how many. */
size_t cgroup_ladders(const struct container_spec *s, const struct ladder *ret[CGROUP_LADDERS_MAX]);
