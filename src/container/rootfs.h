/* The ladder of roots: rungs and what they share. */
#pragma once

#include "container/child.h"
#include "plan/ladder.h"

struct rootfs_job {
	struct child *c;
	struct strv lowers;  /* lowest first */
	struct strv covered; /* targets of mounts that are already there */
	const char *state;   /* where upper and work may be made; NULL: nowhere */
	const char *target;  /* an existing directory that the root is mounted over */
	int memory_fd;       /* of a tmpfs for changes, once one was made; else -1 */
	bool in_memory;      /* changes go there: the disk was refused as an upper */
	bool userxattr;
	unsigned n_overlays; /* tried */
	unsigned n_done;     /* mounted */
};

/* One overlay of `lowers` (lowest first) at `at` of the new root, with an upper of its
 * own; "/" is the root itself. Where the disk cannot hold an upper, memory does, from
 * then on. */
nd_must nd_err *job_overlay(struct rootfs_job *j, const char *at, const struct strv *lowers);
/* A tmpfs for changes. */
nd_must nd_err *job_use_memory(struct rootfs_job *j);

struct rootfs_rung {
	struct rung rung;
	nd_err *(*make)(struct rootfs_job *j); /* code "not-for-this-root": not a refusal */
};
extern const struct ladder rootfs_ladder; /* of struct rootfs_rung */

/* True in the machine's first user namespace, false in any other and where /proc is not there. */
bool userns_is_initial(void);
/* copy.c: a tree between two directories; links are not followed.  `with_top`: the
 * directory's own owner, mode and times too. */
nd_must nd_err *tree_copy(int from_fd, int to_fd, bool with_top);
/* copy.c: copies layers, lowest first, into a directory; whiteouts remove. */
nd_must nd_err *layers_copy(const struct strv *layers, const char *to);
