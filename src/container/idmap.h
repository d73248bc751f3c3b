/* The id maps of a container's user namespace, written from outside it. */
#pragma once

#include <sys/types.h>

#include "base/err.h"
#include "container/spec.h"

/* Writes both maps of the namespace that `pid` is in; directly as root, else one id
 * directly and ranges through newuidmap(1) and newgidmap(1). */
nd_must nd_err *idmaps_write(pid_t pid, const struct id_maps *uids, const struct id_maps *gids);
