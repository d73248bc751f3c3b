/* `nidus explain`: why a run is as it is. */
#include <stdio.h>

#include "base/json.h"
#include "cli/cmds.h"
#include "cli/print.h"
#include "cli/runs.h"

struct explain_opts {
	bool json;
};

static const struct opt opts[] = {
	{.name = "json",
		.kind = OPT_FLAG,
		.offset = offsetof(struct explain_opts, json),
		.help = "print JSON"},
};

static char *text_of(const struct json_at *o, const char *key)
{
	char *text = NULL;
	err_free(json_get_str(o, key, &text));
	return text;
}

static struct json_at part_of(const struct json_at *o, const char *key)
{
	struct json_at at = {0};
	err_free(json_get_obj(o, key, &at));
	return at;
}

static void indented(const char *label, const char *text)
{
	for (const char *p = text; p && *p;) {
		int n = 0;
		while (p[n] && p[n] != '\n')
			n++;
		printf("  %-9s %.*s\n", label, n, p);
		label = "";
		p += n + (p[n] == '\n');
	}
}

static void print_cause(const struct json_at *outcome)
{
	struct json_at cause = part_of(outcome, "cause"), error = part_of(outcome, "error");
	_cleanup_free_ char *message = text_of(&error, "message");
	_cleanup_free_ char *detail = text_of(&error, "detail");
	_cleanup_free_ char *remedy = text_of(&error, "remedy");
	_cleanup_free_ char *text = text_of(&cause, "text");
	_cleanup_free_ char *seen = text_of(&cause, "evidence");
	_cleanup_free_ char *cure = text_of(&cause, "remedy");
	_cleanup_free_ char *output = text_of(outcome, "last_output");
	bool proved = false;
	err_free(json_get_bool(&cause, "proved", &proved));
	indented("what:", message);
	if (!text)
		indented("detail:", detail);
	if (text)
		printf("  %-9s %s\n", proved ? "proved:" : "likely:", text);
	indented("seen in:", seen);
	indented("remedy:", cure ? cure : remedy);
	indented("output:", output);
}

static void print_plan(const struct json_at *record)
{
	struct json_at plan = part_of(record, "plan"), needs, left;
	err_free(json_get_arr(&plan, "needs", &needs));
	for (size_t i = 0; i < json_arr_len(&needs); i++) {
		struct json_at need = json_arr_at(&needs, i);
		err_free(json_get_arr(&need, "left", &left));
		_cleanup_free_ char *name = text_of(&need, "need"), *rung = text_of(&need, "rung");
		printf("  %-9s %s: %s\n", i ? "" : "took:", name ? name : "?",
			rung ? rung : "nothing");
		for (size_t k = 0; k < json_arr_len(&left); k++) {
			struct json_at one = json_arr_at(&left, k);
			_cleanup_free_ char *other = text_of(&one, "rung"),
					    *reason = text_of(&one, "reason");
			printf("  %-9s   not %s: %s\n", "", other ? other : "?",
				reason ? reason : "?");
		}
	}
}

static void print_timeline(const struct json_at *record)
{
	struct json_at list;
	err_free(json_get_arr(record, "timeline", &list));
	for (size_t i = 0; i < json_arr_len(&list); i++) {
		struct json_at at = json_arr_at(&list, i);
		_cleanup_free_ char *what = text_of(&at, "event"), *text = text_of(&at, "text");
		int64_t ms = 0;
		err_free(json_get_i64(&at, "ms", &ms));
		printf("  %-9s %8lld ms  %s%s%s\n", i ? "" : "when:", (long long)ms,
			what ? what : "?", text ? " " : "", text ? text : "");
	}
}

static void print_head(const struct run_info *i)
{
	printf("run %.12s (%s): ", i->dir.id, i->name);
	if (i->status == RUN_EXITED)
		printf("ended with status %d (%s)\n", i->exit_code, i->why);
	else if (i->status == RUN_LOST)
		puts("lost");
	else
		printf("%s%s%s\n", run_status_name(i->status), i->ready ? ", ready" : "",
			i->status == RUN_RUNNING && !i->ready ? ", not ready yet" : "");
	indented("command:", i->command_line);
	if (i->status == RUN_LOST) {
		indented("proved:",
			"its monitor was killed: nobody holds the lock of its folder, and "
			"no end was written down");
		indented("remedy:", "'nidus gc' takes back what it left, 'nidus rm' removes it.");
	}
}

static nd_err *explain_one(const struct state *s, struct run_info *i, const char *ref, void *arg)
{
	const struct explain_opts *o = arg;
	_cleanup_json_ struct json_doc record = {0};
	err_free(json_load(i->dir.fd, "record.json", &record));
	struct json_at outcome = part_of(&record.at, "outcome");
	if (!o->json) {
		print_head(i);
		print_cause(&outcome);
		print_plan(&record.at);
		print_timeline(&record.at);
		return NULL;
	}
	struct json_out out = {.indent = 2};
	jo_open(&out, NULL, '{');
	jo_str(&out, "id", i->dir.id);
	jo_str(&out, "name", i->name);
	jo_str(&out, "status", run_status_name(i->status));
	if (i->status == RUN_EXITED)
		jo_int(&out, "exit_code", i->exit_code);
	else
		jo_null(&out, "exit_code");
	jo_str(&out, "why", i->why);
	jo_copy(&out, "outcome", &outcome);
	struct json_at plan = part_of(&record.at, "plan");
	jo_copy(&out, "plan", &plan);
	jo_close(&out, '}');
	puts(out.b.data);
	buf_done(&out.b);
	return NULL;
}

static int explain_run(void *target, char **args, size_t n_args)
{
	return runs_each(
		&(struct runs_choice){args, n_args, false, false, NULL}, explain_one, target);
}

const struct cmd cmd_explain = {
	.name = "explain",
	.synopsis = "[options] RUN...",
	.brief = "say why a run ended, or did not start, and what would help",
	.manual = "Reads the record of the run: what went wrong, the cause with the line that gave "
		  "it "
		  "away, what would help, the last output, which mechanism was taken for each need "
		  "and "
		  "which were left for which reason, and what happened when. A cause is 'proved' "
		  "if a "
		  "fact shows it, and 'likely' if it was concluded from what the workload said.",
	.examples = "why it ended\n$ nidus explain web\n",
	.opts = opts,
	.n_opts = ARRAY_SIZE(opts),
	.target_size = sizeof(struct explain_opts),
	.min_args = 1,
	.max_args = -1,
	.run = explain_run,
};
