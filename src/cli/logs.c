/* `nidus logs`: what a run wrote. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/spawn.h"
#include "cli/cmds.h"
#include "cli/print.h"
#include "cli/runs.h"
#include "supervise/logfile.h"

struct logs_opts {
	bool follow, timestamps;
	char *tail, *since, *until;
};

static const struct opt opts[] = {
	{.name = "follow",
		.letter = 'f',
		.kind = OPT_FLAG,
		.offset = offsetof(struct logs_opts, follow),
		.help = "go on until the run is over"},
	{.name = "tail",
		.letter = 'n',
		.kind = OPT_STR,
		.offset = offsetof(struct logs_opts, tail),
		.arg = "N",
		.help = "the last N lines only, or 'all'"},
	{.name = "since",
		.kind = OPT_STR,
		.offset = offsetof(struct logs_opts, since),
		.arg = "TIME",
		.help = "not what is older",
		.more = "TIME is a duration back from now (10m, 1h30m), a date and time in UTC "
			"(2026-01-31T12:00:00Z, or the date alone), or seconds since 1970."},
	{.name = "until",
		.kind = OPT_STR,
		.offset = offsetof(struct logs_opts, until),
		.arg = "TIME",
		.help = "not what is younger; as --since"},
	{.name = "timestamps",
		.letter = 't',
		.kind = OPT_FLAG,
		.offset = offsetof(struct logs_opts, timestamps),
		.help = "the time before each line"},
};

struct logs {
	const struct logs_opts *o;
	struct run_info *run;
	bool midline[2]; /* of the two streams */
	bool broken;     /* nobody reads our output any more */
};

static bool show(void *arg, const struct log_entry *e)
{
	struct logs *l = arg;
	FILE *f = e->stream == LOG_STDERR ? stderr : stdout;
	if (l->o->timestamps && !l->midline[e->stream])
		fprintf(f, "%s ", e->time);
	l->midline[e->stream] = e->partial;
	if (fwrite(e->text, 1, e->len, f) != e->len || (l->o->follow && fflush(f) != 0))
		l->broken = true;
	return !l->broken;
}

static bool alive(void *arg)
{
	struct logs *l = arg;
	return run_dir_alive(&l->run->dir, false);
}

static nd_err *time_option(const char *name, const char *text, int64_t *ret)
{
	struct tm tm = {0};
	int64_t number;
	const char *end = strptime(text, "%Y-%m-%d", &tm);
	if (end && (*end == 'T' || *end == ' '))
		end = strptime(end + 1, "%H:%M:%S", &tm);
	if (end && *end == '.')
		end += 1 + strspn(end + 1, "0123456789");
	if (end && (str_eq(end, "") || str_eq(end, "Z"))) {
		*ret = (int64_t)timegm(&tm) * 1000;
		return NULL;
	}
	/* A bare number is a time since 1970, as in podman, not a duration. */
	if (str_to_i64(text, &number)) {
		*ret = number * 1000;
		return NULL;
	}
	if (str_to_ms(text, &number)) {
		*ret = now_real_ms() - number;
		return NULL;
	}
	return err_invalid("--%s: '%s' is neither a duration (10m), nor a time "
			   "(2026-01-31T12:00:00Z), nor seconds since 1970",
		name, text);
}

static nd_err *logs_of(const struct logs_opts *o, const char *ref)
{
	_cleanup_state_ struct state s = {.runs_fd = -1};
	_cleanup_runinfo_ struct run_info i = {.dir.fd = -1};
	struct logs l = {.o = o, .run = &i};
	struct log_query q = {
		.tail = -1, .follow = o->follow, .entry = show, .alive = alive, .arg = &l};
	if (o->tail && !str_eq(o->tail, "all") && (!str_to_i64(o->tail, &q.tail) || q.tail < 0))
		return err_invalid("--tail: '%s' is neither a number of lines nor 'all'", o->tail);
	if (o->since)
		TRY(time_option("since", o->since, &q.since_ms));
	if (o->until)
		TRY(time_option("until", o->until, &q.until_ms));
	TRY(state_open(&s));
	TRY(runinfo_find(&s, ref, &i));
	TRY(log_read(i.dir.fd, &q));
	if (l.midline[0])
		fflush(stdout);
	return NULL;
}

static int logs_run(void *target, char **args, size_t n_args)
{
	nd_err *e = logs_of(target, args[0]);
	return e ? print_error(e) : 0;
}

const struct cmd cmd_logs = {
	.name = "logs",
	.synopsis = "[options] RUN",
	.brief = "show what a run wrote to stdout and stderr",
	.manual = "What the workload wrote to stdout comes on stdout, what it wrote to stderr on "
		  "stderr. "
		  "With a terminal (-t) both were one stream and come on stdout.\n\n"
		  "Every run keeps its log in its folder, in files of at most 10 MB, two of them "
		  "(--log-opt max-size=, max-file=); older output is dropped. A run in the "
		  "foreground "
		  "with --rm has none: its output goes past nidus straight to the caller, unless a "
		  "--log-driver is named. Where the disk was full, output is missing and the "
		  "record says "
		  "how much.",
	.examples = "the last ten lines, and what comes\n$ nidus logs -f --tail 10 web\n",
	.opts = opts,
	.n_opts = ARRAY_SIZE(opts),
	.target_size = sizeof(struct logs_opts),
	.min_args = 1,
	.max_args = 1,
	.run = logs_run,
};
