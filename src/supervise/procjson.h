/* The process part of a container as JSON in run.json, so that a later `nidus exec` or
 * health check gets the very rights of the workload: identity, capabilities, limits, and the
 * seccomp filter as it was compiled. */
#pragma once

#include "base/json.h"
#include "container/spec.h"

void process_json(struct json_out *o, const char *key, const struct container_spec *s);
/* Fills an empty spec, but for args. */
nd_must nd_err *process_read(const struct json_at *at, struct container_spec *s);
