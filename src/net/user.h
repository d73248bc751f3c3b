/* Network without privileges: a helper in user space carries the container's packets
 * over ordinary sockets.  Two rungs with the same addresses inside, so that either keeps
 * what /etc/hosts says: pasta, slirp4netns. */
#pragma once

#include <netinet/in.h>
#include <sys/types.h>

#include "net/helper.h"
#include "net/port.h"

#define USER_IFNAME "eth0"
enum { USER_PREFIX = 24 };
struct in_addr user_ip(void);      /* 10.0.2.100 */
struct in_addr user_gateway(void); /* 10.0.2.2 */
struct in_addr user_dns(void);     /* 10.0.2.3: the helper asks the place's resolver */

struct user_request {
	pid_t pid;                     /* the container's first process */
	int pid_fd;                    /* -1: none */
	const struct port_list *ports; /* with numbers, */
	const int *port_fds;           /* and the socket of each, in their order */
	size_t n_port_fds;
};

struct user_rung {
	const char *name;    /* as in the plan */
	const char *program; /* in PATH */
	const char *package;
	nd_err *(*start)(const char *path, const struct user_request *r, struct helper *ret);
};
extern const struct user_rung user_rungs[];
extern const size_t n_user_rungs;

/* Why no helper can work here whatever it is, or NULL: /dev/net/tun cannot be opened. */
nd_must nd_err *user_check(void);
