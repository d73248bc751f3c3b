/* What the place's network looks like when a bridge is to be made in it. */
#pragma once

#include <net/if.h>
#include <stddef.h>

#include "kernel/rtnl.h"
#include "net/subnet.h"

struct used_link {
	unsigned index, mtu;
	char name[IFNAMSIZ];
};

struct used {
	struct subnet *v; /* every IPv4 route but the default ones, and the name servers */
	size_t n;
	struct used_link *links; /* all but lo */
	size_t n_links;
	unsigned mtu; /* of the way out, at most 1500 */
	unsigned best_metric, way_out;
};
nd_must nd_err *used_read(struct nl_sock *rt, struct used *ret);
void used_done(struct used *u);
