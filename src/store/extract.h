/* Unpacking of one layer into an empty directory, in the form overlayfs reads: a
 * deleted name becomes a character device 0:0, an opaque directory gets the attribute.
 * To be called in a process of its own: it changes the umask and the directory. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"
#include "store/stream.h"
#include "store/tree.h"

struct extract_opts {
	bool squash;     /* owners are not kept: everything is the caller's */
	bool devices;    /* device nodes can be made; else they are left out and counted */
	int implicit_fd; /* gets the names of implicit directories, NUL behind each */
};

/* Plain data: it crosses from the child in shared memory. */
struct extract_result {
	uint64_t entries, bytes;
	uint64_t skipped_devices, skipped_xattrs;
	uint64_t implicit; /* directories that the archive leaves out: see adopt.h */
	bool opaque_root;  /* the layer hides all that lies below it: overlayfs has no mark for that
			    */
	bool has_root;     /* the layer says what the root directory is like */
};

/* Holes beyond this are no files but traps. */
#define EXTRACT_FILE_MAX (1ull << 40)

/* What a layer deletes, where it cannot be marked in the tree itself: clean names. */
struct marks {
	struct strv deleted, opaque;
};
void marks_done(struct marks *m);

/* As extract_layer(), but deletions go to `marks`, and the directories keep the modes they
 * are made with: tree_finish() and tree_done() on *ret_tree are the caller's.  Code
 * "no-marks" of extract_layer() means that this one is needed. */
nd_must nd_err *extract_layer_aside(struct stream *in, int root_fd, const struct extract_opts *opts,
	struct marks *marks, struct tree *ret_tree, struct extract_result *ret);

nd_must nd_err *extract_layer(struct stream *in, int root_fd, const struct extract_opts *opts,
	struct extract_result *ret);

/* For extract.c: writes the entry's data; *bytes counts them. */
nd_must nd_err *extract_data(struct tar *t, const struct tar_entry *e, int fd, uint64_t *bytes);
