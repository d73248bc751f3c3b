/* The place's own tree as a copy-on-write root ("/"): what makes it special is that
 * other file systems are mounted in it, and that it may itself be an overlay of ours. */
#pragma once

#include "container/rootfs.h"

/* Overlay of the layers that an outer nidus left visible, so that nests do not stack
 * (overlays stack two deep).  Code "not-for-this-root" where there are none. */
nd_must nd_err *place_overlay_flat(struct rootfs_job *j);
/* From a new user namespace "/" cannot be a lower (its mounts are locked): one overlay
 * for each top-level directory instead. */
nd_must nd_err *place_overlay_dirs(struct rootfs_job *j);
/* Leaves the layers of this root visible inside, read-only, for a nidus there: held when
 * the root was mounted, shown once /dev exists.  Only where spec->share_layers. */
void place_hold_layers(struct child *c, const struct rootfs_job *j);
nd_must nd_err *place_show_layers(struct child *c);
