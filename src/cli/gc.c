/* `nidus gc`: take back what killed monitors left. */
#include <stdio.h>

#include "base/json.h"
#include "cli/cmds.h"
#include "cli/print.h"
#include "supervise/reclaim.h"

struct gc_opts {
	bool dry_run, json;
};

static const struct opt opts[] = {
	{.name = "dry-run",
		.kind = OPT_FLAG,
		.offset = offsetof(struct gc_opts, dry_run),
		.help = "only say what would be taken back"},
	{.name = "json",
		.kind = OPT_FLAG,
		.offset = offsetof(struct gc_opts, json),
		.help = "print JSON"},
};

static void keep_line(void *arg, const char *text)
{
	strv_add(arg, text);
}

static int gc_run(void *target, char **args, size_t n_args)
{
	const struct gc_opts *o = target;
	_cleanup_state_ struct state s = {.runs_fd = -1};
	_cleanup_strv_ struct strv lines = {0};
	nd_err *e = state_open(&s);
	if (!e)
		e = runs_gc(&s, o->dry_run, keep_line, &lines);
	if (o->json) {
		struct json_out out = {.indent = 2};
		jo_open(&out, NULL, '{');
		jo_bool(&out, "dry_run", o->dry_run);
		jo_strv(&out, "reclaimed", &lines);
		jo_close(&out, '}');
		puts(out.b.data);
		buf_done(&out.b);
	}
	for (size_t i = 0; i < lines.n && !o->json; i++)
		printf("%s%s\n", o->dry_run ? "would remove " : "removed ", lines.v[i]);
	return e ? print_error(e) : 0;
}

const struct cmd cmd_gc = {
	.name = "gc",
	.synopsis = "[options]",
	.brief = "take back what killed runs left",
	.manual = "Looks at every run whose monitor is gone: processes that are left in its "
		  "cgroup, the "
		  "cgroup, network links and forwards, the files of its root if it was to vanish "
		  "at its "
		  "end (--rm), and names of runs that are gone. Runs that are alive are not "
		  "touched, nor "
		  "is anything that no run of this state directory made. Files and records of "
		  "other runs "
		  "stay until 'nidus rm'. It may be run at any time, also several at once.",
	.examples = "what would be done\n$ nidus gc --dry-run\n",
	.opts = opts,
	.n_opts = ARRAY_SIZE(opts),
	.target_size = sizeof(struct gc_opts),
	.max_args = 0,
	.run = gc_run,
};
