/* The ladder of roots: rungs and what they share. */
#pragma once

#include "container/child.h"

struct rootfs_job {
	struct child *c;
	struct strv lowers; /* lowest first */
	const char *state;  /* where upper and work may be made; NULL: nowhere */
	const char *target; /* an existing directory that the root is mounted over */
	bool userxattr;
	int upper_fd; /* O_PATH of the upper directory taken, for share_layers; else -1 */
};

/* Keeps hold of the upper before the root covers its name. */
void job_hold_upper(struct rootfs_job *j, const char *upper);

struct rootfs_rung {
	const char *name;
	const char *promise; /* where it gives less than the first; NULL: the same */
	const char *fact;    /* what allows it: probe/facts.c */
	nd_err *(*make)(struct rootfs_job *j); /* code "not-for-this-root": not a refusal */
};
extern const struct rootfs_rung rootfs_ladder[];
extern const size_t n_rootfs_ladder;

/* True in the machine's first user namespace, false in any other and where /proc is not there. */
bool userns_is_initial(void);
nd_must nd_err *overlay_mount(const struct strv *lowers, const char *upper, const char *work,
	const char *target, bool throwaway, bool userxattr);
/* Makes DIR/upper and DIR/work where they are not there yet. */
nd_must nd_err *upper_make(const char *dir, char **ret_upper, char **ret_work);
nd_must nd_err *tmpfs_make(const char *dir);
/* copy.c: a tree between two directories; links are not followed. */
nd_must nd_err *tree_copy(int from_fd, int to_fd);
/* copy.c: copies layers, lowest first, into a directory; whiteouts remove. */
nd_must nd_err *layers_copy(const struct strv *layers, const char *to);
