/* `nidus wait`: until runs are over; prints their exit statuses. */
#include <stdio.h>

#include "cli/cmds.h"
#include "cli/print.h"
#include "cli/runs.h"
#include "supervise/stop.h"

struct wait_opts {
	bool ignore;
};

static const struct opt opts[] = {
	{.name = "ignore",
		.letter = 'i',
		.kind = OPT_FLAG,
		.offset = offsetof(struct wait_opts, ignore),
		.help = "a run that is not there is no error"},
};

static nd_err *wait_one(const struct state *s, struct run_info *i, const char *ref, void *arg)
{
	int status;
	TRY(run_wait(i, &status));
	printf("%d\n", status);
	fflush(stdout);
	return NULL;
}

static int wait_run(void *target, char **args, size_t n_args)
{
	const struct wait_opts *o = target;
	return runs_each(
		&(struct runs_choice){args, n_args, false, o->ignore, NULL}, wait_one, NULL);
}

const struct cmd cmd_wait = {
	.name = "wait",
	.synopsis = "[options] RUN...",
	.brief = "wait until runs are over and print their exit statuses",
	.manual =
		"Waits for one after the other, in the order given, and prints one number a line. "
		"A run that is started again by policy is not over. Where the monitor was killed "
		"nobody saw an exit status: that is an error.",
	.examples = "the exit status of a background run\n$ nidus wait job\n",
	.opts = opts,
	.n_opts = ARRAY_SIZE(opts),
	.target_size = sizeof(struct wait_opts),
	.min_args = 1,
	.max_args = -1,
	.run = wait_run,
};
