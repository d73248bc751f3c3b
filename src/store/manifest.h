/* Index and manifest JSON of OCI image-spec 1.1 and docker schema 2: parsing only. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct descriptor {
	char *media_type, *digest; /* digest is checked: "sha256:HEX" */
	uint64_t size;
	char *ref_name; /* org.opencontainers.image.ref.name, else io.containerd.image.name */
	char *os, *arch, *variant;
};

struct index {
	struct descriptor *v;
	size_t n;
};

struct manifest {
	struct descriptor config;
	struct descriptor *layers;
	size_t n_layers;
};

enum blob_kind { BLOB_INDEX, BLOB_MANIFEST, BLOB_OTHER };

/* What a descriptor points at, by its media type. */
enum blob_kind descriptor_kind(const struct descriptor *d);
nd_must nd_err *index_parse(const char *name, const char *text, size_t len, struct index *ret);
nd_must nd_err *manifest_parse(
	const char *name, const char *text, size_t len, struct manifest *ret);
void index_done(struct index *i);
void manifest_done(struct manifest *m);
