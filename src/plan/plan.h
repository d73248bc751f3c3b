/* The plan: for each need the rung taken and each rung left, with why.  Pure data;
 * mechanisms fill it as they go (the hot path does not probe), `--dry-run` fills it
 * from facts, and the record and `--json` print it.
 */
#pragma once

#include <stdbool.h>

#include "base/err.h"
#include "base/json.h"

struct plan_left {
	char *rung;
	char *reason; /* one line: "mount overlay: Invalid argument" or "fact mount.overlay is
			 denied" */
	char *fact;   /* the fact that says so; NULL if it was seen while doing */
};

struct plan_entry {
	char *need;    /* "rootfs", "network", "cgroup", "proc", "tun", ... */
	char *rung;    /* taken; NULL: none could be */
	char *promise; /* what the rung gives, where weaker than the best; NULL if the same */
	bool weaker;   /* taken only because the user asked for best effort */
	struct plan_left *left;
	size_t n_left;
};

struct plan {
	struct plan_entry *entries;
	size_t n;
	struct strv warnings;
};

/* The entry of a need, made if new. */
struct plan_entry *plan_need(struct plan *p, const char *need);
void plan_took(
	struct plan *p, const char *need, const char *rung, const char *promise, bool weaker);
void plan_leave(
	struct plan *p, const char *need, const char *rung, const char *reason, const char *fact);
void plan_warn(struct plan *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Appends copies of what `from` holds. */
void plan_merge(struct plan *to, const struct plan *from);
void plan_done(struct plan *p);
void plan_json(const struct plan *p, struct json_out *o, const char *key);
