/* Who owns a network namespace.  A right in it (CAP_NET_ADMIN for TUNSETIFF, say) is asked
 * for in the user namespace that OWNS it, which need not be the one the process is in
 * (user_namespaces(7)); ioctl_ns(2) tells.  No allocation: safe in a child after clone. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct netns_owner {
	uint64_t netns;   /* inode, as in "net:[4026531840]"; 0: unknown (no /proc) */
	uint64_t owner;   /* inode of the owning user namespace; 0: see owner_errnum */
	uint64_t own;     /* inode of the user namespace the process is in; 0: unknown */
	int owner_errnum; /* EPERM: the owner is outside (not beneath) the caller's own */
};

/* Of the process `pid` (0: this one), asked with this process's eyes: from inside a user
 * namespace an owner further out has no name (EPERM).  False and errno when nothing could
 * be learnt at all. */
bool netns_owner(pid_t pid, struct netns_owner *ret);
/* The same from descriptors of the two namespace files; user_fd may be -1. */
bool netns_owner_at(int net_fd, int user_fd, struct netns_owner *ret);

/* True when the process is in the user namespace that owns the network namespace; also
 * where that could not be learnt: only a known difference is one. */
bool netns_is_own(const struct netns_owner *o);
/* "network namespace net:[1] is owned by user namespace user:[2], the process is in
 * user:[3]"; says it where something is unknown. */
void netns_owner_text(const struct netns_owner *o, char *text, size_t size);
