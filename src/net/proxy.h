/* The process beside a user-mode network: it passes connections and datagrams from the
 * place's published ports into the container, and ends the helper when the container
 * ends.  Neither pasta nor slirp4netns of Debian 12 forwards all of them (pasta: TCP
 * where the server speaks first, UDP over loopback; slirp4netns: UDP over loopback). */
#pragma once

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct proxy_port {
	int fd;        /* bound in the place */
	uint16_t port; /* in the container */
	bool udp;
};

struct proxy {
	int container_fd, helper_fd; /* pidfds; their end is the end */
	int user_fd, net_fd;         /* the container's namespaces; user_fd -1: ours */
	struct in_addr to;           /* where the container's services are */
	struct proxy_port *ports;
	size_t n_ports;
};

/* For a forked child: joins the namespaces, closes all other descriptors, says 0 or an
 * errno on ok_fd, serves. */
_Noreturn void proxy_child(const struct proxy *p, int ok_fd);
