/* The layers of a root, left visible inside it so that a nidus there can make its own
 * overlay of them beside ours: overlays stack two deep and no deeper, layers do not
 * stack.  Only where the spec says share_layers. */
#pragma once

#include "container/child.h"

/* Where they are, in the container: LAYERS_DIR/K/{0,1,...}, lowest first, with
 * LAYERS_DIR/K/at a link whose text is the directory they make; K 0 is the root.  In
 * /dev, because that is a tmpfs of the container's own and nothing of the user's is
 * touched. */
#define LAYERS_DIR "/dev/.nidus/layers"

/* Holds read-only trees of what an overlay at `at` was made of, while they have names. */
void layers_hold(struct child *c, const char *at, const struct strv *lowers, const char *upper);
void layers_forget(struct child *c);
/* Once /dev exists: gives them their names in it. */
nd_must nd_err *layers_show(struct child *c);

/* Inside: set K that an outer nidus left; false when there is none.  *ret_at is owned by
 * the caller, the names are appended to `lowers`. */
bool layers_find(size_t k, char **ret_at, struct strv *lowers);
