/* `nidus kill`: one signal to the first process of runs. */
#include <stdio.h>
#include <signal.h>

#include "cli/cmds.h"
#include "cli/print.h"
#include "cli/runs.h"
#include "kernel/names.h"
#include "supervise/stop.h"

struct kill_opts {
	bool all;
	char *signal;
	int sig;
};

static const struct opt opts[] = {
	{.name = "all",
		.letter = 'a',
		.kind = OPT_FLAG,
		.offset = offsetof(struct kill_opts, all),
		.group = "Which runs",
		.help = "every run that runs"},
	{.name = "signal",
		.letter = 's',
		.kind = OPT_STR,
		.offset = offsetof(struct kill_opts, signal),
		.arg = "SIGNAL",
		.group = "How",
		.help = "name or number (default: KILL)"},
};

static nd_err *kill_one(const struct state *s, struct run_info *i, const char *ref, void *arg)
{
	const struct kill_opts *o = arg;
	TRY(run_kill(i, o->sig));
	puts(ref);
	return NULL;
}

static bool is_running(const struct run_info *i)
{
	return i->status == RUN_RUNNING;
}

static int kill_run(void *target, char **args, size_t n_args)
{
	struct kill_opts *o = target;
	o->sig = SIGKILL;
	if (o->signal && !signal_number(o->signal, &o->sig))
		return print_error(err_invalid("--signal: there is no signal '%s'", o->signal));
	return runs_each(
		&(struct runs_choice){args, n_args, o->all, false, is_running}, kill_one, o);
}

const struct cmd cmd_kill = {
	.name = "kill",
	.synopsis = "[options] RUN...",
	.brief = "send a signal to runs",
	.manual =
		"Sends one signal to the first process of each run and does not wait. The restart "
		"policy of a run goes on to apply; 'nidus stop' ends it for good.",
	.examples = "have a server read its configuration again\n$ nidus kill -s HUP web\n",
	.opts = opts,
	.n_opts = ARRAY_SIZE(opts),
	.target_size = sizeof(struct kill_opts),
	.max_args = -1,
	.run = kill_run,
};
