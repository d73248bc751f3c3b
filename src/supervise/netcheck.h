/* Asks a service in a container's network namespace whether it answers: a TCP connection,
 * or an HTTP request with a 2xx or 3xx answer.  Runs in a child of its own, because joining
 * a namespace is for the whole process. */
#pragma once

#include <sys/types.h>

#include "supervise/request.h"

/* Never returns: exit status 0 when it answers, 1 when not; one line about it on `out_fd`. */
_Noreturn void netcheck_child(
	pid_t target, const struct ready_spec *spec, int64_t limit_ms, int out_fd);
