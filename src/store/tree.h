/* A tree under construction, from names that an enemy may have chosen.  Every name is
 * walked by components from the root's descriptor with O_NOFOLLOW, so no link of the
 * tree is ever followed; a name with ".." is refused.  The last few directories stay
 * open, as archives come in walk order. */
#pragma once

#include <limits.h>
#include <stdbool.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/str.h"
#include "store/tar.h"

enum { TREE_CACHE = 24 };

/* What a directory gets when all is in it: setting mode and times earlier would bar us
 * or be undone, and a default ACL would leak into its children. */
struct tree_dir {
	char *path;    /* "" is the root */
	bool implicit; /* made because something below it was listed */
	size_t order;
	uint32_t mode, uid, gid;
	int64_t mtime_s;
	uint32_t mtime_ns;
	struct tar_xattr *xattrs;
	size_t n_xattrs;
};

struct tree {
	int root_fd;
	struct {
		char *name;
		int fd;
	} levels[TREE_CACHE]; /* open directories from the root down */
	size_t n_levels;
	int deep_fd; /* parent below the cache, while an entry is made; -1 */
	struct tree_dir *dirs;
	size_t n_dirs;
	bool squash; /* all owners are ours: no chown */
	uint64_t skipped_xattrs;
	struct buf implicit; /* filled by tree_finish(): names, NUL behind each */
	uint64_t n_implicit;
};

void tree_init(struct tree *t, int root_fd, bool squash);
void tree_done(struct tree *t);

/* Cuts "/", "./" and doubled slashes; `clean` holds PATH_MAX.  The result is "" for the
 * root.  Refuses "..", and names longer than PATH_MAX - 1. */
nd_must nd_err *tree_clean_name(const char *name, char *clean);
/* Opens the parent of a clean, non-empty path; makes what is missing when `make` says
 * with which attributes (of the entry that needs them). *ret_fd is borrowed until the
 * next call; *ret_name points into path. */
nd_must nd_err *tree_parent(struct tree *t, const char *path, const struct tar_entry *make,
	int *ret_fd, const char **ret_name);
/* Makes or keeps a directory and notes its attributes for tree_finish(). */
nd_must nd_err *tree_mkdir(struct tree *t, const char *path, const struct tar_entry *e);
/* Removes whatever stands at a name that is no directory to be kept. */
nd_must nd_err *tree_clear(struct tree *t, const char *path, int dir_fd, const char *name);
nd_must nd_err *tree_finish(struct tree *t);
/* Opens the parent of what may not be there: *ret_fd -1 when a part of the path is
 * missing or no directory. */
nd_must nd_err *tree_find(struct tree *t, const char *path, int *ret_fd, const char **ret_name);
/* Moves the record of a directory from another tree; *d is empty afterwards. */
void tree_take_record(struct tree *t, struct tree_dir *d);
/* Closes the cached directories; needed when the tree is changed behind our back. */
void tree_forget(struct tree *t);

/* A character device 0:0, as overlayfs marks a deleted name. */
bool is_whiteout(int dir_fd, const char *name);
/* Marks a directory as not merging with those below; in both namespaces of attributes
 * where that is allowed, so that a mount with userxattr sees it as well. */
nd_must nd_err *set_opaque(int dir_fd, const char *name);
/* A chown(2) that failed, with what an unmapped id means. */
nd_must nd_err *chown_err(int errnum, const char *path, uint32_t uid, uint32_t gid);
/* Attributes of a file through its descriptor, or of `name` itself when fd is -1. */
nd_must nd_err *set_xattrs(
	struct tree *t, int fd, int dir_fd, const char *name, const struct tar_xattr *v, size_t n);
