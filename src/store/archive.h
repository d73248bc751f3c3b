/* manifest.json of a docker-archive: parsing only. */
#pragma once

#include <stddef.h>

#include "base/err.h"
#include "base/str.h"

struct archive_image {
	char *config; /* names of files in the archive */
	struct strv tags, layers;
};

struct archive_manifest {
	struct archive_image *v;
	size_t n;
};

nd_must nd_err *archive_manifest_parse(
	const char *name, const char *text, size_t len, struct archive_manifest *ret);
void archive_manifest_done(struct archive_manifest *m);
/* The image meant by REF: a tag, "@N", or NULL where there is only one. */
nd_must nd_err *archive_choose(const struct archive_manifest *m, const char *where, const char *ref,
	const struct archive_image **ret);
