/* Environment as given on a command line and in files, read as podman reads it. */
#pragma once

#include "base/err.h"
#include "base/str.h"

/* "NAME=VALUE"; "NAME" takes the value from `host` (NULL-terminated, as environ), or
 * nothing where it has none; "PREFIX*" all that begin so.  `where` begins the error. */
nd_must nd_err *env_add(struct strv *env, const char *text, char *const *host, const char *where);
/* A file of such lines; blank ones and those beginning with '#' do not count.  Errors
 * read "FILE:LINE: ...". */
nd_must nd_err *env_file_load(struct strv *env, int dir_fd, const char *path, char *const *host);
nd_must nd_err *env_file_parse(
	struct strv *env, const char *name, const char *text, size_t len, char *const *host);
