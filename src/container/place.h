/* The place's own tree as a copy-on-write root ("/"): what makes it special is that
 * other file systems are mounted in it, and that it may itself be an overlay of ours. */
#pragma once

#include "container/rootfs.h"

/* Overlay of "/", or of the layers that an outer nidus left visible; then the file
 * systems that are mounted in it, each copy-on-write as well; kernel ones and those under
 * /dev, /run, /tmp are left out. */
nd_must nd_err *place_overlay(struct rootfs_job *j);
/* From a new user namespace "/" cannot be a lower (its mounts are locked): one overlay
 * for each top-level directory instead. */
nd_must nd_err *place_overlay_dirs(struct rootfs_job *j);
