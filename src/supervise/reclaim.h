/* Taking back what a run has in the system: processes, cgroups, links, its root's
 * upper directory, its folder.  For runs whose monitor is gone, whatever killed it; every step may
 * be repeated, and may itself be killed at any moment. */
#pragma once

#include "supervise/runinfo.h"

/* What was (or, dry, would be) done, a line each: "killed process 71", ... */
struct reclaimed {
	struct strv lines;
	bool removed; /* the folder is gone too */
};
void reclaimed_done(struct reclaimed *r);

/* Of a dead run: everything outside its folder; and the folder as well if it was to
 * vanish at its end (--rm) or was never described. */
nd_must nd_err *run_reclaim(
	const struct state *s, struct run_info *i, bool dry, struct reclaimed *ret);
/* The same by id, where the run is dead; a live or missing one is left alone. */
nd_must nd_err *run_reclaim_id(const struct state *s, const char *id);
/* nidus rm: a dead run with all it has; a live one only with `force`, by killing it. */
nd_must nd_err *run_remove(const struct state *s, struct run_info *i, bool force);
/* nidus gc: every dead run, and names that point nowhere. `line` is told what happens. */
nd_must nd_err *runs_gc(
	const struct state *s, bool dry, void (*line)(void *arg, const char *text), void *arg);
