/* Who the workload is: "name|uid[:group|gid]" looked up in the CONTAINER's own
 * /etc/passwd and /etc/group, as podman and runc do.  Those files are the container's:
 * they are opened beneath its root, never followed out of it, read in small pieces up
 * to a bound, and lines that make no sense are passed over. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/str.h"

struct user_info {
	uid_t uid;
	gid_t gid;
	gid_t *groups; /* supplementary, without duplicates */
	size_t n_groups;
	bool keep_groups; /* --group-add keep-groups: leave the caller's as they are */
	char *home;       /* never NULL after user_resolve; "/" where nothing is known */
};

/* `user` may be NULL or "" (root).  A number without an entry is taken as it is; an
 * unknown name is an error (code "user-not-found").  Without a group the entry's own
 * and those that list the user apply.  `group_add` (may be NULL) holds names, numbers,
 * or "keep-groups" alone. */
nd_must nd_err *user_resolve(
	int root_fd, const char *user, const struct strv *group_add, struct user_info *ret);
void user_done(struct user_info *u);
#define _cleanup_user_ _cleanup_(user_done)

/* The parsers, for tests and the fuzzer.  A line is cut up in place; false: not an entry. */
struct passwd_line {
	const char *name, *home;
	uid_t uid;
	gid_t gid;
};
bool passwd_parse(char *line, struct passwd_line *ret);
struct group_line {
	const char *name;
	char *members; /* comma-separated */
	gid_t gid;
};
bool group_parse(char *line, struct group_line *ret);
