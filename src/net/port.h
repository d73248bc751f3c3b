/* Published ports: the text of -p, what it means, and the sockets that hold the host's
 * side so that two runs, or a run and somebody else, cannot have the same port. */
#pragma once

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/json.h"

/* A range is one entry: host + i goes to container + i for i < count. */
struct port_map {
	struct in_addr ip; /* 0.0.0.0: every address of the place */
	uint16_t host;     /* 0: any free one */
	uint16_t container;
	uint16_t count;
	bool udp;
};

struct port_list {
	struct port_map *v;
	size_t n;
};
void port_list_done(struct port_list *l);
void port_list_copy(struct port_list *to, const struct port_list *from); /* appends */

/* "[ip:][hostPort]:containerPort[/proto]" with ranges "a-b", as podman; appends one entry.
 * Errors begin with "-p TEXT: ". */
nd_must nd_err *port_parse(const char *text, struct port_list *l);

/* Binds every port on the host's side, gives those that asked for any a number (a range
 * becomes single entries then), and leaves the sockets in fds (grown; -1 free).  The
 * error for a port in use names who listens, where that can be seen. */
nd_must nd_err *port_reserve(struct port_list *l, int **fds, size_t *n_fds);
void port_release(int **fds, size_t *n_fds);

void port_json(const struct port_list *l, struct json_out *o, const char *key);
/* "0.0.0.0:8080->80/tcp, ..." as podman ps shows them; the caller frees. */
char *port_text(const struct port_list *l);
