/* Runs as operands: see runs.h. */
#include "cli/runs.h"

#include <stdio.h>

#include "cli/cmds.h"
#include "cli/print.h"

bool run_is_live(const struct run_info *i)
{
	return i->status != RUN_EXITED && i->status != RUN_LOST;
}

static nd_err *call_by_ref(const struct state *s, const char *ref,
	nd_err *(*fn)(const struct state *s, struct run_info *i, const char *ref, void *arg),
	void *arg)
{
	_cleanup_runinfo_ struct run_info i = {.dir.fd = -1};
	TRY(runinfo_find(s, ref, &i));
	return fn(s, &i, ref, arg);
}

int runs_each(const struct runs_choice *c,
	nd_err *(*fn)(const struct state *s, struct run_info *i, const char *ref, void *arg),
	void *arg)
{
	_cleanup_state_ struct state s = {.runs_fd = -1};
	_cleanup_run_infos_ struct run_infos l = {0};
	int status = 0;
	if (c->all == (c->n_args > 0))
		return print_error(
			c->all ? err_invalid("--all and names of runs exclude each other")
			       : err_invalid("name a run, or give --all"));
	nd_err *e = state_open(&s);
	if (!e && c->all)
		e = runinfo_all(&s, &l);
	if (e)
		return print_error(e);
	for (size_t k = 0; k < (c->all ? l.n : c->n_args); k++) {
		if (c->all && c->wanted && !c->wanted(&l.v[k]))
			continue;
		e = call_by_ref(&s, c->all ? l.v[k].dir.id : c->args[k], fn, arg);
		if (!e)
			continue;
		/* One of all that went by itself meanwhile is not missed. */
		if ((c->all || c->ignore) && str_eq(err_find_code(e), "no-such-run"))
			err_free(e);
		else
			status = (print_error(e), EXIT_NIDUS);
	}
	return status;
}

void ago_text(int64_t ms, char *text)
{
	static const struct {
		int64_t s;
		const char *name;
	} units[] = {{86400 * 365, "year"}, {86400 * 30, "month"}, {86400, "day"}, {3600, "hour"},
		{60, "minute"}, {1, "second"}};
	int64_t s = ms > 0 ? ms / 1000 : 0;
	for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
		int64_t n = s / units[i].s;
		if (!n)
			continue;
		snprintf(text, 32, "%lld %s%s", (long long)n, units[i].name, n == 1 ? "" : "s");
		return;
	}
	snprintf(text, 32, "less than a second");
}
