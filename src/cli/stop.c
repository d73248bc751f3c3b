/* `nidus stop`: ask to end, wait, then make it end. */
#include <stdio.h>

#include "cli/cmds.h"
#include "cli/print.h"
#include "cli/runs.h"
#include "kernel/names.h"
#include "supervise/stop.h"

struct stop_opts {
	bool all, ignore;
	char *time;
	char *signal;
	int64_t timeout_ms;
	int sig;
};

static const struct opt opts[] = {
	{.name = "all",
		.letter = 'a',
		.kind = OPT_FLAG,
		.offset = offsetof(struct stop_opts, all),
		.group = "Which runs",
		.help = "every run that is alive"},
	{.name = "ignore",
		.letter = 'i',
		.kind = OPT_FLAG,
		.offset = offsetof(struct stop_opts, ignore),
		.help = "a run that is not there is no error"},
	{.name = "time",
		.letter = 't',
		.kind = OPT_STR,
		.offset = offsetof(struct stop_opts, time),
		.arg = "TIME",
		.group = "How",
		.help = "how long to wait before SIGKILL (default: the run's --stop-timeout, 10 "
			"s)"},
	{.name = "signal",
		.letter = 's',
		.kind = OPT_STR,
		.offset = offsetof(struct stop_opts, signal),
		.arg = "SIGNAL",
		.help = "what to send first (default: the run's --stop-signal, SIGTERM)"},
};

static nd_err *stop_one(const struct state *s, struct run_info *i, const char *ref, void *arg)
{
	const struct stop_opts *o = arg;
	TRY(run_stop_now(i, o->timeout_ms, o->sig));
	puts(ref);
	return NULL;
}

static int stop_run(void *target, char **args, size_t n_args)
{
	struct stop_opts *o = target;
	o->timeout_ms = -1;
	if (o->time && !str_to_ms(o->time, &o->timeout_ms))
		return print_error(err_invalid(
			"--time: '%s' is not a duration (as 10, 1.5s, 200ms, 2m)", o->time));
	if (o->signal && !signal_number(o->signal, &o->sig))
		return print_error(err_invalid("--signal: there is no signal '%s'", o->signal));
	return runs_each(
		&(struct runs_choice){args, n_args, o->all, o->ignore, run_is_live}, stop_one, o);
}

const struct cmd cmd_stop = {
	.name = "stop",
	.synopsis = "[options] RUN...",
	.brief = "end runs: their stop signal, then SIGKILL",
	.manual =
		"Sends the stop signal, waits, sends SIGKILL to what is left, and returns when the "
		"monitor has cleaned up. A run that is restarted by policy is not restarted after "
		"this. A run that does not run is no error.\n\n"
		"A container's first process that has no handler for the stop signal would never "
		"notice it (the kernel drops it, see pid_namespaces(7)): it gets SIGKILL at once, "
		"because waiting would change nothing. --init in 'nidus run' gives it a first "
		"process "
		"that passes signals on.",
	.examples = "give a database a minute\n$ nidus stop -t 60 db\n",
	.opts = opts,
	.n_opts = ARRAY_SIZE(opts),
	.target_size = sizeof(struct stop_opts),
	.max_args = -1,
	.run = stop_run,
};
