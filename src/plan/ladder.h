/* Ladders as the reader of a plan sees them, and which rung the facts of a place allow.
 * Pure: the facts are handed in. */
#pragma once

#include "plan/plan.h"

struct rung {
	const char *name;
	const char *promise; /* where it gives less than the first; NULL: the same */
	const char *facts;   /* "mount.overlay fsopen": all must work; NULL: none needed */
};

struct ladder {
	const char *need;
	const struct rung *rungs; /* each the first member of a row of `stride` bytes */
	size_t n, stride;
	const char *refusal; /* where no rung is left: what the user is told; NULL: none is fine */
};

/* What is known of a fact: true and no reason, or false and why in one line. */
typedef bool fact_lookup(void *arg, const char *name, const char **ret_reason);

/* Takes the first rung whose facts work; those before it are left with the fact that
 * rules them out.  False: no rung is left. */
bool ladder_predict(const struct ladder *l, fact_lookup *lookup, void *arg, struct plan *plan);
