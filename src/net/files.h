/* /etc/hosts, /etc/resolv.conf and /etc/hostname of a container, as podman makes them.
 * The texts are made by pure functions; net_files() reads the place's files for them. */
#pragma once

#include <netinet/in.h>
#include <stdbool.h>

#include "base/err.h"
#include "base/str.h"
#include "net/net.h"

struct net_names {
	const char *hostname;          /* NULL: the place's, and no /etc/hostname */
	const struct strv *aliases;    /* further names of the container; may be NULL */
	const struct strv *add_hosts;  /* "name[;name...]:ip" or ":host-gateway" */
	const struct strv *dns;        /* addresses; "none": no /etc/resolv.conf is made */
	const struct strv *dns_search; /* "." or "": none */
	const struct strv *dns_option;
};

/* Refuses what cannot stand in the files; errors begin with the option's name. */
nd_must nd_err *net_names_check(const struct net_names *n);
/* Appends "PATH=CONTENT" for each (spec.files).  After net_prepare(). */
nd_must nd_err *net_files(const struct net_names *n, const struct net_state *s, struct plan *plan,
	struct strv *files);

/* The pieces.  `base`: the place's /etc/hosts; its lines for loopback are dropped when the
 * container has a network of its own.  ip, host_ip: 0.0.0.0 where there is none. */
char *hosts_make(const struct net_names *n, const char *base, bool own, struct in_addr ip,
	struct in_addr host_ip);
/* `base`: the place's resolv.conf; loopback servers are dropped when own.  *ret_servers
 * is how many servers there are. */
char *resolv_make(const struct net_names *n, const char *base, bool own, size_t *ret_servers);
