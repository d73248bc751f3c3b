/* The last call of a container's child: finding the workload's program and executing it. */
#pragma once

#include "base/err.h"
#include "base/str.h"

/* As execvp(3) with the PATH of `vars`, which also is the environment.  Returns only with an
 * error: "exec-not-found" (127) or "exec-denied" (126). */
nd_must nd_err *program_exec(char *const *argv, const struct strv *vars);
