/* TUN and TAP interfaces: the trial that tells whether a place allows one, and why not.
 * TUNSETIFF asks for CAP_NET_ADMIN in the user namespace that owns the network namespace
 * (drivers/net/tun.c, tun_set_iff), or for a persistent interface made for this user
 * beforehand.  Opening the node asks neither. */
#pragma once

#include <linux/if_tun.h>
#include <net/if.h>
#include <stdbool.h>

#include "base/err.h"
#include "kernel/ns.h"

#define TUN_NODE "/dev/net/tun"

struct tun_trial {
	int errnum;          /* 0: it worked */
	const char *op;      /* "open" or "TUNSETIFF": the call that refused; NULL if none did */
	char name[IFNAMSIZ]; /* of the interface, or what was asked for */
};

/* Opens the node and makes (or attaches to) the interface `name`, where "%d" stands for a
 * free number.  flags: IFF_TUN or IFF_TAP, IFF_NO_PI; IFF_TUN_EXCL refuses one that is
 * there.  The interface lives as long as the descriptor unless it is persistent.  -1 and
 * *ret (may not be NULL) say why.  No allocation: safe in a child after clone. */
int tun_open(const char *name, int flags, struct tun_trial *ret);
/* tun_open, then gone again: a rehearsal. */
bool tun_try(const char *name, int flags, struct tun_trial *ret);

/* What a failed trial means: code, detail with the namespaces and capabilities that
 * decided, and remedies.  `owner` NULL: unknown; `caps` is the effective set. */
nd_must nd_err *tun_err(const struct tun_trial *t, const struct netns_owner *owner, uint64_t caps);
