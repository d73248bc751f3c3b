/* One layer over those below it, for places where overlayfs's marks cannot be made. */
#pragma once

#include "store/extract.h"

/* Takes away from `flat` what the layer deletes, then moves all of `fresh` into it.  The
 * records of directories move along: flat's tree_finish() sets them all in the end. */
nd_must nd_err *merge_layer(struct tree *flat, struct tree *fresh, const struct marks *marks);
