/* Which directory holds layer i of an image.  A layer whose tar leaves out some parents
 * has them with the attributes they have in the layers below, as unpacking one over the
 * other would give; such a layer is another one over other layers, and named
 * DIFF-CHAIN.  All others are DIFF, shared by all images that have them. */
#pragma once

#include <stddef.h>

#include "base/err.h"
#include "base/str.h"
#include "store/dir.h"
#include "store/extract.h"

/* "DIFF-CHAIN" of layer i: CHAIN is the OCI chain id (image-spec config.md), hex. */
char *chain_name(const struct strv *diff_ids, size_t i);
/* The directory's name in layers/OWNER and its facts; *ret_name NULL: it is not there. */
nd_must nd_err *chain_find(const struct store *s, const struct strv *diff_ids, size_t i,
	char **ret_name, struct extract_result *ret);
/* "flat-CHAIN": the whole tree of an image in one directory, where deletions cannot be
 * marked.  *ret_name NULL: it is not there. */
char *chain_flat_name(const struct strv *diff_ids);
nd_must nd_err *chain_flat_find(const struct store *s, const struct strv *diff_ids, char **ret_name,
	struct extract_result *ret);
/* The name that a layer just made has to get. */
char *chain_name_for(const struct strv *diff_ids, size_t i, const struct extract_result *r);
