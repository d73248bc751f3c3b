/* The part of an image's configuration that a container is made from (OCI image-spec
 * config.md, and docker's extensions Healthcheck and OnBuild's neighbours). */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

struct image_health {
	struct strv test; /* "CMD" args..., "CMD-SHELL" text, "NONE" */
	int64_t interval_ms, timeout_ms, start_period_ms; /* 0: not given */
	int64_t retries;                                  /* 0: not given */
};

struct image_config {
	struct strv env, entrypoint, cmd;
	char *user, *workdir, *stop_signal; /* NULL if not given */
	struct strv ports, volumes;         /* "8080/tcp"; "/data" */
	struct strv labels;                 /* "key=value" */
	struct image_health health;
	char *architecture, *os, *variant, *created;
	struct strv diff_ids; /* "sha256:..." lowest first */
};

/* `name` says where the text came from, in errors. */
nd_must nd_err *image_config_parse(
	const char *name, const char *text, size_t len, struct image_config *ret);
void image_config_done(struct image_config *c);

/* "sha256:" and 64 lower-case hex digits; other algorithms are an error that names them.
 * Returns the hex part through *ret_hex (borrowed). */
nd_must nd_err *digest_check(const char *what, const char *digest, const char **ret_hex);
