/* A compressed archive made plain, so that parts of it can be read in place. */
#pragma once

#include <stdint.h>

#include "base/err.h"

/* Where *fd holds gzip or zstd data it is replaced by a file without a name that holds
 * the plain data, in $TMPDIR or /var/tmp. */
nd_must nd_err *spool_if_compressed(int *fd, uint64_t *size);
