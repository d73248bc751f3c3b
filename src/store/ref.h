/* What the user calls a root file system, taken apart.  Looks at the file system only
 * to tell a directory from a name and to find where a path with colons ends. */
#pragma once

#include "base/err.h"

enum ref_kind {
	REF_PLACE,          /* "/": this place's own tree */
	REF_DIR,            /* a directory */
	REF_OCI,            /* oci:DIR[:TAG] */
	REF_DOCKER_ARCHIVE, /* docker-archive:FILE[:REF] */
	REF_IMAGE,          /* a name or id in the store */
};

struct root_ref {
	enum ref_kind kind;
	char *text; /* as given */
	char *path; /* directory or file; NULL for REF_IMAGE and REF_PLACE */
	char *tag;  /* TAG, REF or the image's name; NULL if none was given */
};

/* The kinds, in words for an error or a help text. */
extern const char ref_allowed[];

nd_must nd_err *ref_parse(const char *text, struct root_ref *ret);
void ref_done(struct root_ref *r);
#define _cleanup_ref_ _cleanup_(ref_done)
