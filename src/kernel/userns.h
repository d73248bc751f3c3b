/* A child that is root in a user namespace of its own, for work on files of the
 * caller's subordinate ids: unpacking an image, removing a tree.  Rests on
 * user_namespaces(7) and newuidmap(1). */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

struct userns_extent {
	uint32_t inside, outside, count;
};

/* Ids of the caller as 0, then the subordinate ones from 1 on where there are any. */
struct userns_maps {
	struct userns_extent uids[2], gids[2];
	size_t n; /* extents of each: 1 or 2 */
};

/* The caller's own ids and its first subordinate ranges; false without such ranges. */
bool userns_maps_subordinate(struct userns_maps *ret);
/* The caller's own ids alone. */
void userns_maps_one(struct userns_maps *ret);

/* As fork(2): returns in the child too, with *ret_pid 0, as root with these maps, to be
 * killed with its parent.  An error is returned in the parent only; a child whose maps
 * could not be written is gone by then. */
nd_must nd_err *userns_fork(const struct userns_maps *maps, pid_t *ret_pid);
