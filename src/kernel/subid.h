/* Subordinate ids: what /etc/subuid and /etc/subgid give a user (subuid(5)).  Read
 * directly, not through libnss: the answer is advice, newuidmap(1) checks it again. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct subid_range {
	uint32_t start, count;
};

/* The first range of each file that is given to the user, by name or by number.
 * False when either file gives none. */
bool subid_find(uid_t uid, struct subid_range *ret_uids, struct subid_range *ret_gids);
/* Login name of an id from /etc/passwd; false when there is none. */
bool passwd_name(uid_t uid, char *name, size_t size);
