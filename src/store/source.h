/* An image where it comes from, before anything is stored: an OCI layout directory or
 * a docker-archive file, read into one form.  Every JSON blob is checked against its
 * digest and bounded in size; layer blobs are checked later, while they are unpacked. */
#pragma once

#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "store/config.h"
#include "store/ref.h"

struct source_layer {
	char *diff_id; /* digest of the tar, "sha256:..." */
	char *digest;  /* of the blob as stored; NULL where the source gives none */
	char *label;   /* for errors: "layer 2 (sha256:0123456789ab)" */
	char *path;    /* OCI: relative to fd; NULL: the bytes at offset of fd itself */
	uint64_t offset, size;
};

struct source {
	int fd;      /* the layout directory, or the archive file */
	char *where; /* as the user named it */
	char *id;    /* digest of the config: the image's id, as docker's and podman's */
	struct strv names;
	struct buf config_text; /* the config blob itself */
	struct image_config config;
	struct source_layer *layers; /* lowest first */
	size_t n_layers;
};

/* Opens and reads everything but the layers; picks the image by tag and platform. */
nd_must nd_err *source_open(const struct root_ref *ref, struct source *ret);
void source_done(struct source *s);
#define _cleanup_source_ _cleanup_(source_done)

/* For source_open's helpers. */
nd_must nd_err *layout_open(const struct root_ref *ref, struct source *s);
nd_must nd_err *archive_open(const struct root_ref *ref, struct source *s);
/* Appends a layer; digest may be NULL.  The strings are copied. */
struct source_layer *source_add_layer(struct source *s, const char *diff_id, const char *digest);
/* Takes the config text, sets id and config, checks the platform. */
nd_must nd_err *source_set_config(struct source *s, const char *name, struct buf *text);

enum { SOURCE_JSON_MAX = 8 << 20, SOURCE_LAYERS_MAX = 500 };
