/* The container's ladders as data, for plans made before anything is started. */
#pragma once

#include "container/spec.h"
#include "plan/ladder.h"

enum { LADDERS_MAX = 12 };

/* The ladders that this spec walks, in the order they are walked; returns how many. */
size_t container_ladders(const struct container_spec *s, const struct ladder *ret[LADDERS_MAX]);
