/* The store's directory: where it is, its parts, its locks.
 *
 *   lock                     flock: shared by imports, exclusive while gc decides
 *   layers/OWNER/HEX/        HEX: diff id; tree/ and layer.json
 *   layers/OWNER/HEX.tmp/    being made or removed by whoever holds its flock
 *   images/HEX.json          the image's config blob; HEX: its digest, the image's id
 *   names/HEX                {"name", "image"}; HEX: digest of the name
 *
 * OWNER says how owners are kept: see owner.c.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"
#include "kernel/userns.h"

struct store {
	char *path;
	int fd, layers_fd, images_fd, names_fd; /* layers_fd: of layers/OWNER */
	char owner[24];
	bool squash, devices;
	char *note;              /* why owners could not be kept; NULL: nothing to say */
	struct userns_maps maps; /* of children that make layers; n 0: no namespace */
};

#define STORE_EMPTY                                                                                \
	{                                                                                          \
		.fd = -1, .layers_fd = -1, .images_fd = -1, .names_fd = -1                         \
	}

/* Opens, and makes if missing: $NIDUS_STORE_DIR/store, /var/lib/nidus/store for root where
 * that can be written, else $XDG_DATA_HOME/nidus/store. */
nd_must nd_err *store_dir_open(struct store *ret);
/* Reopens layers_fd after a change of `owner`. */
nd_must nd_err *store_use_owner(struct store *s);
void store_dir_done(struct store *s);
#define _cleanup_store_dir_ _cleanup_(store_dir_done)

/* flock(2) with a deadline; `what` is named when it passes. */
nd_must nd_err *lock_wait(int fd, int operation, int64_t deadline_ms, const char *what);
nd_must nd_err *store_lock(struct store *s, int operation, int64_t deadline_ms, int *ret_fd);
/* Writes a file whole, durable before it gets its name. */
nd_must nd_err *file_store(int dir_fd, const char *name, const void *data, size_t len);

enum { LOCK_DEADLINE_MS = 600000 };
