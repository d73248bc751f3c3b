/* What the network keeps in the state directory, all in its folder net/: a lock, who owns
 * which address, which bridge is ours, which helper serves which run.  Each record is
 * a symbolic link: made by one system call with its content in it, so a kill leaves it
 * whole or not there at all. */
#pragma once

#include <netinet/in.h>
#include <stdbool.h>

#include "base/err.h"
#include "net/subnet.h"

enum { LEASE_ID_MAX = 255 };

/* Is that run still there?  Owned by whoever keeps the runs' locks. */
typedef bool net_alive_fn(const char *id, void *arg);

/* Shared by those that come, exclusive for those that take away.  Closing the descriptor
 * unlocks.  Waits at most 20 s. */
nd_must nd_err *lease_lock(int state_fd, bool exclusive, int *ret_fd);

/* Records by name, relative to net/.  A record that is not there: *ret is NULL. */
nd_must nd_err *record_get(int state_fd, const char *name, char **ret);
nd_must nd_err *record_put(int state_fd, const char *name, const char *text); /* replaces */
void record_drop(int state_fd, const char *name);

struct lease_ask {
	int state_fd;
	const char *id;
	struct subnet subnet;
	struct in_addr gateway; /* never given out */
	struct in_addr want;    /* 0.0.0.0: any */
};
/* The address a run has already, or a new one.  Under the shared lock.  Codes
 * "address-taken", "addresses-exhausted". */
nd_must nd_err *lease_take(const struct lease_ask *a, struct in_addr *ret);
/* Under the exclusive lock. */
void lease_drop(int state_fd, struct in_addr ip);
/* Walks all records, leases among them ("10.88.0.2" -> "ID PID", where
 * PID took it); the callback may drop the one
 * it is given. */
nd_must nd_err *record_each(
	int state_fd, void (*fn)(const char *name, const char *text, void *arg), void *arg);
