/* Links, addresses and routes by rtnetlink(7).  Each *_add, *_set, *_del appends one
 * request to a batch; the readers ask at once.  Addresses are in network byte order.
 */
#pragma once

#include <arpa/inet.h>
#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "kernel/netlink.h"

/* The other end of a veth pair, made straight in its network namespace.  It cannot be
 * made up: until the pair is joined, opening an end gives ENOTCONN (drivers/net/veth.c). */
struct veth_peer {
	const char *name;
	int netns_fd; /* -1: netns_pid, and where that is 0 ours */
	pid_t netns_pid;
	const uint8_t *mac; /* 6 bytes; NULL: random */
};

/* For rtnl_link_add and rtnl_link_set: what is zero or NULL is left to the kernel. */
struct link_spec {
	const char *name;
	const char *kind;  /* "veth", "bridge", "dummy", "tun"; NULL in link_set */
	unsigned index;    /* link_set: used instead of the name when not 0 */
	const char *alias; /* free text, shown by `ip link`; link_set only, and at most 255 bytes */
	const char *rename;
	const uint8_t *mac;
	unsigned mtu, master, group;
	bool up;
	int netns_fd;          /* link_set: moves the link there; 0 or -1: stays */
	int forward;           /* link_set: net.ipv4.conf.NAME.forwarding on (1), off (-1) */
	bool route_localnet;   /* link_set: net.ipv4.conf.NAME.route_localnet on */
	bool hairpin;          /* link_set: the bridge may send back out of this port */
	struct veth_peer peer; /* kind veth */
};
void rtnl_link_add(struct nl_batch *q, const struct link_spec *s);
void rtnl_link_set(struct nl_batch *q, const struct link_spec *s);
void rtnl_link_del(struct nl_batch *q, const char *name);
/* All links of a group in one go: one grace period instead of one for each. */
void rtnl_group_del(struct nl_batch *q, unsigned group);

void rtnl_addr_add(struct nl_batch *q, unsigned index, struct in_addr a, unsigned prefix);
/* dst 0/0: the default route. */
void rtnl_route_add(struct nl_batch *q, struct in_addr dst, unsigned prefix, struct in_addr via,
	unsigned index);

struct link_info {
	unsigned index, master, mtu, group, flags;
	char name[IFNAMSIZ], kind[16], alias[128];
};
/* errnum ENODEV when there is none of that name. */
nd_must nd_err *rtnl_link_get(struct nl_sock *s, const char *name, struct link_info *ret);
nd_must nd_err *rtnl_link_each(
	struct nl_sock *s, void (*fn)(const struct link_info *l, void *arg), void *arg);

struct route_info {
	struct in_addr dst, via;
	unsigned prefix, index, metric;
	uint8_t type; /* RTN_UNICAST, RTN_LOCAL ... */
};
/* IPv4 routes of all tables. */
nd_must nd_err *rtnl_route_each(
	struct nl_sock *s, void (*fn)(const struct route_info *r, void *arg), void *arg);

/* False when the message is not a link or route, or is cut short.  For the fuzzer, too. */
bool rtnl_link_read(const struct nl_reply *m, struct link_info *ret);
bool rtnl_route_read(const struct nl_reply *m, struct route_info *ret);

/* Index of a link through a socket of its network namespace; 0 and errno when there is none. */
unsigned rtnl_index(struct nl_sock *s, const char *name);
