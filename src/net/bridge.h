/* The bridge of a state directory: made by the first run that wants it, found by the
 * others, removed after the last.  Its alias says whose it is and what addresses it has,
 * so that two state directories in one network namespace never share one, and a state
 * directory taken to another namespace makes its own. */
#pragma once

#include <net/if.h>
#include <netinet/in.h>
#include <sys/types.h>

#include "kernel/rtnl.h"
#include "net/subnet.h"

struct bridge {
	char name[IFNAMSIZ];
	unsigned index, mtu, group;
	struct in_addr gateway;
	struct subnet subnet;
};

/* The bridge as recorded; ret->index is 0 when there is none (yet). */
nd_must nd_err *bridge_find(int state_fd, struct nl_sock *rt, struct bridge *ret);
/* Makes it, with its nftables table; under the exclusive lock. */
nd_must nd_err *bridge_make(int state_fd, struct nl_sock *rt, struct bridge *ret);
/* Removes bridge, links, table, and gives forwarding back; under the exclusive lock. */
nd_must nd_err *bridge_remove(int state_fd, struct nl_sock *rt, const struct bridge *b);

/* The outer end's name for an address: "nv0a580002". */
void bridge_link_name(struct in_addr ip, char name[IFNAMSIZ]);
/* False for links that are not such. */
bool bridge_link_ip(const char *name, struct in_addr *ret);
/* The inner end's: it follows the address, so that nobody's ARP cache goes stale. */
void bridge_mac(struct in_addr ip, uint8_t mac[6]);

struct attach {
	pid_t pid;
	int pid_fd; /* -1: by /proc/PID/ns/net */
	struct in_addr ip;
	const uint8_t *mac;
	const char *ifname; /* inside */
	bool published;     /* has ports that it may call itself */
};
/* veth pair, address, default route and lo in the container's network namespace. */
nd_must nd_err *bridge_attach(struct nl_sock *rt, const struct bridge *b, const struct attach *a);
