/* The image store: what the rest of nidus sees of it.  An image named by a ROOT operand
 * is imported if it is not there yet, and handed out as layer directories for an
 * overlay mount together with a lock that keeps them from being removed.
 *
 * Invariant, kept through kill -9, a full disk and concurrent imports: a layer directory
 * or an image record that has its final name is whole and on disk.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/json.h"
#include "base/str.h"
#include "store/config.h"
#include "store/ref.h"

struct store_opts {
	/* Called a few times a second during an import, and once at its end. */
	void (*progress)(void *arg, uint64_t done, uint64_t total);
	void *arg;
};

struct store_root {
	char *id;           /* "sha256:..." */
	struct strv names;  /* of the image, as the store knows them */
	struct strv layers; /* directories, lowest first: rootfs_spec.layers */
	struct image_config config;
	uint64_t skipped_devices, skipped_xattrs; /* not stored, because the place refuses */
	struct strv notes; /* what the place did not allow to be stored, one line each */
	bool flat;         /* one tree for all layers: the place cannot mark deleted files */
	bool squashed;     /* all files belong to one id: the user's */
	char *root_like;   /* the layer that says what "/" is like: rootfs_spec.root_like */
	int lock_fd;       /* keep open (it may be inherited) while the layers are in use */
};

/* For REF_OCI, REF_DOCKER_ARCHIVE and REF_IMAGE.  opts may be NULL. */
nd_must nd_err *store_open(
	const struct root_ref *ref, const struct store_opts *opts, struct store_root *ret);
void store_root_done(struct store_root *r);
#define _cleanup_store_root_ _cleanup_(store_root_done)

/* One image of the store, for listing. */
struct store_image {
	char *id;
	struct strv names;
	struct image_config config;
	uint64_t bytes;      /* of files, in all its layers */
	int64_t imported_ms; /* CLOCK_REALTIME */
};

nd_must nd_err *store_list(struct store_image **ret, size_t *ret_n);
void store_list_free(struct store_image *v, size_t n);

/* Takes a name away, and with the last one (or by id) the image; "image-in-use" while a
 * container holds it.  Its layers are left to store_gc(). *ret_id: what was removed;
 * *ret_untagged: only the name. */
nd_must nd_err *store_remove(const char *asked, char **ret_id, bool *ret_untagged);

struct store_gc {
	uint64_t layers, debris; /* removed: unreferenced layers; remains of dead processes */
	bool busy;               /* an import was under way, so unreferenced layers had to stay */
};
nd_must nd_err *store_gc(struct store_gc *ret);
