/* Capability sets of this process, and whether one can be handed down an execve without
 * file capabilities (the ambient set, Linux 4.3).  They count in this user namespace: what
 * they open is for the other facts to say. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sched.h>
#include <sys/prctl.h>

#include "base/cleanup.h"
#include "kernel/caps.h"
#include "kernel/names.h"
#include "probe/trial.h"
#include "probe/trials.h"

enum { NAMED_MAX = 3 }; /* missing ones that the value names */

static void tell(struct fact_result *r, uint64_t have, const char *source)
{
	uint64_t known = caps_known(), missing = known & ~have;
	int n = __builtin_popcountll(have & known), of = __builtin_popcountll(known);
	_cleanup_free_ char *has = caps_text(have), *lacks = caps_text(missing);
	fact_works(r, "%s: %s%.280s; missing: %.280s", source, n == of ? "all: " : "", has, lacks);
	if (n == of)
		snprintf(r->value, sizeof r->value, "all %d", of);
	else if (of - n <= NAMED_MAX)
		snprintf(r->value, sizeof r->value, "all but %.80s", lacks);
	else if (n == 0)
		snprintf(r->value, sizeof r->value, "none");
	else
		snprintf(r->value, sizeof r->value, "%d of %d", n, of);
}

void try_caps_effective(struct fact_result *r)
{
	uint64_t have = 0;
	_cleanup_err_ nd_err *e = caps_effective(&have);
	if (e)
		fact_refused(r, err_root(e)->errnum, "capget", "of this process");
	else
		tell(r, have, "capget");
}

void try_caps_bounding(struct fact_result *r)
{
	tell(r, caps_bounding(caps_known()), "prctl(PR_CAPBSET_READ)");
}

void try_caps_ambient(struct fact_result *r)
{
	const char *op;
	/* As root of an own user namespace everything is permitted; where that cannot be
	 * had, with what there is. */
	bool own = trial_unshare(CLONE_NEWUSER, &op);
	unsigned cap = 0; /* CAP_CHOWN */
	struct cap_sets set = {.permitted = 1, .effective = 1, .inheritable = 1, .ambient = 1};
	_cleanup_err_ nd_err *e = caps_apply_after_setuid(&set);
	if (e) {
		const nd_err *root = err_root(e);
		fact_refused(r, root->errnum, root->op ? root->op : "capset",
			"CAP_CHOWN made inheritable and ambient");
		return;
	}
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, cap, 0, 0) != 1)
		fact_set(r, FACT_BROKEN, "the ambient set stays empty",
			"PR_CAP_AMBIENT_IS_SET of CAP_CHOWN");
	else
		fact_works(r, "CAP_CHOWN made ambient %s",
			own ? "in an own user namespace" : "with the privileges at hand");
}
