/* The state directory: one folder a run, made before anything else of the run and
 * removed after everything else, so that whatever a SIGKILL leaves behind belongs to a
 * folder that still stands.
 *
 *   STATE/runs/ID/          flock(2) held by the monitor for its whole life: held = alive
 *              run.json     the request; written once.  A line appended at the end of a
 *                           run gives its exit status to those who wait for a --rm run
 *              pid          link: "PID START-TIME", there while the workload runs
 *              cgroup       link: the container's cgroup
 *              exit         link: "STATUS END-TIME-MS WHY", there once it ended
 *              health       link: "healthy FAILURES"
 *              ready        link: there once it is ready
 *              stop         link: somebody asked it to stop, do not restart
 *              record.json  plan, timeline, outcome
 *              log, log.1   output
 *              attach       socket of the monitor
 *   STATE/runs/@NAME        link to ID: names are unique because link names are
 *
 * Small values are targets of links: one system call to write or read one whole, and
 * they need no data block, so they work on a full disk (inline in the inode on tmpfs, ext4,
 * xfs).  flock on a directory rests on nothing but flock(2).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/fd.h"

struct state {
	int runs_fd; /* STATE/runs */
	char *path;  /* STATE */
};

struct run_dir {
	int fd; /* STATE/runs/ID */
	char id[65];
};

/* $NIDUS_STATE_DIR; /run/nidus for root; $XDG_RUNTIME_DIR/nidus; /tmp/nidus-UID.  Made if
 * missing; refused if it is not ours alone. */
nd_must nd_err *state_open(struct state *ret);
void state_done(struct state *s);
#define _cleanup_state_ _cleanup_(state_done)

/* A new folder, locked.  Name NULL: none to claim. */
nd_must nd_err *run_dir_make(
	const struct state *s, const char *id, const char *name, struct run_dir *ret);
nd_must nd_err *run_dir_open(const struct state *s, const char *id, struct run_dir *ret);
void run_dir_done(struct run_dir *d);
#define _cleanup_run_dir_ _cleanup_(run_dir_done)
/* Removes the folder with all in it, and its name. */
nd_must nd_err *run_dir_remove(const struct state *s, const char *id, const char *name);
/* True when somebody holds the lock.  Otherwise, when `take`, it is ours from now on. */
bool run_dir_alive(const struct run_dir *d, bool take);
/* Changed less than a second ago: its maker may not have come to lock it. */
bool run_dir_newborn(const struct run_dir *d);

/* Values in links.  Setting replaces; false leaves errno.  Reading gives false when absent. */
bool link_set(int dir_fd, const char *name, const char *value);
bool link_get(int dir_fd, const char *name, char *value, size_t size);

bool run_name_valid(const char *name);
/* The name of a run that was given none: words and digits from its id; `name` holds 48 bytes. */
void run_name_from_id(const char *id, char *name);

/* All run ids, newest folder last as the directory gives them; skips what is no run. */
nd_must nd_err *state_list(const struct state *s, struct strv *ret_ids);
/* By full id, name, or the beginning of an id.  "no-such-run", "ambiguous-run". */
nd_must nd_err *state_find(const struct state *s, const char *ref, struct run_dir *ret);
