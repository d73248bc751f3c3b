/* Which rung the facts allow: see ladder.h. */
#include "plan/ladder.h"

#include <string.h>

/* The first of a rung's facts that does not work; NULL: all do.  The caller frees. */
static char *ruled_out_by(const struct rung *r, fact_lookup *lookup, void *arg, const char **reason)
{
	_cleanup_strv_ struct strv names = {0};
	if (!r->facts)
		return NULL;
	strv_split(&names, r->facts, ' ');
	for (size_t i = 0; i < names.n; i++)
		if (!lookup(arg, names.v[i], reason))
			return str_dup(names.v[i]);
	return NULL;
}

bool ladder_predict(const struct ladder *l, fact_lookup *lookup, void *arg, struct plan *plan)
{
	for (size_t i = 0; i < l->n; i++) {
		const struct rung *r =
			(const struct rung *)((const char *)l->rungs + i * l->stride);
		const char *reason = NULL;
		_cleanup_free_ char *fact = ruled_out_by(r, lookup, arg, &reason);
		if (!fact) {
			plan_took(plan, l->need, r->name, r->promise, false);
			return true;
		}
		_cleanup_free_ char *line =
			str_fmt("%s: %s", fact, reason ? reason : "does not work");
		plan_leave(plan, l->need, r->name, line, fact);
	}
	plan_need(plan, l->need);
	return false;
}
