/* Unix sockets by a directory descriptor: the path of a state directory may be longer
 * than the 107 bytes of sun_path (unix(7)), so the working directory goes there for one call. */
#pragma once

#include "base/err.h"

/* Binds `name` in the directory, replacing what was there. */
nd_must nd_err *sock_bind(int dir_fd, const char *name, int type, int *ret_fd);
nd_must nd_err *sock_connect(int dir_fd, const char *name, int type, int *ret_fd);
