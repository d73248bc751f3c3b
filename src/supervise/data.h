/* What a run changes in its root: DATA/runs/ID/{upper,work}, where DATA is
 * $NIDUS_STORE_DIR, /var/lib/nidus for root where that can be written, else $XDG_DATA_HOME/nidus or
 * ~/.local/share/nidus.  All of it can be removed from the id alone. */
#pragma once

#include <stdbool.h>

#include "base/err.h"

/* The caller frees.  Made if missing. */
nd_must nd_err *data_dir(char **ret);
/* DATA/runs/ID, made.  The caller frees. */
nd_must nd_err *data_make(const char *id, char **ret);
/* Removes DATA/runs/ID and the volumes that were made without a name; absent is success.
 * An ordinary user's files may belong to subordinate ids: then it is done in a user
 * namespace that has them. */
nd_must nd_err *data_remove(const char *id);
/* Removes what belongs to no live run; *ret_removed counts. */
nd_must nd_err *data_gc(bool (*is_live)(const char *id, void *arg), void *arg, size_t *ret_removed);
