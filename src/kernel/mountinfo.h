/* Reader of /proc/PID/mountinfo: proc_pid_mountinfo(5).  One buffer holds the text;
 * lines are taken apart and unescaped in place, so a walk allocates nothing.
 * Lines that do not follow the format are counted and passed over, because
 * sandboxes write their own dialects.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/str.h"

struct mountinfo {
	int id, parent;
	unsigned major, minor;
	char *root;    /* of the mount within its file system; "/.." begins one outside the
			  reader's cgroup namespace */
	char *target;  /* mount point, as the reader's root sees it */
	char *options; /* per mount: "rw,nosuid" */
	char *tags;    /* "shared:1 master:2"; "" if private */
	char *type;    /* "cgroup2", "fuse.sshfs" */
	char *source;  /* "" where it is empty */
	char *super;   /* per file system: "rw,cpu,cpuacct" */
};

struct mountinfo_iter {
	char *p, *end;
	size_t bad; /* lines passed over */
};

/* `text` is changed by the walk; text[len] must be a NUL of the caller's, as in a struct buf. */
void mountinfo_start(struct mountinfo_iter *it, char *text, size_t len);
/* False at the end.  The strings live as long as the text. */
bool mountinfo_next(struct mountinfo_iter *it, struct mountinfo *ret);

/* Whether a comma-separated list ("rw,nosuid,size=4k") holds exactly `name`. */
bool mount_has_option(const char *options, const char *name);

/* Reads the whole file; NULL: /proc/self/mountinfo. */
nd_must nd_err *mountinfo_read(const char *path, struct buf *ret);
