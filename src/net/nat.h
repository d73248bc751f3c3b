/* The nftables side of the bridge: one table of the bridge's own name in family ip, with
 * masquerading, and two maps from published ports to containers.  The table is the state:
 * what a dead run left in it is known by the address its elements point at. */
#pragma once

#include "kernel/netlink.h"
#include "net/port.h"
#include "net/subnet.h"

/* Makes the table in one transaction, in place of one of that name. */
nd_must nd_err *nat_make(struct nl_sock *nf, const char *table, struct subnet s);
nd_must nd_err *nat_remove(struct nl_sock *nf, const char *table);

/* Publishes the ports of a container, whose caller holds them (port_reserve), so that
 * entries in the way are leftovers and give way; with none it only asks whether the table is there.
 * Code "nat-absent" when it is not (somebody flushed the rules). */
nd_must nd_err *nat_publish(
	struct nl_sock *nf, const char *table, const struct port_list *ports, struct in_addr to);
/* Takes back every published port that leads to an address for which `gone` is true, and
 * the UDP flows conntrack would keep sending there.  Adds the number to *ret_count. */
nd_must nd_err *nat_forget(struct nl_sock *nf, const char *table,
	bool (*gone)(struct in_addr to, void *arg), void *arg, size_t *ret_count);
/* Where the first port that collides with one of these leads to; 0.0.0.0 when none does. */
nd_must nd_err *nat_holder(struct nl_sock *nf, const char *table, const struct port_list *ports,
	struct in_addr *ret_to);
