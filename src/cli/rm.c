/* `nidus rm`: runs that ended, with all they have. */
#include <stdio.h>

#include "cli/cmds.h"
#include "cli/print.h"
#include "cli/runs.h"
#include "supervise/reclaim.h"
#include "supervise/stop.h"

struct rm_opts {
	bool all, force, ignore, volumes;
	char *time;
	int64_t timeout_ms;
};

static const struct opt opts[] = {
	{.name = "all",
		.letter = 'a',
		.kind = OPT_FLAG,
		.offset = offsetof(struct rm_opts, all),
		.group = "Which runs",
		.help = "every run that is not alive; with --force every run"},
	{.name = "ignore",
		.letter = 'i',
		.kind = OPT_FLAG,
		.offset = offsetof(struct rm_opts, ignore),
		.help = "a run that is not there is no error"},
	{.name = "force",
		.letter = 'f',
		.kind = OPT_FLAG,
		.offset = offsetof(struct rm_opts, force),
		.group = "How",
		.help = "end it first if it is alive"},
	{.name = "time",
		.letter = 't',
		.kind = OPT_STR,
		.offset = offsetof(struct rm_opts, time),
		.arg = "TIME",
		.help = "with --force: stop it as 'nidus stop' does, with this time before "
			"SIGKILL"},
	{.name = "volumes",
		.letter = 'v',
		.kind = OPT_FLAG,
		.offset = offsetof(struct rm_opts, volumes),
		.help = "accepted for podman's sake: a run's own volumes always go with it"},
};

static nd_err *rm_one(const struct state *s, struct run_info *i, const char *ref, void *arg)
{
	const struct rm_opts *o = arg;
	if (o->force && o->timeout_ms >= 0 && run_is_live(i)) {
		TRY(run_stop_now(i, o->timeout_ms, 0));
		runinfo_refresh(i);
	}
	TRY(run_remove(s, i, o->force));
	puts(ref);
	return NULL;
}

static bool is_dead(const struct run_info *i)
{
	return !run_is_live(i);
}

static int rm_run(void *target, char **args, size_t n_args)
{
	struct rm_opts *o = target;
	o->timeout_ms = -1;
	if (o->time && !str_to_ms(o->time, &o->timeout_ms))
		return print_error(err_invalid(
			"--time: '%s' is not a duration (as 10, 1.5s, 200ms, 2m)", o->time));
	return runs_each(&(struct runs_choice){args, n_args, o->all, o->ignore || o->force,
				 o->force ? NULL : is_dead},
		rm_one, o);
}

const struct cmd cmd_rm = {
	.name = "rm",
	.synopsis = "[options] RUN...",
	.brief = "remove runs that ended",
	.manual = "Removes what a run left: its files, its log and its record, and what a killed "
		  "monitor "
		  "could not take back. A run that is alive is refused, unless --force ends it "
		  "first; "
		  "with --force a run that is not there is no error.",
	.examples = "remove all that ended\n$ nidus rm --all\n",
	.opts = opts,
	.n_opts = ARRAY_SIZE(opts),
	.target_size = sizeof(struct rm_opts),
	.max_args = -1,
	.run = rm_run,
};
