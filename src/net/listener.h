/* Who has a port: the answer to a refused bind. */
#pragma once

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

/* The error for bind(2) having failed with errnum; for EADDRINUSE with the process that
 * holds the port, as far as /proc shows it. */
nd_must nd_err *listener_error(int errnum, bool udp, struct in_addr ip, uint16_t port);
/* Inode of the socket that holds the port, out of the text of /proc/net/{tcp,udp}[6]; 0: none. */
uint64_t listener_inode(const char *table, bool v6, struct in_addr ip, uint16_t port);
