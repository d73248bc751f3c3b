/* What the store remembers: layers' facts, image records, names.  Reading trusts
 * nothing: a record is checked against its own name. */
#pragma once

#include "base/err.h"
#include "store/config.h"
#include "store/dir.h"
#include "store/extract.h"

/* "HEX" of "sha256:HEX". */
const char *id_hex(const char *id);

/* layers/OWNER/NAME/layer.json; dir_fd is of the directory while it is being made. */
nd_must nd_err *layer_write(int dir_fd, const char *diff_id, const struct extract_result *r);
nd_must nd_err *layer_read(const struct store *s, const char *name, struct extract_result *ret);

/* images/HEX.json is the config itself. */
nd_must nd_err *record_write(struct store *s, const char *id, const struct buf *config);
/* Opens, locks shared and reads a record; *ret_fd -1 when there is none (or a damaged
 * one, which the next import replaces). */
nd_must nd_err *record_open(
	struct store *s, const char *id, int *ret_fd, struct image_config *ret_config);

nd_must nd_err *name_set(struct store *s, const char *name, const char *id);
/* id of a name: NULL if there is none. */
nd_must nd_err *name_get(struct store *s, const char *name, char **ret_id);
/* All names, as pairs: v[2i] name, v[2i+1] id. */
nd_must nd_err *name_list(struct store *s, struct strv *ret);
nd_must nd_err *name_remove(struct store *s, const char *name);

/* Ids of all images that have a record. */
nd_must nd_err *store_ids(struct store *s, struct strv *ret);
/* A name, "sha256:HEX" or the first digits of an id; *ret_id NULL: nothing is called that.
 * *ret_name is the stored name that was met; NULL when it was found by id. */
nd_must nd_err *store_find(struct store *s, const char *asked, char **ret_id, char **ret_name);
