/* The network of one run: which rung it gets and what that needs before, at and after
 * the container's start.  Used in this order:
 *
 *     net_prepare()   before the container: chooses the rung, takes address and ports, so
 *                     that /etc/hosts can be written (net/files.h)
 *     net_setup()     once its network namespace exists, for every (re)start
 *     net_teardown()  when the run is over; or net_gc() later, after a kill
 *
 * Everything that lasts is either in the kernel under a name that follows from the
 * address, or a record in the state directory (net/lease.h). */
#pragma once

#include <net/if.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/json.h"
#include "net/bridge.h"
#include "net/helper.h"
#include "net/lease.h"
#include "net/port.h"
#include "plan/plan.h"

enum net_mode {
	NET_AUTO, /* not asked for: bridge, else user */
	NET_HOST,
	NET_NONE,
	NET_BRIDGE,
	NET_USER,
};
/* "host", "none", "bridge", "user" and podman's names of the user rungs. */
nd_must nd_err *net_mode_parse(const char *text, enum net_mode *ret);
const char *net_mode_name(enum net_mode m);

struct net_request {
	const char *id; /* of the run */
	enum net_mode mode;
	int state_fd;           /* the state directory */
	struct port_list ports; /* as asked for */
	struct in_addr ip;      /* --ip; 0.0.0.0: any */
	const uint8_t *mac;     /* --mac-address, 6 bytes; NULL: from the address */
	bool best_effort;       /* bridge asked for and refused: user; user refused: none */
	bool may_be_none; /* NET_AUTO without ports: none, with a warning, is better than no run */
};

struct net_state {
	enum net_mode mode; /* the one taken: never NET_AUTO */
	const char *rung;   /* "host", "none", "bridge", "pasta", "slirp4netns"; static */
	struct in_addr ip, gateway;
	unsigned prefix;
	uint8_t mac[6];
	char ifname[IFNAMSIZ], link[IFNAMSIZ]; /* inside, outside; "" where there is none */
	struct in_addr host_ip; /* where a container finds this place: host.containers.internal */
	struct port_list ports; /* with numbers */
	int *port_fds;          /* hold the ports while the run lives */
	size_t n_port_fds;
	struct bridge bridge;
	struct nl_sock rt;
	struct helper helper;
};
void net_state_init(struct net_state *s);
/* Closes and frees; takes nothing back from the kernel (net_teardown does). */
void net_state_done(struct net_state *s);
#define _cleanup_net_ _cleanup_(net_state_done)

nd_must nd_err *net_prepare(const struct net_request *q, struct plan *plan, struct net_state *ret);
/* pid_fd may be -1.  For the user rungs the helper becomes a child of this process. */
nd_must nd_err *net_setup(
	const struct net_request *q, pid_t pid, int pid_fd, struct plan *plan, struct net_state *s);
/* Ends the helper, takes back ports, link, address and, after the last run, the bridge.
 * Idempotent.  `s` may be NULL: all follows from the id. */
nd_must nd_err *net_teardown(int state_fd, const char *id, struct net_state *s);

struct net_gc_report {
	size_t leases, links, rules, helpers;
	bool bridge; /* removed */
};
/* Takes back what belongs to no living run. */
nd_must nd_err *net_gc(int state_fd, net_alive_fn *alive, void *arg, struct net_gc_report *ret);

/* mode, rung, addresses, link, ports, helper; an object for inspect. */
void net_state_json(const struct net_state *s, struct json_out *o, const char *key);
