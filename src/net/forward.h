/* Forwarding between the bridge and the other links, and its undoing. */
#pragma once

#include "kernel/rtnl.h"
#include "net/used.h"

/* Nothing to do where net.ipv4.ip_forward is 1.  Otherwise forwarding is switched on for
 * the links that are there, by netlink, and they are recorded. */
nd_must nd_err *forward_enable(
	int state_fd, struct nl_sock *rt, const struct used_link *links, size_t n);
/* Switches it off again for those links, unless somebody has set ip_forward meanwhile. */
void forward_restore(int state_fd, struct nl_sock *rt);
