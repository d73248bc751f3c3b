/* Directories that a layer's tar leaves out get the attributes that they have below. */
#pragma once

#include "base/err.h"
#include "base/str.h"

/* trees: descriptors of the trees of layers 0 to n-1, lowest first; `paths` holds the
 * NUL-separated names of directories of the last one.  To be called with the rights of
 * the files' owners. */
nd_must nd_err *adopt_dirs(const int *trees, size_t n, const struct buf *paths);
